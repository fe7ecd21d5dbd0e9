"""Fit the final logit of two stages to held-out calls of the verifier, by logistic regression."""

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
_SCALES = (0.1, 10.0)  # of the fit: calls that a line separates would give an infinite one


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

    The ratio of both weights stays that of the prior, because few held-out calls determine it
    badly; scale and bias are fitted. Both classes count the same.

    Args:
        calls: of held-out streams.
        prior: weights; they stay where there are fewer than `MIN_CALLS` calls of either class.
    """
    positives = int(calls.is_keyword.sum())
    negatives = len(calls.is_keyword) - positives
    if min(positives, negatives) < MIN_CALLS:
        return prior
    logits = prior.gate_weight * calls.gate + prior.verifier_weight * calls.verifier
    signs = np.where(calls.is_keyword, 1.0, -1.0)
    shares = np.where(calls.is_keyword, 0.5 / positives, 0.5 / negatives)

    def loss(fitted: npt.NDArray[np.float64]) -> float:
        scale, bias = fitted
        return float((shares * np.logaddexp(0.0, -signs * (scale * logits + bias))).sum())

    bounds = [_SCALES, (None, None)]
    start = np.array([1.0, prior.bias])
    scale, bias = scipy.optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    return replace(
        prior,
        gate_weight=float(scale * prior.gate_weight),
        verifier_weight=float(scale * prior.verifier_weight),
        bias=float(bias),
    )
