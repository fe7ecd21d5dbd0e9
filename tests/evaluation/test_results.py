"""What results compute from their clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluations import evaluation, full_evaluation, keyword_result

from wakeword.evaluation.results import Evaluation, VerifierCalls


def test_misses_are_counted_by_speaker() -> None:
    result = keyword_result([True, False, False, True, False])
    assert result.misses_by_speaker() == {"s0": (2, 2), "s1": (0, 2), "s2": (0, 1)}
    other = keyword_result([False] * 3, condition="10 dB")
    both = Evaluation((result, other), 1.0, ())
    assert both.misses_by_speaker() == {"s0": (2, 3), "s1": (0, 3), "s2": (0, 2)}


def test_clips_of_unknown_speakers_are_left_out() -> None:
    result = keyword_result([True, False])
    first, second = result.clip_results
    unknown = replace(first, clip=replace(first.clip, speaker=None))
    result = replace(result, clip_results=(unknown, second))
    assert result.misses_by_speaker() == {"s1": (0, 1)}
    assert result.speaker_bootstrap(0.5) is None


def test_the_bootstrap_needs_several_speakers_and_an_operating_point() -> None:
    result = keyword_result([True] + [False] * 8)
    estimate = result.speaker_bootstrap(0.5)
    assert estimate is not None and estimate.value == pytest.approx(1 / 9)
    assert result.speaker_bootstrap(0.3) is None  # no operating point
    assert keyword_result([True]).speaker_bootstrap(0.5) is None  # one speaker


def test_latencies_are_those_of_detected_clips() -> None:
    assert keyword_result([True, False]).latency_percentiles == pytest.approx((0.1, 0.1))
    assert keyword_result([True]).latency_percentiles is None


def test_a_label_names_the_keyword_where_there_are_several() -> None:
    assert evaluation([True]).label("alexa", "clean") == "clean"
    assert full_evaluation().label("alexa", "clean") == "'alexa', clean"
    assert full_evaluation().keywords == ("alexa", "jarvis")


def test_hours_support_rates_of_one_event_or_more() -> None:
    assert evaluation([True], hours=2.0).supports(0.5)
    assert not evaluation([True], hours=1.9).supports(0.5)


def test_calls_that_follow_one_another_are_one_candidate() -> None:
    times_s = np.array([1.0, 1.2, 1.4, 3.0, 9.0, 10.5])
    reached = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [1, 1], [0, 1]], dtype=bool)
    calls = VerifierCalls(times_s, reached)
    assert calls.times_of(0) == [1.0, 1.2, 3.0, 9.0]
    assert [calls.count_candidates(k, 1.0) for k in (0, 1)] == [3, 3]
    assert [calls.count_candidates(k, 2.0) for k in (0, 1)] == [2, 2]
    none = VerifierCalls(np.zeros(0), np.zeros((0, 2), dtype=bool))
    assert none.count_candidates(0, 1.0) == 0
