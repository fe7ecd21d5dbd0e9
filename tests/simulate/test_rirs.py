"""Simulated room impulse responses, and near rooms told apart from far ones."""

from __future__ import annotations

import numpy as np
import pytest

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.simulate.rirs import rir_kind, simulate_rir


def test_a_simulated_response_is_one_of_a_room() -> None:
    rir = simulate_rir(np.random.default_rng(0))
    direct = int(np.abs(rir).argmax())
    assert rir.dtype == np.float32 and np.isfinite(rir).all()
    assert direct < 0.05 * SAMPLE_RATE  # at most 17 m away
    energy = np.square(rir[direct:])
    assert 0.01 < energy[SAMPLE_RATE // 200 :].sum() / energy.sum() < 0.99  # there is a tail


@pytest.mark.parametrize(
    ("reflections", "kind"), [({1000: 0.5}, "near"), ({600: 0.9, 1200: 0.9}, "far")]
)
def test_the_kind_is_the_direct_to_reverberant_ratio(
    reflections: dict[int, float], kind: str
) -> None:
    rir = np.zeros(4000, np.float32)
    rir[100] = 1.0
    for at, amplitude in reflections.items():
        rir[at] = amplitude
    assert rir_kind(rir) == kind
