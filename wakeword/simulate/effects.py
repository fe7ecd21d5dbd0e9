"""Sounds put together: their levels, noise, rooms."""

from __future__ import annotations

from typing import cast

import numpy as np
import scipy.fft
import scipy.signal
from numpy.random import Generator

from wakeword.audio.levels import rms
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE, Samples


def limit_bandwidth(samples: Samples, band_hz: float) -> Samples:
    """The same length with nothing above a frequency: down to twice that rate, and up again."""
    rate = round(2 * band_hz)
    low = resample(samples, SAMPLE_RATE, rate)
    wide = resample(low, rate, SAMPLE_RATE)[: len(samples)]
    return np.pad(wide, (0, len(samples) - len(wide)))


def add_noise(samples: Samples, noise: Samples, snr_db: float, reference: float) -> Samples:
    """Add noise, repeated to length, `snr_db` below a signal of RMS `reference`."""
    noise = np.resize(noise, len(samples))
    gain = np.float32(reference / rms(noise) * 10 ** (-snr_db / 20))
    return cast(Samples, samples + noise * gain)


def coloured_noise(length: int, rng: Generator) -> Samples:
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


def change_speed(samples: Samples, factor: float) -> Samples:
    """Play `factor` times as fast: tempo and pitch change together."""
    return resample(samples, round(SAMPLE_RATE * factor), SAMPLE_RATE)


def change_pitch(samples: Samples, semitones: float) -> Samples:
    """Shift the pitch and keep the length (librosa's phase vocoder)."""
    import librosa

    shifted = librosa.effects.pitch_shift(
        samples, sr=SAMPLE_RATE, n_steps=semitones, res_type="soxr_mq", n_fft=512
    )
    return cast(Samples, shifted.astype(np.float32))


def limit_band(samples: Samples, rng: Generator) -> Samples:
    """What a telephone, a small loudspeaker or an old codec leaves."""
    low = float(rng.uniform(60, 350))
    high = float(rng.choice([3400.0, 3800.0, rng.uniform(3000, 7500)]))
    sos = scipy.signal.butter(6, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
    return cast(Samples, scipy.signal.sosfilt(sos, samples).astype(np.float32))
