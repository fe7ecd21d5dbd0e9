"""The final logit of two stages, fitted to held-out calls."""

from __future__ import annotations

import numpy as np
import pytest

from wakeword.model.cascade import CLOSED_LOGIT, CascadeConfig
from wakeword.training.fusion import MIN_CALLS, LabelledCalls, fit_fusion

PRIOR = CascadeConfig({"alexa": 0.1}, gate_weight=0.2, verifier_weight=1.0)


def drawn(count: int, bias: float = 0.0, scale: float = 1.0) -> LabelledCalls:
    """Calls with a keyword by the sigmoid of scale · (0.2 gate + verifier) + bias."""
    rng = np.random.default_rng(0)
    gate, verifier = rng.normal(0, 3, (2, count))
    logits = scale * (0.2 * gate + verifier) + bias
    return LabelledCalls(gate, verifier, rng.random(count) < 1 / (1 + np.exp(-logits)))


@pytest.mark.parametrize(("bias", "scale"), [(0.0, 1.0), (0.0, 0.5), (1.5, 1.0)])
def test_the_final_logit_becomes_that_of_the_probability(bias: float, scale: float) -> None:
    calls = drawn(20_000, bias, scale)
    fitted = fit_fusion(calls, PRIOR)
    share = calls.is_keyword.mean()
    balance = np.log(share) - np.log1p(-share)  # both classes count the same
    assert fitted.verifier_weight == pytest.approx(scale, rel=0.1)
    assert fitted.bias == pytest.approx(bias - balance, abs=0.15)
    assert fitted.gate_weight == pytest.approx(0.2 * fitted.verifier_weight)


def test_calls_that_a_line_separates_give_finite_weights() -> None:
    verifier = np.concatenate([np.full(50, 4.0), np.full(50, -4.0)])
    calls = LabelledCalls(np.zeros(100), verifier, verifier > 0)
    fitted = fit_fusion(calls, PRIOR)
    assert 1 < fitted.verifier_weight <= 10
    assert abs(fitted.bias) < 1


def test_few_calls_leave_the_prior() -> None:
    calls = drawn(MIN_CALLS)
    assert fit_fusion(calls, PRIOR) is PRIOR


def test_calls_below_the_gate_threshold_are_left_out() -> None:
    gate = np.array([CLOSED_LOGIT, 1.0])
    part = LabelledCalls(gate, np.array([5.0, 6.0]), np.array([True, False]))
    joined = LabelledCalls.join([part, part])
    assert joined.gate.tolist() == [1.0, 1.0]
    assert joined.verifier.tolist() == [6.0, 6.0]
    assert not joined.is_keyword.any()
