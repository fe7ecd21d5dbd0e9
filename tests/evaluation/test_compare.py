"""Paired comparison of two models."""

from __future__ import annotations

import pytest
from evaluations import evaluation

from wakeword.evaluation.compare import compare_evaluations


def test_two_models_are_compared_clip_by_clip() -> None:
    first = evaluation([True] * 8 + [False] * 12)
    second = evaluation([False] * 7 + [True] + [False] * 11 + [True])
    (comparison,) = compare_evaluations(first, second)
    assert (comparison.only_first, comparison.only_second) == (7, 1)
    assert comparison.p == pytest.approx(2 * (1 + 8) / 2**8)  # two-sided binomial, 1 of 8
    assert compare_evaluations(first, first)[0].p == 1.0
    assert compare_evaluations(first, evaluation([True])) == []


def test_a_rate_without_an_operating_point_is_not_compared() -> None:
    first = evaluation([True, False])
    assert len(compare_evaluations(first, first, 0.5)) == 1
    assert compare_evaluations(first, first, 0.3) == []
