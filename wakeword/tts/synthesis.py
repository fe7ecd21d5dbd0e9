"""Speech synthesis: short phrases in many voices, offline, by engines that pip installs.

| engine | model | licence | natural | seconds a phrase, one core |
|---|---|---|---|---|
| `kokoro` | Kokoro-82M | Apache-2.0 | yes, one speaker a voice | 1 |
| `hibari` | one Kokoro speaker, distilled | Apache-2.0 | yes | 0.015 |
| `joe` | Piper (VITS) | CC0 | yes | 0.25 |
| `espeak` | eSpeak NG, formant synthesis | GPL-3.0-or-later | no, but any number of voices | 0.01 |

All models and voices come from the engines' own packages; this project contains none of them. No
engine is imported before it is used. Every process loads its own models, on one thread each, so
`synthesise` may be called from processes started by spawn; a lock guards threads.
"""

from __future__ import annotations

import threading
from typing import cast

import numpy as np

from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.tts import kokoro
from wakeword.tts.engine import INSTALL_COMMAND
from wakeword.tts.voices import ENGINES, Voice

SPEED_RANGE = (0.6, 1.6)
PITCH_RANGE = (-4.0, 4.0)  # semitones

_LOCK = threading.RLock()


def synthesise(
    text: str,
    voice: Voice,
    *,
    speed: float = 1.0,
    pitch: float = 0.0,
    seed: int = 0,
    phonemes: bool = False,
) -> Samples:
    """Speak a phrase. The same arguments give the same samples on the same machine.

    Args:
        text: a phrase in the language of the voice (English, or that of an eSpeak voice such as
            "de+f3"), at most a sentence or two. Punctuation at its end changes the melody: "hey
            you", "hey you!" and "hey you?" are three clips.
        voice: one of `list_voices`.
        speed: of speech, 0.6 to 1.6; 1 is the voice's own.
        pitch: semitones, -4 to 4; formants move with it, as with a larger or smaller speaker.
        seed: each seed gives another take of the phrase (hibari's differ by noise only).
        phonemes: `text` is a string of Kokoro's phonemes, of any language that Kokoro speaks; for
            Kokoro's voices only.

    Returns:
        (samples,) float32 mono at 16 kHz in [-1, 1], including the silence that the engine adds.

    Raises:
        ConfigError: the engine is not installed, the voice does not exist, an argument is out of
            range, or nothing in the text can be spoken.
    """
    _check_arguments(text, voice, speed, pitch, seed)
    if phonemes and voice.engine != "kokoro":
        raise ConfigError(f"voice '{voice.id}' takes no phonemes: only Kokoro's voices do.")
    speak = kokoro.speak_phonemes if phonemes else ENGINES[voice.engine].speak
    # Played back faster by `shift`, so spoken slower by as much: pitch moves, duration does not.
    shift = 2.0 ** (pitch / 12.0)
    with _LOCK:
        samples, rate = speak(text, voice.name, speed / shift, seed)
    if samples.size == 0:
        raise ConfigError(
            f"voice '{voice.id}' produced no audio for {text!r}. Use another spelling."
        )
    resampled = resample(samples, round(rate * shift), SAMPLE_RATE)
    return cast(Samples, np.clip(resampled, -1.0, 1.0))


def _check_arguments(text: str, voice: Voice, speed: float, pitch: float, seed: int) -> None:
    if not any(character.isalnum() for character in text):
        raise ConfigError(f"nothing to speak in {text!r}: expected a phrase with letters.")
    _check_range("speed", speed, SPEED_RANGE)
    _check_range("pitch", pitch, PITCH_RANGE)
    if seed < 0:
        raise ConfigError(f"seed {seed}: expected 0 or more.")
    if voice.engine not in ENGINES:
        raise ConfigError(unknown_name_message("speech engine", voice.engine, ENGINES))
    if missing := ENGINES[voice.engine].missing_packages():
        raise ConfigError(
            f"voice '{voice.id}' needs {', '.join(missing)}, which is not installed. "
            f"Run: {INSTALL_COMMAND}"
        )


def _check_range(name: str, value: float, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise ConfigError(f"{name} {value}: expected {low} to {high}.")
