"""Metrics: cases by hand, known intervals, and properties that hold for any numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.data.clip import KeywordSegment
from wakeword.evaluation.metrics import (
    DetPoint,
    Estimate,
    at_false_accepts,
    bootstrap,
    detected,
    latencies,
    mcnemar,
    merge_curves,
    poisson,
    sweep,
    wilson,
)


def by_formula(count: int, total: int) -> tuple[float, float]:
    """Wilson 1927, written out, at 95 %."""
    z, share = 1.959963984540054, count / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    root = math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    half = root * z / (1 + z * z / total)
    return middle - half, middle + half


@pytest.mark.parametrize(
    ("count", "total"), [(0, 10), (1, 10), (5, 10), (10, 10), (3, 234), (0, 1), (1, 1)]
)
def test_wilson_is_the_formula(count: int, total: int) -> None:
    rate = wilson(count, total)
    low, high = by_formula(count, total)
    assert rate.value == count / total
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-9)


def test_wilson_known_value() -> None:
    """Newcombe 1998, table I: 81 of 263."""
    rate = wilson(81, 263)
    assert (round(rate.low, 4), round(rate.high, 4)) == (0.2553, 0.3662)


def test_wilson_of_no_trials_is_unbounded() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390)],
)
def test_poisson_known_values(count: int, low: float, high: float) -> None:
    """Garwood 1936: the exact 95 % bounds of a count."""
    rate = poisson(count, 1.0)
    assert (rate.value, rate.low, rate.high) == pytest.approx((count, low, high), abs=2e-3)


def test_poisson_of_no_hours_is_unbounded() -> None:
    assert poisson(1, 0.0) == poisson(0, 0.0) == Estimate(0.0, 0.0, math.inf)


@given(st.integers(0, 200), st.floats(0.01, 1000))
def test_poisson_bounds_are_where_the_tail_is(count: int, hours: float) -> None:
    rate = poisson(count, hours)
    assert rate.low <= rate.value <= rate.high
    mean = rate.high * hours
    at_most = sum(
        math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(count + 1)
    )
    assert at_most == pytest.approx(0.025, rel=1e-5)


@given(st.integers(0, 50), st.integers(1, 50))
def test_more_data_narrows_both_intervals(count: int, more: int) -> None:
    total = count + 10
    few, many = wilson(count, total), wilson(count * (more + 1), total * (more + 1))
    assert many.high - many.low < few.high - few.low
    rare, often = poisson(count, 1.0), poisson(count * (more + 1), more + 1.0)
    assert often.high - often.low < rare.high - rare.low


def segments(*bounds: tuple[float, float]) -> list[KeywordSegment]:
    return [KeywordSegment("alexa", start_s, end_s) for start_s, end_s in bounds]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], False),
        ([0.99], False),
        ([1.0], True),
        ([1.5], True),
        ([2.8], True),
        ([2.81], False),
        ([2.81, 0.5], False),
        ([9.0, 0.5, 1.2], True),  # in any order
    ],
)
def test_a_hit_lies_between_start_and_end_with_tolerance(
    times: list[float], expected: bool
) -> None:
    assert detected(times, segments((1.0, 2.0)), 0.8).tolist() == [expected]


def test_each_segment_needs_an_event_in_its_own_time() -> None:
    spoken = segments((1.0, 2.0), (3.0, 4.0), (5.0, 6.0))
    assert detected([1.5, 1.6, 5.5], spoken, 0.5).tolist() == [True, False, True]
    assert detected([1.5], [], 0.5).tolist() == []


def events_of(scored: list[tuple[float, float]]):
    return lambda threshold: [time for time, score in scored if score >= threshold]


def test_sweep_by_hand() -> None:
    positives = events_of([(1.5, 0.9), (3.5, 0.4)])
    negatives = events_of([(10.0, 0.3), (20.0, 0.6), (30.0, 0.1)])
    spoken = segments((1.0, 2.0), (3.0, 4.0))
    points = sweep(positives, spoken, negatives, 0.5, [0.2, 0.5, 0.95], 0.8)
    assert [(p.misses, p.false_accepts) for p in points] == [(0, 2), (1, 1), (2, 0)]
    assert [p.miss_rate for p in points] == [0.0, 0.5, 1.0]
    assert [p.false_accepts_per_hour for p in points] == [4.0, 2.0, 0.0]


def test_rates_without_data_are_zero() -> None:
    point = DetPoint(0.5, 0, 0, 0, 0.0)
    assert (point.miss_rate, point.false_accepts_per_hour) == (0.0, 0.0)


def test_a_point_has_the_intervals_of_its_counts() -> None:
    point = DetPoint(0.5, 3, 234, 2, 4.0)
    assert point.miss_rate_estimate == wilson(3, 234)
    assert point.false_accept_estimate == poisson(2, 4.0)
    assert point.miss_rate_estimate.value == point.miss_rate
    assert point.false_accept_estimate.value == point.false_accepts_per_hour


SCORED = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), max_size=20)
THRESHOLDS = st.lists(st.floats(0, 1), min_size=2, max_size=10).map(sorted)


@given(SCORED, SCORED, THRESHOLDS)
def test_sweep_over_peaks_is_monotone(positives, negatives, thresholds) -> None:
    spoken = segments(*((float(t), t + 5.0) for t in range(0, 100, 10)))
    points = sweep(events_of(positives), spoken, events_of(negatives), 1.0, thresholds, 0.8)
    misses = [point.misses for point in points]
    accepted = [point.false_accepts for point in points]
    assert misses == sorted(misses)
    assert accepted == sorted(accepted, reverse=True)


def curve(*missed_and_accepts: tuple[int, int], spoken: int = 10) -> list[DetPoint]:
    return [
        DetPoint(0.1 * (i + 1), misses, spoken, accepts, 2.0)
        for i, (misses, accepts) in enumerate(missed_and_accepts)
    ]


def test_merging_adds_keywords_and_keeps_negatives() -> None:
    one, two = curve((0, 8), (4, 2)), curve((1, 8), (6, 2), spoken=20)
    both = merge_curves([one, two])
    assert [(p.misses, p.spoken, p.false_accepts, p.hours) for p in both] == [
        (1, 30, 8, 2.0),
        (10, 30, 2, 2.0),
    ]
    assert merge_curves([one]) == one


def test_merging_needs_curves_of_equal_length() -> None:
    with pytest.raises(ValueError):
        merge_curves([curve((0, 1)), curve((0, 1), (1, 0))])


@pytest.mark.parametrize(
    ("per_hour", "threshold"), [(10.0, 0.1), (4.0, 0.1), (3.9, 0.3), (0.5, 0.4), (0.4, None)]
)
def test_the_fewest_misses_within_a_rate(per_hour: float, threshold: float | None) -> None:
    points = curve((0, 8), (2, 3), (2, 2), (5, 1))
    best = at_false_accepts(points, per_hour)
    assert (best and best.threshold) == (threshold and pytest.approx(threshold))


def test_of_equal_points_the_middle_one_is_chosen() -> None:
    points = curve((1, 2), (1, 1), (1, 1), (1, 1), (2, 0))
    best = at_false_accepts(points, 10.0)
    assert best and best.threshold == pytest.approx(points[2].threshold)


def test_without_points_there_is_no_operating_point() -> None:
    assert at_false_accepts([], 1.0) is None


def test_latency_counts_from_the_end_of_the_keyword() -> None:
    spoken = segments((1.0, 1.5), (4.0, 4.5), (8.0, 8.5))
    assert latencies([4.2, 1.8, 9.31], spoken, 0.8) == [
        pytest.approx(0.3),
        pytest.approx(-0.3),
        None,
    ]
    assert latencies([], spoken, 0.8) == [None, None, None]


def test_bootstrap_resamples_speakers_not_clips() -> None:
    """Where one speaker in ten has all the misses, the interval is wider than over clips."""
    groups = [[True] * 10] + [[False] * 10] * 9
    rate = bootstrap(groups)
    by_clip = wilson(10, 100)
    assert rate.value == 0.1 and rate == bootstrap(groups)
    assert rate.low < by_clip.low and rate.high > by_clip.high
    assert bootstrap([[False] * 5] * 4).high == 0.0


def test_bootstrap_of_single_clips_is_binomial() -> None:
    rate = bootstrap([[i < 20] for i in range(100)], draws=20_000)
    assert (rate.low, rate.high) == pytest.approx((0.12, 0.28), abs=0.011)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"), [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (10, 2, 0.03857421875)]
)
def test_mcnemar_known_values(only_a: int, only_b: int, p: float) -> None:
    a = [True] * only_a + [False] * only_b + [True, False]
    b = [False] * only_a + [True] * only_b + [True, False]
    assert mcnemar(a, b) == pytest.approx(p)
    assert mcnemar(b, a) == pytest.approx(p)
