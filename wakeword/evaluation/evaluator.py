"""Event-level evaluation: detections on test streams, through the trigger of the live detector."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader, check_broken
from wakeword.detection.trigger import EventPeaks, Scores, StreamModel, trigger_for
from wakeword.errors import ManifestError
from wakeword.evaluation import metrics
from wakeword.evaluation.conditions import CLEAN, Condition, noisy
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.report.format import format_calibration_advice
from wakeword.evaluation.results import (
    FALSE_ACCEPT_RATES,
    HIT_TOLERANCE_S,
    CallResult,
    ClipResult,
    ConfusableResult,
    Evaluation,
    FalseAccept,
    KeywordResult,
    ScoredStream,
    SourceResult,
    VerifierCalls,
)
from wakeword.evaluation.scoring import ScorableModel, score_streams
from wakeword.evaluation.test_streams import confusable_stream, negative_stream, positive_stream
from wakeword.parallel import Executor
from wakeword.progress import ProgressCallback

_log = logging.getLogger(__name__)

_LOWEST_LOGIT, _HIGHEST_LOGIT = -5.0, 16.0  # of the thresholds in a DET curve
_CURVE_POINTS = 127


def evaluate(
    model: ScorableModel,
    data: Dataset,
    *,
    split: str = "dev",
    conditions: Sequence[Condition] = (CLEAN, noisy(10.0)),
    progress: ProgressCallback | None = None,
    executor: Executor | None = None,
) -> Evaluation:
    """Evaluate a model event by event on one split of a data set.

    Keyword clips are played as one stream per condition; all other clips make up the stream in
    which false accepts are counted. Clips of confusable phrases are scored apart from it. Of a
    two-stage model, the calls of the verifier are counted too.

    Args:
        model: to evaluate; from `wakeword.load`, or an exported one from `wakeword.runtime.load`.
        data: with splits assigned; see `wakeword.data.splits.assign_splits`.
        split: "dev", "test" or "train".
        conditions: under which the keyword clips are played.
        progress: called with each stream's name and the clips done.
        executor: where the streams are scored; None uses the cores of this machine.

    Raises:
        ManifestError: the split has no negatives, or no clips of one of the keywords.
    """
    part, confusable_clips = select_keywords(data, model.keywords).subset(split).split_confusables()
    _check_clips(part, model.keywords, f"in the {split} split")
    loader = ClipLoader()
    streams = [
        negative_stream(part),
        *(positive_stream(part, condition) for condition in conditions),
        *(confusable_stream(confusable_clips, keyword)
          for keyword in model.keywords if confusable_clips),
    ]  # fmt: skip
    negatives, *scored = score_streams(model, streams, loader, progress, executor)
    positives, confusables = scored[: len(conditions)], scored[len(conditions) :]
    clips = (*part.keywords, *part.negatives, *confusable_clips, *part.noises)
    check_broken(len(loader.broken), len(clips), loader.broken)
    _log.info("scored %d clips as %d streams", len(clips), len(streams))
    false_accepts = _false_accepts(model, negatives)
    notes = [f"broken clip skipped: {reason}" for reason in loader.broken.values()]
    if model.operating_point.provisional:
        notes.append(f"{format_calibration_advice()} ({model.operating_point.provenance})")
    return Evaluation(
        tuple(
            keyword_result(model, k, stream, negatives)
            for stream in positives
            for k in range(len(model.keywords))
        ),
        negatives.hours,
        (*part.notes, *notes),
        false_accepts,
        _source_results(negatives, false_accepts),
        tuple(confusable_result(model, k, each, negatives) for k, each in enumerate(confusables)),
        _call_result(model, negatives),
    )


def _check_clips(part: Dataset, keywords: Sequence[str], where: str) -> None:
    """Raise ManifestError where there are no negatives, or no clips of a keyword."""
    if not part.negatives:
        raise ManifestError(f"{part.root}: no negatives {where} to count false accepts on.")
    missing = set(keywords) - set(part.labels())
    if missing:
        raise ManifestError(f"{part.root}: no clips of {sorted(missing)} {where}.")


def keyword_result(
    model: StreamModel, k: int, positives: ScoredStream, negatives: ScoredStream
) -> KeywordResult:
    """Return the DET curve, operating points and clip results of one keyword in one stream.

    Args:
        model: that scored the streams; its operating point gives smoothing and refractory time.
        k: index of the keyword.
        positives: stream of keyword clips under one condition.
        negatives: stream without the keyword.
    """
    keyword = model.keywords[k]
    curve = det_curve(model, k, positives, negatives)
    stored = model.operating_point.thresholds[keyword]
    (shipped,) = _det_points(model, k, positives, negatives, [stored])
    points = {rate: metrics.at_false_accepts(curve, rate) for rate in FALSE_ACCEPT_RATES}
    thresholds = {rate: point.threshold for rate, point in points.items() if point}
    return KeywordResult(
        keyword,
        positives.name,
        shipped.spoken,
        points,
        tuple(curve),
        shipped,
        _clip_results(model, k, positives, thresholds),
        _count_called(k, positives.segments_of(keyword), positives.calls),
    )


def confusable_result(
    model: StreamModel, k: int, confusables: ScoredStream, negatives: ScoredStream
) -> ConfusableResult:
    """Count the detections in a stream of confusable phrases at the stored threshold.

    Args:
        model: that scored the streams.
        k: index of the keyword.
        confusables: scored stream from `test_streams.confusable_stream`.
        negatives: stream without the keyword.
    """
    shipped = keyword_result(model, k, confusables, negatives).shipped
    return ConfusableResult(model.keywords[k], shipped.spoken, shipped.spoken - shipped.misses)


def det_curve(
    model: StreamModel, k: int, positives: ScoredStream, negatives: ScoredStream
) -> list[DetPoint]:
    """Return misses and false accepts of keyword `k` over a grid of thresholds.

    They are evenly spaced as logits, and reach beyond the highest logit of the negatives.
    """
    highest = max(_HIGHEST_LOGIT, float(negatives.logits[:, k].max()) + 0.1)
    grid = np.linspace(_LOWEST_LOGIT, highest, _CURVE_POINTS)
    return _det_points(model, k, positives, negatives, (1 / (1 + np.exp(-grid))).tolist())


def _det_points(
    model: StreamModel,
    k: int,
    positives: ScoredStream,
    negatives: ScoredStream,
    thresholds: Sequence[float],
) -> list[DetPoint]:
    return metrics.sweep(
        _event_times(model, positives.logits[:, k : k + 1]),
        positives.segments_of(model.keywords[k]),
        _event_times(model, negatives.logits[:, k : k + 1]),
        negatives.hours,
        thresholds,
        HIT_TOLERANCE_S,
    )


def _event_times(model: StreamModel, logits: Scores) -> metrics.Events:
    """Return a function from a threshold to the times of its events, in seconds."""

    def at(threshold: float) -> list[float]:
        events, _ = trigger_for(model, (threshold,)).run(logits)
        return [(event.frame + 1) * model.frame_s for event in events]

    return at


def _clip_results(
    model: StreamModel, k: int, stream: ScoredStream, thresholds: Mapping[float, float]
) -> tuple[ClipResult, ...]:
    keyword = model.keywords[k]
    segments = stream.segments_of(keyword)
    event_times = _event_times(model, stream.logits[:, k : k + 1])
    hits = {
        rate: metrics.detected(event_times(threshold), segments, HIT_TOLERANCE_S)
        for rate, threshold in thresholds.items()
    }
    latencies = metrics.latencies(
        event_times(model.operating_point.thresholds[keyword]), segments, HIT_TOLERANCE_S
    )
    clips = [clip for _, clip in stream.pieces if clip.label == keyword]
    return tuple(
        ClipResult(clip, {rate: not hit[i] for rate, hit in hits.items()}, latency)
        for i, (clip, latency) in enumerate(zip(clips, latencies, strict=False))
    )


def _count_called(
    k: int, segments: Sequence[KeywordSegment], calls: VerifierCalls | None
) -> int | None:
    """Return at how many segments of keyword `k` the verifier was called for it."""
    if calls is None:
        return None
    return int(metrics.detected(calls.times_of(k), segments, HIT_TOLERANCE_S).sum())


def _call_result(model: StreamModel, negatives: ScoredStream) -> CallResult | None:
    """Count the calls of the verifier and the candidates of each keyword."""
    calls = negatives.calls
    if calls is None:
        return None
    refractory_s = model.operating_point.refractory_s
    candidates = {
        keyword: calls.count_candidates(k, refractory_s) for k, keyword in enumerate(model.keywords)
    }
    return CallResult(len(calls.times_s), candidates, negatives.hours)


def _false_accepts(model: StreamModel, negatives: ScoredStream) -> tuple[FalseAccept, ...]:
    thresholds = [model.operating_point.thresholds[keyword] for keyword in model.keywords]
    trigger = trigger_for(model, thresholds)
    events, scores, _ = trigger.run_scored(negatives.logits)
    following = EventPeaks(trigger)
    peaks = {**following.follow(events, scores, 0), **following.finish()}
    times = [(event, (event.frame + 1) * model.frame_s) for event in events]
    return tuple(
        FalseAccept(
            model.keywords[event.keyword], at, event.score, peaks[event], negatives.clip_at(at)
        )
        for event, at in times
    )


def _source_results(
    negatives: ScoredStream, false_accepts: Sequence[FalseAccept]
) -> tuple[SourceResult, ...]:
    """Group false accepts by source; other keywords are sources of their own, "word:…"."""
    starts = [start for start, _ in negatives.pieces]
    ends = [*starts[1:], negatives.hours * 3600]
    seconds: dict[str, float] = defaultdict(float)
    clips: Counter[str] = Counter()
    for (start, clip), end in zip(negatives.pieces, ends, strict=True):
        seconds[_source(clip)] += end - start
        clips[_source(clip)] += 1
    events = Counter(_source(accept.clip) for accept in false_accepts)
    accepting = Counter(_source(clip) for clip in {accept.clip for accept in false_accepts})
    return tuple(
        SourceResult(name, clips[name], seconds[name] / 3600, events[name], accepting[name])
        for name in sorted(clips)
    )


def _source(clip: Clip) -> str:
    return clip.source or "other"
