"""Speech synthesis: every installed engine speaks reproducibly, and wrong arguments are refused."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable

import numpy as np
import pytest

from wakeword.audio.samples import Samples
from wakeword.errors import ConfigError
from wakeword.tts import kokoro
from wakeword.tts.engine import Engine
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import Voice, list_voices

PHRASE = "hey jarvis"
ENGINES = ["kokoro", "hibari", "joe", "espeak"]
GetVoice = Callable[[str], Voice]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_speaks_at_16_khz_for_a_plausible_time(
    engine: str, get_voice: GetVoice
) -> None:
    samples = synthesise(PHRASE, get_voice(engine))
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert 0.5 < len(samples) / 16_000 < 3.0
    assert 0.05 < float(np.abs(samples).max()) <= 1.0
    # Speech at the right rate has its energy below 4 kHz; at a wrong rate it is elsewhere.
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / 16_000)
    assert power[(frequency_hz > 80) & (frequency_hz < 4_000)].sum() > 0.8 * power.sum()


@pytest.mark.parametrize("engine", ENGINES)
def test_same_arguments_give_the_same_samples(engine: str, get_voice: GetVoice) -> None:
    voice = get_voice(engine)
    first = synthesise(PHRASE, voice, seed=3)
    synthesise("an earlier phrase has no influence", voice, seed=5)
    np.testing.assert_array_equal(first, synthesise(PHRASE, voice, seed=3))


@pytest.mark.parametrize("engine", ENGINES)
def test_another_seed_gives_another_take(engine: str, get_voice: GetVoice) -> None:
    voice = get_voice(engine)
    assert not np.array_equal(synthesise(PHRASE, voice), synthesise(PHRASE, voice, seed=7))


@pytest.mark.parametrize("engine", ENGINES)
def test_speed_shortens_and_pitch_raises(engine: str, get_voice: GetVoice) -> None:
    voice = get_voice(engine)
    plain = synthesise(PHRASE, voice)
    assert len(synthesise(PHRASE, voice, speed=1.4)) < len(plain)
    high = synthesise(PHRASE, voice, pitch=4.0)
    assert len(high) == pytest.approx(len(plain), rel=0.25)
    assert pitch_hz(high) > 1.1 * pitch_hz(plain)  # 4 semitones are a factor of 1.26


def test_another_process_gives_the_same_samples(get_voice: GetVoice) -> None:
    voice = get_voice("espeak")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        other = pool.apply(synthesise, (PHRASE, voice))
    np.testing.assert_array_equal(synthesise(PHRASE, voice), other)


@pytest.mark.usefixtures("espeak_installed")
def test_voices_differ() -> None:
    by_name = {voice.name: voice for voice in list_voices() if voice.engine == "espeak"}
    names = sorted(by_name)[:4]
    spoken = [synthesise(PHRASE, by_name[name]).tobytes() for name in names]
    assert len(set(spoken)) == len(names)


def test_a_missing_engine_is_an_error_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "missing_packages", lambda self: ["some-engine"])
    with pytest.raises(ConfigError, match=r'some-engine.*pip install "wakeword\[demo\]"'):
        synthesise(PHRASE, Voice("espeak", "en-us+f3", "anyone"))


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", {}, "nothing to speak"),
        (" ?!", {}, "nothing to speak"),
        (PHRASE, {"speed": 3.0}, "speed 3.0: expected 0.6 to 1.6"),
        (PHRASE, {"speed": float("nan")}, "speed nan"),
        (PHRASE, {"pitch": -12.0}, "pitch -12.0: expected -4.0 to 4.0"),
        (PHRASE, {"seed": -1}, "seed -1"),
    ],
)
def test_arguments_out_of_range_are_refused(
    text: str, arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        synthesise(text, Voice("espeak", "en-us+f3", "anyone"), **arguments)  # type: ignore[arg-type]


def test_phonemes_of_a_text_give_the_same_samples_as_the_text(get_voice: GetVoice) -> None:
    voice = get_voice("kokoro")
    phonemes = kokoro.phonemise(PHRASE, british=False)
    spoken = synthesise(phonemes, voice, phonemes=True, seed=2)
    np.testing.assert_array_equal(spoken, synthesise(PHRASE, voice, seed=2))


def test_unknown_engines_are_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'espeak'"):
        synthesise(PHRASE, Voice("espeek", "en-us", "anyone"))


@pytest.mark.usefixtures("espeak_installed")
def test_unknown_voices_and_phonemes_for_other_engines_are_refused() -> None:
    with pytest.raises(ConfigError, match="takes no phonemes"):
        synthesise("ʂɨ↘", Voice("espeak", "en-us+f3", "anyone"), phonemes=True)
    with pytest.raises(ConfigError, match="no voice 'xx-nowhere'"):
        synthesise(PHRASE, Voice("espeak", "xx-nowhere", "anyone"))


def pitch_hz(samples: Samples) -> float:
    """The median fundamental frequency of the loud frames, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::160]
    loud = frames[np.square(frames).sum(axis=1) > 0.2 * np.square(frames).sum(axis=1).max()]
    autocorrelation = np.fft.irfft(np.abs(np.fft.rfft(loud * np.hanning(1024), 2048)) ** 2)
    shortest, longest = 16_000 // 400, 16_000 // 70
    best = autocorrelation[:, shortest:longest].argmax(axis=1) + shortest
    return float(np.median(16_000 / best))
