"""The audio front end of microcontrollers, in its own integer arithmetic.

TensorFlow Lite Micro's front end is what ESPHome's devices compute and what the package
pymicro-features wraps: windows of 30 ms, a 16-bit FFT, 40 mel bands, and in each band noise
suppression, automatic gain control and a logarithm. Every value here is an integer, rounded where
the device rounds it, so that the features are equal to the bit.

Source: tflite-micro, `tensorflow/lite/experimental/microfrontend/lib`, and the 16-bit variant of
kissfft; the gain control is that of Wang et al. 2017, "Trainable frontend for robust and far-field
keyword spotting".
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.encoders.frontend import HOP, FrontEnd

BANDS = 40
RAW_SCALE = 10 / 256
"""A feature is so many times the integer that the device computes, which is about 0 to 670."""

_Integers = npt.NDArray[np.int64]

_WINDOW = 480  # samples, 30 ms
_N_FFT = 512
_BLOCK = 512  # frames that are computed at once, so that they stay in the processor's cache
_BAND_LIMITS_HZ = (125.0, 7500.0)
_WEIGHT_BITS = 12  # of the window and of the mel filters
_ESTIMATE_BITS = 10  # fractional bits of the noise estimate
_SMOOTHING_BITS = 14  # fractional bits of the smoothing factors
_SMOOTHING = (0.025, 0.06)  # of the noise estimate, in even and odd bands
_REMAINING = 0.05  # share of the signal that noise suppression keeps at least
_GAIN_STRENGTH, _GAIN_OFFSET, _GAIN_BITS = 0.95, 80.0, 21
_SNR_BITS, _OUTPUT_BITS = 12, 6
_TIPPED_BINS = (149, 221)
"""Their weights lie so close to a half that the device's logarithm in float32 rounds them up."""
_SIGNAL_BITS = 3  # the FFT divides by 2 ** 9, the square root of the filters' weights is 2 ** 6
_LOG_SEGMENTS, _LOG_BITS = 128, 16
_LOG_SCALE_BITS = 6
_UINT32 = 0xFFFFFFFF


class MicroState(NamedTuple):
    """State of a `MicroFrontEnd`."""

    pending: Tensor  # (batch, samples) that later frames still need
    noise: Tensor  # (batch, 40) int64, estimate of the noise in each band


class MicroFrontEnd(FrontEnd):
    """Features (batch, frames, 40) of microcontrollers, about 0 to 26; no gradient passes.

    Frame t covers samples [160 t, 160 t + 480): 20 ms of them lie after its end. Samples are
    rounded to 16 bits. Noise suppression starts from silence, so the features of a stream depend on
    all of its past.

    An hour of audio takes about 9 s on one core.
    """

    has_bands, exportable = True, False

    def __init__(self) -> None:
        super().__init__()
        self.width, self.silence = BANDS, 0.0
        self.look_ahead_ms = 1000 * (_WINDOW - HOP) / SAMPLE_RATE

    def forward(
        self, samples: Tensor, state: MicroState | None = None
    ) -> tuple[Tensor, MicroState]:
        """Compute (batch, frames, 40) of the next samples; see `FrontEnd.forward`."""
        if state is None:
            state = self._silence(samples)
        pending = torch.cat([state.pending, samples], dim=1)
        frames = max(0, (pending.shape[1] - _WINDOW) // HOP + 1)
        later = pending[:, frames * HOP :]
        if not frames:
            return samples.new_zeros(len(samples), 0, BANDS), MicroState(later, state.noise)
        integers = _to_int16(pending.detach().cpu().numpy())
        windows = np.lib.stride_tricks.sliding_window_view(integers, _WINDOW, axis=1)[:, ::HOP]
        streams, times = np.divmod(np.arange(len(samples) * frames), frames)
        starts = range(0, len(streams), _BLOCK)
        blocks = (windows[streams[i : i + _BLOCK], times[i : i + _BLOCK]] for i in starts)
        amplitudes = np.concatenate([_band_amplitudes(block) for block in blocks])
        amplitudes = amplitudes.reshape(len(samples), frames, BANDS)
        values, noise = _suppress_noise(amplitudes, state.noise.cpu().numpy())
        features = torch.from_numpy(_log(values).astype(np.float32) * np.float32(RAW_SCALE))
        return features.to(samples.device), MicroState(later, torch.from_numpy(noise))

    def start(self, samples: Tensor) -> tuple[MicroState, Tensor]:
        """The state holds the first 320 samples."""
        state = self._silence(samples)
        overlap = _WINDOW - HOP
        return MicroState(samples[:, :overlap], state.noise), samples[:, overlap:]

    def samples_for(self, frames: int) -> int:
        """The frames' hops, and the rest of the last one's window."""
        return (frames - 1) * HOP + _WINDOW

    @staticmethod
    def _silence(samples: Tensor) -> MicroState:
        noise = torch.zeros(len(samples), BANDS, dtype=torch.int64)
        return MicroState(samples[:, :0], noise)


def _to_int16(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Round samples in [-1, 1] to 16 bits, the inverse of a division by 32768."""
    integers: npt.NDArray[np.int16] = (
        np.rint(samples * 32768.0).clip(-32768, 32767).astype(np.int16)
    )
    return integers


def _band_amplitudes(windows: npt.NDArray[np.int16]) -> _Integers:
    """Compute the amplitude in each mel band: (frames, 480) → (frames, 40)."""
    windowed = (windows * _window() >> _WEIGHT_BITS).astype(np.int16)
    loudest = np.maximum(np.abs(windowed).max(axis=1), 0)  # the absolute value of -32768 is itself
    shift = 15 - _bit_length(loudest)
    scaled = (windowed.astype(np.int32) << shift[:, None]).astype(np.int16)
    real, imaginary = _real_fft(scaled.T.astype(np.int32))
    energy = np.square(real, dtype=np.float64) + np.square(imaginary, dtype=np.float64)
    power = (_filters() @ energy).T  # exact: integers below 2 ** 53
    return _rounded_root(power) >> shift[:, None]


def _real_fft(x: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Compute the FFT of real windows as kissfft does, with radix 4: (512, frames) → (257, frames).

    Each stage divides by its radix first, so that 16 bits hold its result. With a Hann window they
    always do: the mean amplitude is at most half of the largest.
    """
    half = _N_FFT // 2
    padded = np.zeros((_N_FFT, x.shape[1]), np.int32)
    padded[: len(x)] = x
    order = _digit_reversal()
    real, imaginary = padded[0::2][order], padded[1::2][order]
    size = 1
    while size < half:
        real, imaginary = _radix4(real, imaginary, size)
        size *= 4
    return _split_spectrum(real, imaginary)


def _radix4(
    real: npt.NDArray[np.int32], imaginary: npt.NDArray[np.int32], size: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Join four spectra of `size` bins each to one, throughout (256, frames)."""
    frames, half = real.shape[1], len(real)
    shape = (half // (4 * size), 4, size, frames)
    re, im = (_rounded(part * 8191).reshape(shape) for part in (real, imaginary))
    cosine, sine = _twiddles(size)
    later = _multiplied(re[:, 1:], im[:, 1:], cosine, sine)
    (r1, r2, r3), (i1, i2, i3) = ((part[:, 0], part[:, 1], part[:, 2]) for part in later)
    r0, i0 = re[:, 0], im[:, 0]
    even_r, even_i, odd_r, odd_i = r0 + r2, i0 + i2, r0 - r2, i0 - i2
    sum_r, sum_i, difference_r, difference_i = r1 + r3, i1 + i3, r1 - r3, i1 - i3
    out_r, out_i = np.empty(shape, np.int32), np.empty(shape, np.int32)
    out_r[:, 0], out_i[:, 0] = even_r + sum_r, even_i + sum_i
    out_r[:, 1], out_i[:, 1] = odd_r + difference_i, odd_i - difference_r
    out_r[:, 2], out_i[:, 2] = even_r - sum_r, even_i - sum_i
    out_r[:, 3], out_i[:, 3] = odd_r - difference_i, odd_i + difference_r
    return out_r.reshape(half, frames), out_i.reshape(half, frames)


def _split_spectrum(
    real: npt.NDArray[np.int32], imaginary: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """From the spectrum of even + i · odd samples to that of all: (256, frames) → (257, frames).

    The lowest and the highest bin stay 0: no filter takes them.
    """
    half = len(real)
    real, imaginary = _rounded(real * 16383), _rounded(imaginary * 16383)
    low, high = slice(1, half // 2 + 1), slice(half - 1, half // 2 - 1, -1)
    sum_r, sum_i = real[low] + real[high], imaginary[low] - imaginary[high]
    difference_r, difference_i = real[low] - real[high], imaginary[low] + imaginary[high]
    turned_r, turned_i = _multiplied(difference_r, difference_i, *_split_twiddles())
    out_r = np.zeros((half + 1, real.shape[1]), np.int32)
    out_i = np.zeros_like(out_r)
    out_r[low], out_i[low] = (sum_r + turned_r) >> 1, (sum_i + turned_i) >> 1
    out_r[high], out_i[high] = (sum_r - turned_r) >> 1, (turned_i - sum_i) >> 1
    return out_r, out_i


def _multiplied(
    real: npt.NDArray[np.int32],
    imaginary: npt.NDArray[np.int32],
    cosine: npt.NDArray[np.int32],
    sine: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Multiply by cosine + i · sine, which have 15 fractional bits, and round."""
    return (
        _rounded(real * cosine - imaginary * sine),
        _rounded(real * sine + imaginary * cosine),
    )


def _rounded(x: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Drop 15 fractional bits; halves are rounded up."""
    x += 1 << 14
    x >>= 15
    return x


def _rounded_root(power: npt.NDArray[np.float64]) -> _Integers:
    """Return the square root of integers below 2 ** 53, rounded."""
    root = np.sqrt(power).astype(np.int64)
    whole = power.astype(np.int64)
    root -= root * root > whole
    rest = whole - root * root
    # of 32 bits, the device does not round up where the root would not fit 16
    rounded_up: npt.NDArray[np.bool_] = (rest > root) & ((root != 0xFFFF) | (whole >> 32 > 0))
    return root + rounded_up


def _suppress_noise(signal: _Integers, noise: _Integers) -> tuple[_Integers, _Integers]:
    """Subtract the noise in each band and control the gain.

    Args:
        signal: (batch, frames, 40) amplitudes.
        noise: (batch, 40) estimate before them.

    Returns:
        (batch, frames, 40) and the estimate after them.
    """
    smoothing = (np.array(_SMOOTHING, np.float32) * (1 << _SMOOTHING_BITS)).astype(np.int64)
    smoothing = np.tile(smoothing, BANDS // 2)
    keep = (1 << _SMOOTHING_BITS) - smoothing
    scaled = (signal << _ESTIMATE_BITS) & _UINT32
    parts = np.ascontiguousarray((scaled * smoothing).swapaxes(0, 1))
    estimates = np.empty_like(parts)
    for part, estimate in zip(parts, estimates, strict=True):
        np.multiply(noise, keep, out=estimate)
        estimate += part
        estimate >>= _SMOOTHING_BITS
        noise = estimate
    estimates = estimates.swapaxes(0, 1)
    remaining = int(np.float32(_REMAINING) * (1 << _SMOOTHING_BITS))
    floor = signal * remaining >> _SMOOTHING_BITS
    signal = np.maximum((scaled - np.minimum(estimates, scaled)) >> _ESTIMATE_BITS, floor)
    snr = signal * _gain(estimates) >> (_GAIN_BITS - _SIGNAL_BITS - _SNR_BITS)
    low = snr * snr >> (2 + 2 * _SNR_BITS - _OUTPUT_BITS)
    high = (snr >> (_SNR_BITS - _OUTPUT_BITS)) - (1 << _OUTPUT_BITS)
    return np.where(snr < 2 << _SNR_BITS, low, high), noise.copy()


def _gain(noise: _Integers) -> _Integers:
    """Interpolate the gain, a quadratic function between the powers of two of the noise."""
    bits = _bit_length(noise)
    base, slope, curve = _gain_table()[:, bits]
    fraction = np.where(
        bits < 11, noise << np.maximum(11 - bits, 0), noise >> np.maximum(bits - 11, 0)
    )
    fraction &= 0x3FF
    change = ((curve * fraction >> 5) + (slope << 5)) * fraction
    gain: _Integers = base + np.where(noise > 2, (change + (1 << 14)) >> 15, 0)
    return gain


def _log(values: _Integers) -> _Integers:
    """Return 64 · ln(8 x) from a table of the logarithm's fraction; 0 for 0."""
    values = values << _SIGNAL_BITS
    whole = np.maximum(_bit_length(values) - 1, 0)
    fraction = values - (1 << whole)
    fraction = np.where(
        whole < _LOG_BITS,
        fraction << np.maximum(_LOG_BITS - whole, 0),
        fraction >> np.maximum(whole - _LOG_BITS, 0),
    )
    unit = (1 << _LOG_BITS) // _LOG_SEGMENTS
    segment = np.where(values > 1, fraction // unit, 0)
    table = _log_table()
    start = table[segment]
    rise = (table[segment + 1] - start) * (fraction - segment * unit) >> _LOG_BITS
    log2 = (whole << _LOG_BITS) + fraction + start + rise
    half = 1 << (_LOG_BITS - 1)
    ln = (log2 * round(np.log(2) * (1 << _LOG_BITS)) + half) >> _LOG_BITS
    scaled: _Integers = np.where(values > 1, ((ln << _LOG_SCALE_BITS) + half) >> _LOG_BITS, 0)
    return scaled


def _bit_length(x: npt.NDArray[np.signedinteger]) -> _Integers:
    """Return the number of bits of integers from 0 to 2 ** 53."""
    bits: _Integers = np.frexp(x.astype(np.float64))[1].astype(np.int64)
    return bits


@cache
def _window() -> npt.NDArray[np.int32]:
    """(480,) of the Hann window; the device computes it in float32."""
    step = np.float32(np.pi) * np.float32(2) / np.float32(_WINDOW)
    angles = step * (np.arange(_WINDOW, dtype=np.float32) + np.float32(0.5))
    window = np.float32(0.5) - np.float32(0.5) * np.cos(angles.astype(np.float64)).astype(
        np.float32
    )
    scaled = window * np.float32(1 << _WEIGHT_BITS)
    rounded: npt.NDArray[np.int32] = np.floor(scaled + np.float32(0.5)).astype(np.int32)
    return rounded


@cache
def _digit_reversal() -> npt.NDArray[np.int64]:
    """(256,) indices with their four digits of base 4 in reverse order."""
    order: _Integers = np.arange(_N_FFT // 2).reshape(4, 4, 4, 4).transpose().reshape(-1)
    return order


def _fixed_point(angles: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int32], ...]:
    """Cosine and sine with 15 fractional bits."""
    return tuple(
        np.floor(0.5 + 32767 * part).astype(np.int32) for part in (np.cos(angles), np.sin(angles))
    )


@cache
def _twiddles(size: int) -> tuple[npt.NDArray[np.int32], ...]:
    """(3, size, 1): the rotation of each bin of the second to fourth of four spectra."""
    turns = np.arange(1, 4)[:, None] * np.arange(size) * (_N_FFT // 2 // (4 * size))
    return _fixed_point(-2 * np.pi * turns[..., None] / (_N_FFT // 2))


@cache
def _split_twiddles() -> tuple[npt.NDArray[np.int32], ...]:
    """(128, 1): the rotation of each bin of the odd samples' spectrum."""
    half = _N_FFT // 2
    return _fixed_point(-np.pi * (np.arange(1, half // 2 + 1)[:, None] / half + 0.5))


@cache
def _filters() -> npt.NDArray[np.float64]:
    """(40, 257) mel filters: each band falls where the next one rises."""
    bin_hz = SAMPLE_RATE / _N_FFT
    low, high = _mel(np.array(_BAND_LIMITS_HZ))
    edges = np.linspace(low, high, BANDS + 2)
    first = int(1.5 + _BAND_LIMITS_HZ[0] / bin_hz)
    bins = np.arange(first, int(np.ceil(_BAND_LIMITS_HZ[1] / bin_hz)))
    mels = _mel(bins * bin_hz)
    band = np.searchsorted(edges, mels) - 1  # the band that falls, counted from the lower edge
    falling = (edges[band + 1] - mels) / (edges[band + 1] - edges[band]) * (1 << _WEIGHT_BITS)
    rounded = np.floor(falling + 0.5)
    rounded[np.isin(bins, _TIPPED_BINS)] += 1
    filters = np.zeros((BANDS + 2, _N_FFT // 2 + 1))
    filters[band, bins] = rounded
    filters[band + 1, bins] = (1 << _WEIGHT_BITS) - rounded
    return filters[1 : BANDS + 1]


def _mel(hz: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    mel: npt.NDArray[np.float64] = 1127.0 * np.log1p(hz / 700.0)
    return mel


@cache
def _gain_table() -> _Integers:
    """(3, 33): the gain at each bit length of the noise estimate, its slope and its curve."""
    table = np.zeros((3, 33), np.int64)
    table[0, 0], table[0, 1] = _exact_gain(0), _exact_gain(1)
    for bits in range(2, 33):
        start = 1 << (bits - 1)
        end = 2 * start if bits < 32 else 2 * start - 1
        here, middle, there = (_exact_gain(x) for x in (start, start + start // 2, end))
        slope = 4 * (middle - here) - (there - here)
        table[:, bits] = here, slope, there - here - slope
    return table


def _exact_gain(noise: int) -> int:
    """Return the gain of one noise estimate, computed in float32 as the device does."""
    level = np.float32(noise) / np.float32(1 << (_ESTIMATE_BITS - _SIGNAL_BITS))
    power = np.float32(
        float(level + np.float32(_GAIN_OFFSET)) ** -float(np.float32(_GAIN_STRENGTH))
    )
    gain = np.float32(1 << _GAIN_BITS) * power
    return int(min(gain + np.float32(0.5), 32767))


@cache
def _log_table() -> _Integers:
    """(130,): log2(1 + x) - x at the ends of 128 segments, with 16 fractional bits."""
    x = np.arange(_LOG_SEGMENTS + 1) / _LOG_SEGMENTS
    table = np.rint((np.log2(1 + x) - x) * (1 << _LOG_BITS)).astype(np.int64)
    return np.append(table, 0)
