"""Effects on audio at 16 kHz. Each returns new samples; chance comes in as a Generator alone.

Packages that a device without PyTorch lacks are imported where they are used.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.random import Generator

from wakeword.audio.levels import rms
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE, Samples


def add_noise(samples: Samples, noise: Samples, snr_db: float, reference_rms: float) -> Samples:
    """Add noise at a signal-to-noise ratio.

    Args:
        samples: (samples,).
        noise: (any number of samples,), repeated or cut to the length of `samples`.
        snr_db: ratio of the signal to the noise.
        reference_rms: RMS of the signal, such as that of the speech in `samples`.
    """
    noise = np.resize(noise, len(samples))
    gain = np.float32(reference_rms / rms(noise) * 10 ** (-snr_db / 20))
    return cast(Samples, samples + noise * gain)


def coloured_noise(length: int, rng: Generator) -> Samples:
    """Draw noise whose spectrum falls at a random slope between white and brown.

    Returns:
        (length,) with a peak of 1.
    """
    import scipy.fft

    size = scipy.fft.next_fast_len(length, real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(size))
    slope = float(rng.uniform(0.0, 1.0))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** -slope
    noise = scipy.fft.irfft(spectrum, size)[:length]
    return cast(Samples, (noise / max(np.abs(noise).max(), 1e-9)).astype(np.float32))


def random_offset(noise: Samples, rng: Generator) -> Samples:
    """Rotate a noise so that it begins at a random sample."""
    return np.roll(noise, -int(rng.integers(len(noise))))


def reverberate(samples: Samples, rir: Samples) -> Samples:
    """Convolve a recording with a room impulse response.

    The direct sound keeps its place and its level; the tail beyond the end is cut off.
    """
    import scipy.signal

    direct = int(np.abs(rir).argmax())
    response = rir[direct:] / max(float(np.abs(rir[direct])), 1e-9)
    return cast(
        Samples,
        scipy.signal.oaconvolve(samples, response)[: len(samples)].astype(np.float32),
    )


def band_pass(samples: Samples, low_hz: float, high_hz: float) -> Samples:
    """Apply a Butterworth band-pass of order 6, as of a telephone or a small loudspeaker."""
    import scipy.signal

    sos = scipy.signal.butter(6, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE, output="sos")
    return cast(Samples, scipy.signal.sosfilt(sos, samples).astype(np.float32))


def limit_bandwidth(samples: Samples, bandwidth_hz: float) -> Samples:
    """Remove everything above a frequency by resampling to twice that rate and back."""
    rate = round(2 * bandwidth_hz)
    narrow = resample(samples, SAMPLE_RATE, rate)
    restored = resample(narrow, rate, SAMPLE_RATE)[: len(samples)]
    return np.pad(restored, (0, len(samples) - len(restored)))


def fit_peaks(samples: Samples) -> Samples:
    """Attenuate a recording whose peaks exceed full scale until they reach it."""
    return cast(Samples, samples / max(np.float32(1.0), np.abs(samples).max()))


def change_speed(samples: Samples, factor: float) -> Samples:
    """Play `factor` times as fast by resampling: tempo and pitch change together."""
    return resample(samples, round(SAMPLE_RATE * factor), SAMPLE_RATE)


def change_pitch(samples: Samples, semitones: float) -> Samples:
    """Shift the pitch and keep the length, by the phase vocoder of librosa."""
    import librosa

    shifted = librosa.effects.pitch_shift(
        samples, sr=SAMPLE_RATE, n_steps=semitones, res_type="soxr_mq", n_fft=512
    )
    return cast(Samples, shifted.astype(np.float32))
