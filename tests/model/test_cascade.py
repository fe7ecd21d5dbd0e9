"""When the verifier is called, and what the final logits are."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from wakeword.model.cascade import CLOSED_LOGIT, Call, Cascade, CascadeConfig

KEYWORDS = ("alexa", "computer")


def cascade(**config: float) -> Cascade:
    """Gate thresholds at a score of 0.5, a logit of 0; 25 logits a second."""
    settings = CascadeConfig(dict.fromkeys(KEYWORDS, 0.5), smoothing_s=0.04, **config)
    return Cascade(settings, KEYWORDS, 0.04, 0.04)


def gate_logits(frames: int, *above: int, keyword: int = 0) -> np.ndarray:
    """Logits of -5, and 2 at some frames of a keyword."""
    logits = np.full((frames, len(KEYWORDS)), -5.0)
    logits[list(above), keyword] = 2.0
    return logits


def test_a_score_below_its_threshold_calls_nothing() -> None:
    assert list(cascade().calls(gate_logits(100), Fraction(4))) == []


def test_the_verifier_is_called_at_the_end_of_the_block_that_reaches_the_threshold() -> None:
    (call,) = cascade().calls(gate_logits(40, 13), Fraction(4))
    assert (call.block, call.frame) == (3, 15)
    assert call.gate.tolist() == [2.0, CLOSED_LOGIT]


@pytest.mark.parametrize(("interval_s", "blocks"), [(0.16, [2, 3, 4, 5]), (0.32, [2, 4]), (1, [2])])
def test_calls_keep_their_distance(interval_s: float, blocks: list[int]) -> None:
    calls = cascade(interval_s=interval_s).calls(gate_logits(48, *range(8, 24)), Fraction(4))
    assert [call.block for call in calls] == blocks


@pytest.mark.parametrize(
    ("levels", "blocks"),
    [
        ((1.0, 2.0, 2.0, 2.0), [1, 2, 5]),  # after a rise at once, then after the interval
        ((1.0, 1.9, 2.0, 2.0), [1, 3]),  # in two steps
        ((3.0, 1.0, 2.0, 3.0), [1, 4]),  # from the last call on, not from the last block
    ],
)
def test_a_rising_score_calls_again_at_once(levels: tuple[float, ...], blocks: list[int]) -> None:
    logits = gate_logits(24)
    logits[4:20, 0] = np.repeat(levels, 4)
    logits[20:, 0] = levels[-1]
    calls = cascade(interval_s=0.48, rise=1.0).calls(logits, Fraction(4))
    assert [call.block for call in calls] == blocks


def test_another_keyword_calls_at_once() -> None:
    logits = gate_logits(24, *range(4, 24))
    logits[8:, 1] = 2.0
    calls = cascade(interval_s=0.48).calls(logits, Fraction(4))
    assert [call.block for call in calls][:2] == [1, 2]


def test_the_gate_counts_with_its_highest_logit_within_reach() -> None:
    logits = gate_logits(60, 8, keyword=1)
    logits[8:20, 0] = 1.0
    first, second = cascade(interval_s=0.32, reach_s=0.32).calls(logits, Fraction(4))
    assert first.gate.tolist() == [1.0, 2.0]
    assert second.gate.tolist() == [1.0, CLOSED_LOGIT]  # the other one is longer ago


def test_both_logits_are_weighted_where_the_gate_is_above_its_threshold() -> None:
    fused = cascade(gate_weight=0.5, verifier_weight=2.0, bias=-1.0).fuse(
        np.array([[2.0, CLOSED_LOGIT]]), np.array([[3.0, 9.0]])
    )
    assert fused.tolist() == [[6.0, CLOSED_LOGIT]]


def test_a_call_counts_until_the_next_one_or_for_the_interval() -> None:
    rules = cascade(interval_s=0.16, gate_weight=0.0)
    calls = [Call(1, 7, np.array([1.0, CLOSED_LOGIT])), Call(2, 10, np.array([1.0, 1.0]))]
    logits = rules.final_logits(20, calls, np.array([[3.0, 3.0], [4.0, 4.0]]))
    assert logits[:, 0].tolist() == [CLOSED_LOGIT] * 7 + [3.0] * 3 + [4.0] * 5 + [CLOSED_LOGIT] * 5
    assert (logits[:, 1] > CLOSED_LOGIT).sum() == 5


def test_the_verifier_counts_with_its_highest_logit_at_the_end_of_its_window() -> None:
    window = np.full((1, 48, 2), -3.0)
    window[0, 10, 0] = 8.0  # too early
    window[0, 40, 0] = 5.0
    assert cascade().highest(window).tolist() == [[5.0, -3.0]]
