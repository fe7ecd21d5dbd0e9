"""Augmentation: random voices and acoustics for training examples, and SpecAugment on features.

Every draw comes from the Generator that is passed in, so a seed determines an example. (The
audiomentations package draws from global random state, which threads would share.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.random import Generator

from wakeword.audio.samples import Samples
from wakeword.simulate.acoustics import Acoustics
from wakeword.simulate.effects import change_pitch, change_speed, coloured_noise, random_offset
from wakeword.simulate.rirs import simulate_rir
from wakeword.simulate.talkers import competing_speech

if TYPE_CHECKING:
    import torch

_MEASURED_RIR_SHARE = 0.8  # of reverberant examples; the others have a simulated room
_SYNTHETIC_NOISE_SHARE = 0.15  # of noisy examples; the others have a recorded noise
_QUIET_SNR_DB = (35.0, 60.0)  # of the noise floor of examples without added noise


@dataclass(frozen=True)
class AugmentConfig:
    """How often and how strongly training examples are augmented.

    Attributes:
        speed_share: share of clips whose speed changes.
        speed: range of the speed factor.
        pitch_share: share of clips whose pitch changes.
        pitch_semitones: range of the pitch shift.
        noise_share: share of examples with added noise.
        noise_snr_db: range of the signal-to-noise ratio.
        talker_share: share of the noisy examples whose noise is competing speech.
        room_share: share of examples in a room.
        band_share: share of examples with a band limit.
        level_db: range of the level of the speech in dBFS.
        mask_share: share of examples with SpecAugment masks.
    """

    speed_share: float = 0.9
    speed: tuple[float, float] = (0.82, 1.22)
    pitch_share: float = 0.1
    pitch_semitones: tuple[float, float] = (-2.0, 2.0)
    noise_share: float = 0.85
    noise_snr_db: tuple[float, float] = (-5.0, 25.0)
    talker_share: float = 0.33
    room_share: float = 0.45
    band_share: float = 0.2
    level_db: tuple[float, float] = (-60.0, -14.0)
    mask_share: float = 0.6


class Augmenter:
    """Draws the voice and the acoustics of training examples.

    Args:
        config: shares and ranges.
        noises: (samples,) of each recorded noise at 16 kHz; without any, noise is synthetic.
        rirs: (samples,) of each measured room impulse response at 16 kHz; without any, rooms are
            simulated.
        talkers: (samples,) of each recording of competing speech at 16 kHz; without any, there is
            none.
    """

    def __init__(
        self,
        config: AugmentConfig,
        noises: Sequence[Samples],
        rirs: Sequence[Samples],
        talkers: Sequence[Samples] = (),
    ) -> None:
        self.config = config
        self.noises = noises
        self.rirs = rirs
        self.talkers = talkers

    def vary_voice(self, samples: Samples, rng: Generator) -> tuple[Samples, float]:
        """Change speed and pitch of a clip.

        Returns:
            The changed samples, and the factor by which times in the clip shrink.
        """
        config = self.config
        factor = 1.0
        if rng.random() < config.speed_share:
            factor = float(rng.uniform(*config.speed))
            samples = change_speed(samples, factor)
        if rng.random() < config.pitch_share:
            samples = change_pitch(samples, float(rng.uniform(*config.pitch_semitones)))
        return samples, factor

    def draw_acoustics(self, length: int, rng: Generator) -> Acoustics:
        """Draw room, noise, band and level of an example of `length` samples."""
        config = self.config
        rir = self._draw_rir(rng) if rng.random() < config.room_share else None
        if rng.random() < config.noise_share:
            snr_db = float(rng.uniform(*config.noise_snr_db))
            noise = self._draw_noise(length, rng)
        else:
            noise = coloured_noise(length, rng)
            snr_db = float(rng.uniform(*_QUIET_SNR_DB))
        band_hz = _draw_band(rng) if rng.random() < config.band_share else None
        level_db = float(rng.uniform(*config.level_db))
        return Acoustics(rir=rir, noise=noise, snr_db=snr_db, band_hz=band_hz, level_db=level_db)

    def _draw_rir(self, rng: Generator) -> Samples:
        if self.rirs and rng.random() < _MEASURED_RIR_SHARE:
            return self.rirs[int(rng.integers(len(self.rirs)))]
        return simulate_rir(rng)

    def _draw_noise(self, length: int, rng: Generator) -> Samples:
        if self.talkers and rng.random() < self.config.talker_share:
            return competing_speech(self.talkers, length, rng)
        if not self.noises or rng.random() < _SYNTHETIC_NOISE_SHARE:
            return coloured_noise(length, rng)
        return random_offset(self.noises[int(rng.integers(len(self.noises)))], rng)


def _draw_band(rng: Generator) -> tuple[float, float]:
    """Draw the edges of a band in Hz: often those of a telephone."""
    low_hz = float(rng.uniform(60, 350))
    high_hz = float(rng.choice([3400.0, 3800.0, rng.uniform(3000, 7500)]))
    return low_hz, high_hz


def mask_features(features: torch.Tensor, rng: Generator, share: float = 1.0) -> torch.Tensor:
    """Set up to two stripes of bands and up to two of frames to the mean value.

    Source: Park et al. 2019, "SpecAugment".

    Args:
        features: (T, bands); not changed.
        rng: of this example.
        share: probability that there are masks at all.
    """
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
