"""The learning-rate schedule, and early stopping."""

from __future__ import annotations

import numpy as np
import pytest

from wakeword.training.loop import _has_stopped, learning_rate_factor
from wakeword.training.result import EpochResult


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    positions = np.linspace(0, 1, 1001)
    factors = [learning_rate_factor(position, 0) for position in positions]
    assert 0 < factors[0] < 0.01 and factors[-1] == pytest.approx(0.0)
    highest = int(np.argmax(factors))
    assert positions[highest] == pytest.approx(0.03, abs=0.002)
    assert np.all(np.diff(factors[: highest + 1]) > 0) and np.all(np.diff(factors[highest:]) < 0)
    assert factors[500] == pytest.approx(0.5)


@pytest.mark.parametrize("group", [0, 1, 3])
def test_with_gradual_unfreezing_each_group_starts_later(group: int) -> None:
    begin = 0.08 * group
    assert learning_rate_factor(begin + 0.2, group, gradual=True) > 0.5
    if group:
        assert learning_rate_factor(begin - 1e-6, group, gradual=True) == 0.0
    assert learning_rate_factor(0.5, group) == learning_rate_factor(0.5, 0)


@pytest.mark.parametrize(
    ("misses", "clips", "stopped"),
    [
        ([], 1000, False),
        ([0.5], 1000, False),
        ([0.5, 0.6, 0.6], 1000, True),
        ([0.5, 0.6, 0.6], 10, False),  # no worse than chance can make it
        ([0.5, 0.6, 0.5], 1000, False),
        ([0.5, 0.4, 0.6], 1000, False),
    ],
)
def test_training_stops_once_it_is_clearly_worse(
    misses: list[float], clips: int, stopped: bool
) -> None:
    history = [EpochResult(epoch, 1.0, miss) for epoch, miss in enumerate(misses)]
    assert _has_stopped(history, 2, clips) == stopped
