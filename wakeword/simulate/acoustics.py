"""The one acoustic simulator: how a dry recording sounds at a microphone in a room.

Training examples and test streams both pass through `Acoustics.apply`. Training draws the
parameters at random (`training.augmentation.Augmenter`); a test condition states them
(`evaluation.conditions.Condition`). An effect that both are to have is added here: a field, and a
line in `apply`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from wakeword.audio.levels import set_level
from wakeword.audio.samples import Samples
from wakeword.simulate.effects import (
    add_noise,
    band_pass,
    fit_peaks,
    limit_bandwidth,
    reverberate,
)


@dataclass(frozen=True, kw_only=True)
class Acoustics:
    """Room, noise, band and level of one recording, applied in this order.

    Every field is optional; `Acoustics()` leaves a recording unchanged.

    Attributes:
        rir: (samples,) of the room impulse response at 16 kHz.
        noise: (samples,) at 16 kHz, repeated or cut to the length of the recording.
        snr_db: ratio of the speech to `noise`.
        fits_peaks: whether a recording that room or noise took beyond full scale is attenuated
            until it fits, as a gain control does.
        band_hz: lower and upper edge of a band-pass filter, as of a telephone or a loudspeaker.
        bandwidth_hz: upper edge of the band that a lower sampling rate leaves.
        level_db: level of the speech in dBFS. Lower where the recording would clip.
        gain_db: gain relative to the level as it is.
    """

    rir: Samples | None = None
    noise: Samples | None = None
    snr_db: float = 0.0
    fits_peaks: bool = False
    band_hz: tuple[float, float] | None = None
    bandwidth_hz: float | None = None
    level_db: float | None = None
    gain_db: float = 0.0

    def apply(self, samples: Samples, reference_rms: float) -> Samples:
        """Return the recording as a microphone picks it up: (samples,) of the same length.

        Args:
            samples: (samples,) at 16 kHz.
            reference_rms: RMS of the speech in it, which `snr_db` and `level_db` refer to.
        """
        if self.rir is not None:
            samples = reverberate(samples, self.rir)
        if self.noise is not None:
            samples = add_noise(samples, self.noise, self.snr_db, reference_rms)
        if self.fits_peaks:
            samples = fit_peaks(samples)
        if self.band_hz:
            samples = band_pass(samples, *self.band_hz)
        if self.bandwidth_hz:
            samples = limit_bandwidth(samples, self.bandwidth_hz)
        if self.level_db is not None:
            samples = set_level(samples, self.level_db, reference_rms)
        if self.gain_db:
            samples = cast(Samples, samples * np.float32(10 ** (self.gain_db / 20)))
        return samples
