"""Fit how the logits of gate and verifier are combined: logistic regression on held-out calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.optimize

from wakeword.model.cascade import CLOSED_LOGIT, CascadeConfig, Logits

MIN_CALLS = 30
"""Calls with the keyword, and calls without it, that a fit needs; with fewer the prior stays."""
_PRIOR = 10.0  # weight of the prior, in calls


class LabelledCalls(NamedTuple):
    """Calls of the verifier, of all keywords together.

    Attributes:
        gate: (n,) logits of the gate.
        verifier: (n,) logits of the verifier.
        is_keyword: (n,) whether the keyword was spoken.
    """

    gate: Logits
    verifier: Logits
    is_keyword: npt.NDArray[np.bool_]

    @classmethod
    def join(cls, parts: Sequence[LabelledCalls]) -> LabelledCalls:
        """Return the calls of all parts that the gate let through."""
        gate, verifier, is_keyword = (np.concatenate(each) for each in zip(*parts, strict=True))
        let_through = gate > CLOSED_LOGIT
        return cls(gate[let_through], verifier[let_through], is_keyword[let_through])


def fit_fusion(calls: LabelledCalls, prior: CascadeConfig) -> CascadeConfig:
    """Return the config with weights that make the final logit that of the keyword's probability.

    Both classes count the same. A quadratic penalty draws the weights towards the prior's, and
    neither weight becomes negative.

    Args:
        calls: of held-out streams.
        prior: weights where there are fewer than `MIN_CALLS` calls of either class.
    """
    positives = int(calls.is_keyword.sum())
    negatives = len(calls.is_keyword) - positives
    if min(positives, negatives) < MIN_CALLS:
        return prior
    inputs = np.stack([calls.gate, calls.verifier, np.ones(len(calls.gate))], axis=1)
    signs = np.where(calls.is_keyword, 1.0, -1.0)
    shares = np.where(calls.is_keyword, 0.5 / positives, 0.5 / negatives)
    start = np.array([prior.gate_weight, prior.verifier_weight, prior.bias])
    strength = _PRIOR / len(signs)

    def loss(weights: npt.NDArray[np.float64]) -> float:
        losses = np.logaddexp(0.0, -signs * (inputs @ weights))
        return float((shares * losses).sum() + strength * ((weights - start)[:2] ** 2).sum())

    bounds = [(0.0, None), (0.0, None), (None, None)]
    fitted = scipy.optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    gate, verifier, bias = (float(weight) for weight in fitted)
    return replace(prior, gate_weight=gate, verifier_weight=verifier, bias=bias)
