"""Evaluation of scored streams: misses, latencies, false accepts and confusable phrases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_stage import tiny_two_stage

from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation import evaluator
from wakeword.evaluation.conditions import CLEAN
from wakeword.evaluation.evaluator import (
    _false_accepts,
    _source_results,
    evaluate,
    keyword_result,
)
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.results import KeywordResult, ScoredStream, VerifierCalls
from wakeword.evaluation.test_streams import CONFUSABLES, Stream
from wakeword.model.network import WakeWordModel

Scored = tuple[WakeWordModel, ScoredStream, ScoredStream]


def model_of_one_keyword(threshold: float = 0.5) -> WakeWordModel:
    """A model of which only frame length and operating point are used."""
    model = tiny_family.model()
    model.keywords = ["alexa"]
    model.operating_point = replace(
        model.operating_point, thresholds={"alexa": threshold}, smoothing_s=model.frame_s
    )
    return model


def scored_stream(
    model: WakeWordModel, name: str, seconds: float, peaks: dict[float, float]
) -> ScoredStream:
    """A stream of logits -9 with {time in seconds: logit of the frame there}."""
    logits = np.full((round(seconds / model.frame_s), 1), -9.0)
    for time_s, value in peaks.items():
        logits[round(time_s / model.frame_s) - 1] = value
    return ScoredStream(name, logits, (), seconds / 3600)


@pytest.fixture
def scored(tiny: EncoderSpec) -> Scored:
    """Ann is detected twice, the second time late, Bob never; a hum has two false accepts."""
    model = model_of_one_keyword()
    clips = [Clip(Path(f"{i}.wav"), "alexa", who) for i, who in enumerate(("ann", "ann", "bob"))]
    segments = tuple(KeywordSegment("alexa", start, start + 0.5) for start in (1.0, 5.0, 9.0))
    positives = scored_stream(model, "clean", 12.0, {1.6: 3.0, 6.0: 2.0, 9.6: -8.9})
    positives = replace(
        positives, segments=segments, pieces=tuple(zip((0.0, 4.0, 8.0), clips, strict=True))
    )
    hum, clock = Clip(Path("hum.wav"), source="fans"), Clip(Path("clock.wav"), source="clocks")
    negatives = scored_stream(model, "negatives", 7200.0, {10.0: 1.0, 20.0: 2.5})
    return model, positives, replace(negatives, pieces=((0.0, hum), (3600.0, clock)))


def test_a_result_has_misses_and_latency_of_each_clip(scored: Scored) -> None:
    model, positives, negatives = scored
    result = keyword_result(model, 0, positives, negatives)
    assert result.shipped == DetPoint(0.5, 1, 3, 2, 2.0)
    assert result.misses_by_speaker() == {"ann": (0, 2), "bob": (1, 1)}
    assert [clip.latency_s for clip in result.clip_results] == [
        pytest.approx(0.1, abs=0.03),
        pytest.approx(0.5, abs=0.03),
        None,
    ]
    percentiles = result.latency_percentiles
    assert percentiles is not None and percentiles[0] == pytest.approx(0.3, abs=0.03)
    low, high = result.operating_points[0.1], result.operating_points[1.0]
    assert low is not None and (low.misses, low.false_accepts) == (2, 0)
    assert high is not None and (high.misses, high.false_accepts) == (1, 1)
    assert [clip.missed_at[0.5] for clip in result.clip_results] == [False, False, True]
    assert [clip.missed_at[0.1] for clip in result.clip_results] == [False, True, True]
    speakers = result.speaker_bootstrap(1.0)
    assert speakers is not None and (speakers.low, speakers.high) == (0.0, 1.0)


@pytest.mark.parametrize("kind", ["confusable", "near-miss"])  # the second by earlier versions
def test_confusable_phrases_are_scored_apart_and_count_in_no_rate(
    scored: Scored, data: Dataset, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    model, positives, negatives = scored
    (keyword,) = data.keywords
    phrases = tuple(replace(keyword, label=None, source=f"{kind}/{i}") for i in "ab")
    others = replace(data.negatives[0], source=f"{kind}es of another source")
    data = replace(data, negatives=(*data.negatives, others, *phrases))
    played = {}

    def score(stream: Stream) -> ScoredStream:
        played[stream.name] = [clip.source for clip in stream.clips]
        if stream.name == CONFUSABLES:  # one of two is detected
            segments = tuple(KeywordSegment("alexa", start, start + 0.5) for start in (10.0, 20.0))
            confusables = scored_stream(model, stream.name, 60.0, {10.6: 3.0})
            return replace(confusables, segments=segments)
        return negatives if stream.name == "negatives" else positives

    monkeypatch.setattr(
        evaluator, "score_streams", lambda _, streams, *__: list(map(score, streams))
    )
    evaluation = evaluate(model, data, conditions=[CLEAN])
    assert played[CONFUSABLES] == [f"{kind}/a", f"{kind}/b"]
    assert sorted(map(str, played["negatives"])) == sorted(
        ["fan", "hum", f"{kind}es of another source", "talk"]
    )
    (result,) = evaluation.confusables
    assert (result.keyword, result.clips, result.detected) == ("alexa", 2, 1)
    assert result.rate.value == 0.5
    (clean,) = evaluation.results
    assert (clean.condition, clean.shipped.false_accepts, clean.shipped.spoken) == ("clean", 2, 3)


def test_false_accepts_are_grouped_by_source(scored: Scored) -> None:
    model, _, negatives = scored
    false_accepts = _false_accepts(model, negatives)
    assert [(f.keyword, round(f.time_s), f.clip.path.name) for f in false_accepts] == [
        ("alexa", 10, "hum.wav"),
        ("alexa", 20, "hum.wav"),
    ]
    clocks, fans = _source_results(negatives, false_accepts)
    assert (clocks.name, clocks.clips, clocks.hours, clocks.false_accepts) == ("clocks", 1, 1.0, 0)
    assert (fans.false_accepts, fans.clips_with_false_accepts) == (2, 1)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.floats(-6, 12), min_size=3, max_size=3), st.integers(0, 8))
def test_shifting_all_scores_changes_no_rate(
    tiny: EncoderSpec, values: list[float], steps: int
) -> None:
    """A constant added to every logit moves thresholds, not the misses at a false-accept rate."""
    model = model_of_one_keyword()
    shift = steps * 21 / 126  # a multiple of the distance between two thresholds
    segments = tuple(KeywordSegment("alexa", 2.0 + 3 * i, 2.5 + 3 * i) for i in range(3))
    peaks = dict(zip([2.6, 5.6, 8.6], values, strict=True))

    def result(by: float) -> KeywordResult:
        positives = scored_stream(model, "clean", 12.0, peaks)
        negatives = scored_stream(model, "negatives", 3600.0, {50.0: 1.0, 90.0: 4.0, 200.0: 6.0})
        positives = replace(positives, logits=positives.logits + by, segments=segments)
        return keyword_result(model, 0, positives, replace(negatives, logits=negatives.logits + by))

    before, after = result(0.0), result(shift)
    assert [(p.misses, p.false_accepts) for p in before.operating_points.values() if p] == [
        (p.misses, p.false_accepts) for p in after.operating_points.values() if p
    ]


def test_gate_recall_counts_the_clips_at_which_the_verifier_is_called(scored: Scored) -> None:
    model, positives, negatives = scored
    assert keyword_result(model, 0, positives, negatives).gate_recall is None
    # segments are 1.0-1.5, 5.0-5.5 and 9.0-9.5 s; a call counts until 0.8 s after the end
    times_s, reached = np.array([0.9, 2.3, 6.4, 9.1]), np.array([[1], [1], [1], [0]], dtype=bool)
    called = replace(positives, calls=VerifierCalls(times_s, reached))
    result = keyword_result(model, 0, called, negatives)
    assert result.called == 1 and result.gate_recall is not None
    assert result.gate_recall.value == pytest.approx(1 / 3)


def test_an_evaluation_of_two_stages_counts_calls_and_candidates(data: Dataset) -> None:
    data = replace(data, negatives=8 * data.negatives)
    model = tiny_two_stage(("alexa",))
    result = evaluate(model, data, conditions=[CLEAN])
    assert result.calls is not None and result.calls.hours == result.negative_hours
    assert 0 < result.calls.candidates["alexa"] <= result.calls.calls
    rate = result.calls.calls_per_hour
    assert rate.value == pytest.approx(result.calls.calls / result.negative_hours)
    assert [each.called for each in result.results] in ([0], [1])
    shut = tiny_two_stage(("alexa",), gate_threshold=1.0)
    never = evaluate(shut, data, conditions=[CLEAN])
    assert never.calls is not None and never.calls.calls == 0 == never.results[0].called
    assert evaluate(model.gate, data, conditions=[CLEAN]).calls is None


def test_a_curve_reaches_beyond_the_highest_negative(tiny: EncoderSpec) -> None:
    model = model_of_one_keyword()
    keyword = KeywordSegment("alexa", 1.0, 1.5)
    positives = replace(scored_stream(model, "clean", 4.0, {1.6: 24.0}), segments=(keyword,))
    negatives = scored_stream(model, "negatives", 3600.0, {9.0: 20.0, 90.0: 21.0})
    point = keyword_result(model, 0, positives, negatives).operating_points[0.5]
    assert point and (point.misses, point.false_accepts) == (0, 0)
