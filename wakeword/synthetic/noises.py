"""Noises without recordings: coloured noise, mains hum, and babble of synthetic voices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator

from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.levels import rms, set_level
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip
from wakeword.simulate.effects import coloured_noise
from wakeword.synthetic.takes import Take

SPEECH_LEVEL_DB = -26.0  # dBFS
_NOISE_S = 30.0
_NOISE_KINDS = ("hiss", "hum", "babble")
_BABBLE_VOICES = 6


def write_noises(takes: Sequence[Take], folder: Path, name: str, seed: int) -> tuple[Clip, ...]:
    """Write noise, mains hum and babble for each split; existing files are used again.

    Args:
        takes: that exist as files; the babble is their speech.
        folder: of the data set.
        name: of the folder below `folder`/noise.
        seed: of all draws.
    """
    clips = []
    for number, (split, kind) in enumerate(
        (split, kind) for split in ("train", "dev") for kind in _NOISE_KINDS
    ):
        path = folder / "noise" / name / f"{split}_{kind}_{seed}.flac"
        clips.append(Clip(path, split=split, source="noise", duration_s=_NOISE_S))
        if path.is_file():
            continue
        rng = np.random.default_rng((seed, number))
        length = round(_NOISE_S * SAMPLE_RATE)
        if kind == "hiss":
            noise = coloured_noise(length, rng)
        elif kind == "hum":
            noise = _hum(length, rng)
        else:
            speech = [take for take in takes if take.split == split and take.kind == "speech"]
            noise = _babble([folder / take.file for take in speech], length, rng)
        save_audio(path, set_level(noise, SPEECH_LEVEL_DB, rms(noise)))
    return tuple(clips)


def _hum(length: int, rng: Generator) -> Samples:
    """Mains hum with its harmonics, and coloured noise as of a fan."""
    time_s = np.arange(length) / SAMPLE_RATE
    mains_hz = float(rng.choice([50.0, 60.0]))
    hum = np.zeros(length)
    for harmonic in range(1, 9):
        phase = float(rng.uniform(0, 2 * np.pi))
        amplitude = rng.uniform(0.2, 1.0) / harmonic
        hum += amplitude * np.sin(2 * np.pi * mains_hz * harmonic * time_s + phase)
    fan = coloured_noise(length, rng)
    return (hum / rms(hum.astype(np.float32)) + fan / rms(fan)).astype(np.float32)


def _babble(files: Sequence[Path], length: int, rng: Generator) -> Samples:
    """Several people who talk at once without a pause."""
    mix = np.zeros(length, dtype=np.float32)
    for _ in range(_BABBLE_VOICES):
        position = 0
        while position < length:
            file = files[int(rng.integers(len(files)))]
            samples = load_audio(file)[: length - position]
            mix[position : position + len(samples)] += set_level(
                samples, SPEECH_LEVEL_DB, rms(samples)
            )
            position += len(samples)
    return mix
