"""TODO."""

from __future__ import annotations

from typing import cast

import numpy as np

from wakeword.audio.samples import Samples


def rms(samples: Samples) -> float:
    """Root mean square; never 0."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def set_level(samples: Samples, level_db: float, reference: float) -> Samples:
    """Scale so that what now has RMS `reference` has `level_db` below full scale; no clipping."""
    gain = 10 ** (level_db / 20) / reference
    peak = float(np.abs(samples).max(initial=0.0))
    return cast(Samples, samples * np.float32(min(gain, 0.99 / max(peak, 1e-9))))
