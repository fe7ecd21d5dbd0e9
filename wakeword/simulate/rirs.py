"""TODO."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.random import Generator

from wakeword.audio.samples import SAMPLE_RATE, Samples


def rir_kind(response: Samples) -> str:
    """ "near" where the direct sound, 2.5 ms around the peak, outweighs the rest; else "far"."""
    energy = np.square(response, dtype=np.float64)
    peak = int(energy.argmax())
    reach = round(0.0025 * SAMPLE_RATE)
    direct = energy[max(0, peak - reach) : peak + reach].sum()
    return "near" if direct >= energy[peak + reach :].sum() else "far"


def simulate_rir(rng: Generator) -> Samples:
    """The response of a drawn shoebox room at a drawn distance, by image sources."""
    import pyroomacoustics

    size = rng.uniform((2.5, 2.5, 2.2), (9.0, 7.0, 3.5))
    room = pyroomacoustics.ShoeBox(
        size,
        fs=SAMPLE_RATE,
        materials=pyroomacoustics.Material(float(rng.uniform(0.15, 0.7))),
        max_order=10,
    )
    room.add_source(rng.uniform(0.3, size - 0.3))
    room.add_microphone(rng.uniform(0.3, size - 0.3))
    room.compute_rir()
    return cast(Samples, room.rir[0][0].astype(np.float32))
