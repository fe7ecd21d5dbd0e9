"""Room impulse responses (RIRs): simulated ones, and the distance that a measured one implies."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
from numpy.random import Generator

from wakeword.audio.samples import SAMPLE_RATE, Samples

_DIRECT_S = 0.0025
"""The direct sound lies within this time before and after the peak."""


def rir_kind(rir: Samples) -> Literal["near", "far"]:
    """Classify a room impulse response by its direct-to-reverberant energy ratio.

    Args:
        rir: (samples,) at 16 kHz.

    Returns:
        "near" where the direct sound has at least as much energy as what follows, else "far".
    """
    energy = np.square(rir, dtype=np.float64)
    peak = int(energy.argmax())
    reach = round(_DIRECT_S * SAMPLE_RATE)
    direct = energy[max(0, peak - reach) : peak + reach].sum()
    return "near" if direct >= energy[peak + reach :].sum() else "far"


def simulate_rir(rng: Generator) -> Samples:
    """Simulate a room impulse response by the image-source method of pyroomacoustics.

    Size and absorption of the shoebox room and both positions in it are drawn.

    Returns:
        (samples,) at 16 kHz.
    """
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
