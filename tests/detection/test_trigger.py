"""The trigger: smoothing, threshold and refractory time, by example and by property."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.detection.trigger import (
    Detection,
    Event,
    EventPeaks,
    Trigger,
    smooth,
    to_detections,
)
from wakeword.model.operating_point import (
    DEFAULT_DURATION_S,
    DEFAULT_LATENCY_S,
    OperatingPoint,
)

# ---------------------------------------------------------------- by example


def event_frames(scores: list[float], threshold: float = 0.5, refractory: int = 1) -> list[int]:
    logits = np.log(np.asarray(scores) / (1 - np.asarray(scores)))[:, None]
    events, _ = Trigger((threshold,), 1, refractory).run(logits)
    return [event.frame for event in events]


@pytest.mark.parametrize(
    ("scores", "refractory", "frames"),
    [
        ([0.1, 0.1, 0.1], 1, []),
        ([0.1, 0.9, 0.1], 1, [1]),
        ([0.9, 0.9, 0.9], 1, [0]),
        ([0.1, 0.9, 0.9, 0.9, 0.9], 2, [1]),  # high for long is one event
        ([0.9, 0.1, 0.9, 0.1, 0.9], 1, [0, 2, 4]),
        ([0.9, 0.1, 0.9, 0.1, 0.9], 3, [0, 4]),
        ([0.9, 0.1, 0.9, 0.1, 0.9], 4, [0, 4]),
        ([0.9, 0.1, 0.9, 0.1, 0.9], 5, [0]),
        ([0.9, 0.1, 0.9, 0.9, 0.9, 0.9], 4, [0]),  # rose too early: has to fall first
        ([0.1, 0.4999, 0.5001, 0.4999], 1, [2]),
    ],
)
def test_refractory_and_rearm(scores: list[float], refractory: int, frames: list[int]) -> None:
    assert event_frames(scores, refractory=refractory) == frames


def test_the_bounds_of_a_keyword_are_estimated_from_its_latency_and_duration() -> None:
    point = OperatingPoint(
        dict.fromkeys(("alexa", "computer"), 0.5),
        latency_s={"alexa": 0.06},
        duration_s={"alexa": 0.5},
    )
    model = SimpleNamespace(keywords=("alexa", "computer"), operating_point=point, frame_s=0.04)
    found = to_detections([Event(49, 0, 0.9), Event(49, 1, 0.8), Event(1, 0, 0.7)], model)  # type: ignore[arg-type]
    assert found == [
        Detection("alexa", 0.9, time=2.0, start=1.44, end=1.94),
        Detection(
            "computer",
            0.8,
            time=2.0,
            start=pytest.approx(2.0 - DEFAULT_LATENCY_S - DEFAULT_DURATION_S),
            end=pytest.approx(2.0 - DEFAULT_LATENCY_S),
        ),
        Detection("alexa", 0.7, time=0.08, start=0.0, end=0.02),  # the stream begins within it
    ]


def test_threshold_0_gives_every_local_peak() -> None:
    scores = [0.1, 0.3, 0.2, 0.2, 0.6, 0.6, 0.1, 0.05, 0.4]
    assert event_frames(scores, threshold=0.0, refractory=100) == [1, 4]  # the last may still rise


def test_keywords_are_detected_independently() -> None:
    logits = np.array([[-9.0, 9.0], [9.0, 9.0], [-9.0, -9.0], [-9.0, 9.0]])
    events, _ = Trigger((0.5, 0.5), 1, 1).run(logits)
    assert [(event.frame, event.keyword) for event in events] == [(0, 1), (1, 0), (3, 1)]


def event_peaks(
    scores: list[float], sizes: list[int], threshold: float = 0.5, refractory: int = 1
) -> list[tuple[int, float]]:
    """Frame and peak of each event of one keyword, from scores in pieces."""
    logits = np.log(np.asarray(scores) / (1 - np.asarray(scores)))[:, None]
    trigger = Trigger((threshold,), 1, refractory)
    peaks, state, found = EventPeaks(trigger), None, []
    for piece in np.split(logits, np.cumsum(sizes)):
        first = state.frame if state else 0
        events, piece_scores, state = trigger.run_scored(piece, state)
        found += peaks.follow(events, piece_scores, first).items()
    found += peaks.finish().items()
    return [(event.frame, round(peak, 6)) for event, peak in found]


@pytest.mark.parametrize(
    ("scores", "refractory", "expected"),
    [
        ([0.1, 0.6, 0.9, 0.7, 0.1, 0.99], 1, [(1, 0.9), (5, 0.99)]),
        ([0.1, 0.6, 0.4, 0.8, 0.9, 0.3, 0.2, 0.7], 4, [(1, 0.9), (7, 0.7)]),  # fell too early
        ([0.1, 0.6, 0.7, 0.8, 0.9], 1, [(1, 0.9)]),  # the stream ends first
        ([0.1, 0.6, 0.2, 0.2, 0.2, 0.2], 2, [(1, 0.6)]),
        ([0.1, 0.2], 1, []),
    ],
)
@pytest.mark.parametrize("sizes", [[], [1] * 5, [2, 2]])
def test_the_peak_is_the_highest_score_until_the_next_detection_is_possible(
    scores: list[float], refractory: int, expected: list[tuple[int, float]], sizes: list[int]
) -> None:
    assert event_peaks(scores, sizes, refractory=refractory) == expected


def test_at_a_threshold_of_0_an_event_is_its_own_peak() -> None:
    scores = [0.1, 0.3, 0.2, 0.2, 0.6, 0.1]
    assert event_peaks(scores, [3], threshold=0.0) == [(1, 0.3), (4, 0.6)]


def test_the_peak_does_not_depend_on_the_threshold() -> None:
    scores = [0.1, 0.3, 0.6, 0.95, 0.7, 0.2, 0.1]
    assert [event_peaks(scores, [], each)[0][1] for each in (0.2, 0.5, 0.9)] == [0.95] * 3


def test_smoothing_is_the_mean_of_the_last_logits() -> None:
    logits = np.array([[0.0], [3.0], [6.0], [-3.0]])
    mean = np.array([0.0, 1.0, 3.0, 2.0])  # before the start: as the first
    np.testing.assert_allclose(smooth(logits, 3)[:, 0], 1 / (1 + np.exp(-mean)))


def test_extreme_logits_give_valid_scores() -> None:
    scores = smooth(np.array([[1e30], [-1e30]]), 1)
    assert scores[0, 0] == 1.0 and 0.0 < scores[1, 0] < 1e-20


# ---------------------------------------------------------------- by property

LOGITS = st.lists(
    st.tuples(st.floats(-8, 8, width=32), st.floats(-8, 8, width=32)), min_size=1, max_size=60
)
TRIGGERS = st.builds(
    Trigger,
    st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.sampled_from([0.0, 0.5])),
    st.integers(1, 12),
    st.integers(1, 8),
)


@settings(max_examples=150)
@given(TRIGGERS, LOGITS, st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_the_trigger_is_the_same_in_any_pieces(
    trigger: Trigger, logits: list[tuple[float, float]], sizes: list[int]
) -> None:
    frames = np.asarray(logits)
    whole, _ = trigger.run(frames)
    found: list[Event] = []
    state = None
    at = 0
    for size in [*sizes, len(frames)]:
        events, state = trigger.run(frames[at : at + size], state)
        found += events
        at += size
    assert sorted((e.frame, e.keyword) for e in found) == [(e.frame, e.keyword) for e in whole]
    assert np.allclose([e.score for e in sorted(found)], [e.score for e in whole], rtol=1e-12)


@settings(max_examples=100)
@given(LOGITS, st.sampled_from([0.1, 0.3, 0.5, 0.8]), st.integers(1, 5))
def test_any_threshold_can_be_derived_from_the_peaks(
    logits: list[tuple[float, float]], threshold: float, smoothing: int
) -> None:
    """A keyword is detected at a threshold if and only if a peak reaches it."""
    quiet = np.full((smoothing + 1, 2), -9.0)
    frames = np.concatenate([quiet, np.asarray(logits), quiet])
    peaks, _ = Trigger((0.0, 0.0), smoothing, 1).run(frames)
    event_frames, _ = Trigger((threshold, threshold), smoothing, 1).run(frames)
    for keyword in (0, 1):
        reached = [p.frame for p in peaks if p.keyword == keyword and p.score >= threshold]
        began = [e.frame for e in event_frames if e.keyword == keyword]
        assert bool(reached) == bool(began)
        assert len(reached) >= len(began)
        assert all(any(frame >= start for frame in reached) for start in began)


@settings(max_examples=100)
@given(LOGITS, st.integers(1, 5), st.integers(1, 6), st.integers(-20, 20))
def test_shifting_logits_and_thresholds_together_changes_nothing(
    logits: list[tuple[float, float]], smoothing: int, refractory: int, shift: int
) -> None:
    frames = np.round(np.asarray(logits)) * smoothing  # whole means, no rounding
    at = 0.5  # between the means

    def run(by: int) -> list[tuple[int, int]]:
        threshold = 1 / (1 + np.exp(-(at / smoothing + by)))
        events, _ = Trigger((threshold,) * 2, smoothing, refractory).run(frames + by)
        return [(event.frame, event.keyword) for event in events]

    assert run(shift) == run(0)


@settings(max_examples=60)
@given(TRIGGERS, LOGITS, LOGITS)
def test_a_trigger_state_is_a_value(
    trigger: Trigger, past: list[tuple[float, float]], more: list[tuple[float, float]]
) -> None:
    _, state = trigger.run(np.asarray(past))
    before = [np.copy(part) for part in state]
    first = trigger.run(np.asarray(more), state)[0]
    assert trigger.run(np.asarray(more), state)[0] == first
    assert all(np.array_equal(a, b) for a, b in zip(before, state, strict=True))
