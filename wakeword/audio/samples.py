"""The sample format of the package: 16 kHz mono float32 in [-1, 1]. Needs numpy alone."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from wakeword.errors import AudioError, ConfigError

SAMPLE_RATE = 16_000
Samples = npt.NDArray[np.float32]


def from_int16(pcm: npt.NDArray[np.int16]) -> Samples:
    """Convert 16-bit PCM of any shape to float32 in [-1, 1)."""
    return cast(Samples, pcm.astype(np.float32) / np.float32(32768))


def as_float32(samples: npt.ArrayLike) -> Samples:
    """Scale 16-bit integers to [-1, 1); float32 samples are returned unchanged.

    Other floating-point numbers are rounded to float32.

    Args:
        samples: an array of any shape.

    Raises:
        ConfigError: bytes, text or anything else without samples, or integers of another width,
            whose full scale is not known.
    """
    if isinstance(samples, (bytes, bytearray, memoryview)):
        raise ConfigError(
            f"samples of type {type(samples).__name__}: expected a numpy array. Of 16-bit PCM, "
            "numpy.frombuffer(data, numpy.int16) makes one."
        )
    array = np.asarray(samples)
    if array.dtype.kind == "i" and array.dtype.itemsize == 2:
        return from_int16(cast("npt.NDArray[np.int16]", array))
    if array.dtype.kind != "f":
        given = f"dtype {array.dtype}" if array.ndim else f"type {type(samples).__name__}"
        raise ConfigError(
            f"samples of {given}: expected a numpy array of float32 in [-1, 1] or of int16. Divide "
            "other integers by their full scale, as in numpy.float32(samples / 2**31) for int32; "
            "wakeword.audio.files.load_audio reads a file."
        )
    return array.astype(np.float32, copy=False)


def window_before(samples: Samples, end: int, size: int) -> Samples:
    """Return the last `size` samples before sample `end`; silence precedes the first one.

    Args:
        samples: (n,), with n of `end` or more.
        end: sample that follows the window.
        size: of the window.

    Returns:
        (size,)
    """
    return np.pad(samples[max(0, end - size) : end], (max(0, size - end), 0))


def to_mono(frames: npt.NDArray[np.float32], channel: int | None = None) -> Samples:
    """Take one channel, or the mean of all channels.

    Args:
        frames: (n, channels).
        channel: index from 0; None mixes all channels.

    Returns:
        (n,), always a new array: the caller may reuse `frames`.
    """
    if channel is None:
        return cast(Samples, frames.mean(axis=1, dtype=np.float32))
    return cast(Samples, frames[:, channel].copy())


def check_channel(channel: int | None, channels: int, source: str) -> None:
    """Raise AudioError, naming the `source`, where it has no such channel; None passes."""
    if channel is not None and not 0 <= channel < channels:
        raise AudioError(
            f"{source} has {channels} channel(s), channel {channel} is out of range. "
            f"Choose 0 to {channels - 1}, or leave the channel out to mix all of them."
        )
