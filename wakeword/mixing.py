"""Sounds put together: their levels, noise, rooms."""

from __future__ import annotations

from typing import cast

import numpy as np
import scipy.fft
import scipy.signal
from numpy.random import Generator

from wakeword.audio import Samples


def rms(samples: Samples) -> float:
    """Root mean square; never 0."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def set_level(samples: Samples, level_db: float, reference: float) -> Samples:
    """Scale so that what now has RMS `reference` has `level_db` below full scale; no clipping."""
    gain = 10 ** (level_db / 20) / reference
    peak = float(np.abs(samples).max(initial=0.0))
    return cast(Samples, samples * np.float32(min(gain, 0.99 / max(peak, 1e-9))))


def add_noise(samples: Samples, noise: Samples, snr_db: float, reference: float) -> Samples:
    """Add noise, repeated to length, `snr_db` below a signal of RMS `reference`."""
    noise = np.resize(noise, len(samples))
    gain = np.float32(reference / rms(noise) * 10 ** (-snr_db / 20))
    return cast(Samples, samples + noise * gain)


def hiss(length: int, rng: Generator) -> Samples:
    """Noise whose spectrum falls by a drawn slope between white and brown."""
    size = scipy.fft.next_fast_len(length, real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(size))
    slope = float(rng.uniform(0.0, 1.0))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** -slope
    noise = scipy.fft.irfft(spectrum, size)[:length]
    return cast(Samples, (noise / max(np.abs(noise).max(), 1e-9)).astype(np.float32))


def reverberate(samples: Samples, room: Samples) -> Samples:
    """Play into a room: the direct sound stays in place and at its level; the tail is cut off."""
    direct = int(np.abs(room).argmax())
    response = room[direct:] / max(float(np.abs(room[direct])), 1e-9)
    return cast(
        Samples,
        scipy.signal.oaconvolve(samples, response)[: len(samples)].astype(np.float32),
    )
