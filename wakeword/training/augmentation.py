"""What happens to a recording on its way to a microphone: every draw from an explicit Generator.

Room responses come from measured ones where the data has them, else from pyroomacoustics' image
sources. The rest is a few lines of numpy, soxr and scipy each; audiomentations draws from global
random state, which would make a seed mean nothing once two transforms run side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator

from wakeword.audio.levels import set_level
from wakeword.audio.samples import Samples
from wakeword.simulate.effects import (
    add_noise,
    change_pitch,
    change_speed,
    coloured_noise,
    limit_band,
    reverberate,
)
from wakeword.simulate.rirs import simulate_rir


@dataclass(frozen=True)
class AugmentConfig:
    """Shares are probabilities per scene; ranges are drawn from evenly."""

    speed_share: float = 0.9
    speed: tuple[float, float] = (0.82, 1.22)  # tempo and pitch together
    pitch_share: float = 0.1
    pitch_semitones: tuple[float, float] = (-2.0, 2.0)
    noise_share: float = 0.85
    noise_snr_db: tuple[float, float] = (-5.0, 25.0)
    room_share: float = 0.45
    band_share: float = 0.2
    level_db: tuple[float, float] = (-60.0, -14.0)  # RMS of the sound itself, dB full scale
    mask_share: float = 0.6  # SpecAugment


def mask_features(features: torch.Tensor, rng: Generator, share: float = 1.0) -> torch.Tensor:
    """SpecAugment on (T, bands), in this share of cases: up to two stripes of bands and of time
    take the mean value."""
    if share < 1 and rng.random() >= share:
        return features
    features = features.clone()
    mean = features.mean()
    for axis, longest in ((1, 14), (0, 12)):
        for _ in range(int(rng.integers(0, 3))):
            width = int(rng.integers(0, longest + 1))
            first = int(rng.integers(0, max(1, features.shape[axis] - width)))
            features.narrow(axis, first, min(width, features.shape[axis] - first)).fill_(mean)
    return features


class Augmenter:
    """Draws noises and rooms that the data set has, or makes them where it has none."""

    def __init__(
        self, config: AugmentConfig, noises: Sequence[Samples], rirs: Sequence[Samples]
    ) -> None:
        self.config = config
        self.noises = noises
        self.rirs = rirs

    def vary_voice(self, samples: Samples, rng: Generator) -> tuple[Samples, float]:
        """Speed and pitch of one clip; also the factor by which its times shrink."""
        c = self.config
        factor = 1.0
        if rng.random() < c.speed_share:
            factor = float(rng.uniform(*c.speed))
            samples = change_speed(samples, factor)
        if rng.random() < c.pitch_share:
            samples = change_pitch(samples, float(rng.uniform(*c.pitch_semitones)))
        return samples, factor

    def place(self, samples: Samples, reference: float, rng: Generator) -> Samples:
        """Room, noise, band and level of a whole scene, whose speech has RMS `reference`."""
        c = self.config
        if rng.random() < c.room_share:
            samples = reverberate(samples, self._room(rng))
        if rng.random() < c.noise_share:
            snr_db = float(rng.uniform(*c.noise_snr_db))
            samples = add_noise(samples, self._noise(len(samples), rng), snr_db, reference)
        else:
            samples = add_noise(
                samples, coloured_noise(len(samples), rng), float(rng.uniform(35, 60)), reference
            )
        if rng.random() < c.band_share:
            samples = limit_band(samples, rng)
        return set_level(samples, float(rng.uniform(*c.level_db)), reference)

    def _room(self, rng: Generator) -> Samples:
        if self.rirs and rng.random() < 0.8:
            return self.rirs[int(rng.integers(len(self.rirs)))]
        return simulate_rir(rng)

    def _noise(self, length: int, rng: Generator) -> Samples:
        if not self.noises or rng.random() < 0.15:
            return coloured_noise(length, rng)
        noise = self.noises[int(rng.integers(len(self.noises)))]
        return np.roll(noise, -int(rng.integers(len(noise))))[:length]
