"""Levels: power, RMS, decibels relative to full scale (dBFS), and gain. Needs numpy alone."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import Samples

_Floats = TypeVar("_Floats", bound=npt.NDArray[np.floating[Any]])

SILENCE_POWER = 1e-10
"""Power that counts as digital silence, -100 dBFS."""


def rms(samples: Samples) -> float:
    """Root mean square of the samples; at least 1e-6, so that it can be divided by."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def set_level(samples: Samples, level_db: float, reference: float) -> Samples:
    """Apply the gain that brings RMS `reference` to `level_db` dBFS, without clipping.

    Args:
        samples: (n,).
        level_db: wanted level in dBFS.
        reference: RMS that is to have this level, such as `rms` of the speech within `samples`.

    Returns:
        (n,); where the gain would take the peak beyond 0.99, the gain is lower.
    """
    gain = 10 ** (level_db / 20) / reference
    peak = float(np.abs(samples).max(initial=0.0))
    return cast(Samples, samples * np.float32(min(gain, 0.99 / max(peak, 1e-9))))


def frame_power(samples: _Floats, frame_length: int) -> _Floats:
    """Mean square of each frame, in the precision of the samples.

    Args:
        samples: (n,).
        frame_length: samples in a frame; frames do not overlap.

    Returns:
        (n // frame_length,); a rest shorter than a frame is left out.
    """
    count = len(samples) // frame_length
    frames = samples[: count * frame_length].reshape(-1, frame_length)
    return cast(_Floats, np.square(frames).mean(axis=1))


def power_to_db(power: _Floats, floor: float = SILENCE_POWER) -> _Floats:
    """Convert power to dBFS; powers below `floor` count as `floor`."""
    return cast(_Floats, 10.0 * np.log10(np.maximum(power, floor)))


def level_db(samples: Samples, lowest_db: float = -90.0) -> float:
    """Level of all samples in dBFS, at least `lowest_db`, also for no samples at all."""
    power = np.float64(np.square(samples).mean() if samples.size else 0.0)
    return float(power_to_db(power, 10 ** (lowest_db / 10)))
