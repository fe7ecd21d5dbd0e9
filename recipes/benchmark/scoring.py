"""The rules of the race: from the scores or events of an engine to misses and false accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from engine_runs import EngineOutput, EngineUnavailable, run_engine
from engines import Engine
from stream_files import StreamFile

from wakeword.data.clip import KeywordSegment
from wakeword.evaluation import metrics
from wakeword.evaluation.metrics import DetPoint, Events
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.evaluation.test_streams import CONFUSABLES

FALSE_ACCEPT_RATES = (0.1, 0.5)
"""False accepts per hour at which miss rates are reported."""
REFRACTORY_S = 1.0


@dataclass(frozen=True)
class EngineResult:
    """An engine's result for a keyword under a condition.

    Attributes:
        points: operating point at each of `FALSE_ACCEPT_RATES`; None where no threshold is within
            the rate.
        latency_s: from the end of each detected keyword to its detection, at the last point.
        negative_hours: hours of negatives.
        rtf: processor seconds per second of audio.
        confusables: for the stream of confusable phrases: how many of how many were detected.
        note: why there is no result.
    """

    engine: str
    keyword: str
    condition: str = ""
    points: tuple[DetPoint | None, ...] = ()
    latency_s: tuple[float, ...] = ()
    negative_hours: float = 0.0
    rtf: float = 0.0
    memory_mb: float = 0.0
    model_mb: float = 0.0
    licence: str = ""
    note: str = ""
    confusables: tuple[int, int] | None = None


def score_engine(
    engine: Engine, job: dict[str, Any], streams: Sequence[StreamFile], out: Path
) -> list[EngineResult]:
    """Return one row per condition; a single row with a note where the engine did not run.

    Confusable phrases are counted at the operating point of the first condition.

    Args:
        engine: the engine.
        job: its job, without the stream.
        streams: the negatives, then the conditions, then the confusable phrases, if any.
        out: folder of results.
    """
    try:
        negative, *positives = run_engine(engine, job, streams, out)
    except EngineUnavailable as reason:
        return [EngineResult(engine.title, job["keyword"], note=str(reason))]
    rows: list[EngineResult] = []
    for stream, positive in zip(streams[1:], positives, strict=True):
        if stream.condition != CONFUSABLES:
            rows.append(
                score_condition(engine, job["keyword"], stream, streams[0], positive, negative)
            )
        elif rows and (point := rows[0].points[-1]):
            rows.append(score_confusables(rows[0], point, stream, positive, negative))
    return rows


def score_condition(
    engine: Engine,
    keyword: str,
    stream: StreamFile,
    negatives: StreamFile,
    positive: EngineOutput,
    negative: EngineOutput,
) -> EngineResult:
    """Return the row of one condition, with the operating points read off its own curve."""
    positive_events, negative_events, thresholds = events_by_threshold(positive, negative)
    curve = metrics.sweep(
        positive_events,
        stream.segments,
        negative_events,
        negatives.hours,
        thresholds,
        HIT_TOLERANCE_S,
    )
    points = tuple(metrics.at_false_accepts(curve, rate) for rate in FALSE_ACCEPT_RATES)
    last = points[-1]
    return EngineResult(
        engine.title,
        keyword,
        stream.condition,
        points,
        tuple(latencies(positive_events(last.threshold), stream.segments)) if last else (),
        negatives.hours,
        negative.rtf,
        max(positive.memory_mb, negative.memory_mb),
        negative.model_mb,
        engine.licence,
    )


def score_confusables(
    row: EngineResult,
    point: DetPoint,
    stream: StreamFile,
    positive: EngineOutput,
    negative: EngineOutput,
) -> EngineResult:
    """Return how many confusable phrases are detected at an operating point of `row`."""
    events, _, _ = events_by_threshold(positive, negative)
    hits = metrics.detected(events(point.threshold), stream.segments, HIT_TOLERANCE_S)
    counts = int(sum(hits)), len(stream.segments)
    return replace(row, condition=stream.condition, points=(), confusables=counts)


def events_by_threshold(
    positive: EngineOutput, negative: EngineOutput
) -> tuple[Events, Events, list[float]]:
    """Return the events of both streams as functions of the threshold, and all thresholds."""
    if positive.events is not None:

        def listed(output: EngineOutput) -> Events:
            return lambda threshold: apply_refractory((output.events or {})[threshold])

        return listed(positive), listed(negative), sorted(positive.events)

    def crossed(output: EngineOutput) -> Events:
        return lambda threshold: upward_crossings(output.scores, threshold)

    return crossed(positive), crossed(negative), thresholds_between(positive, negative)


def thresholds_between(
    positive: EngineOutput, negative: EngineOutput, count: int = 200
) -> list[float]:
    """Return thresholds just above the highest peaks of the negatives, and among the positives'.

    The former are all that the negatives can tell apart; the latter are a sample of about `count`.
    """
    negative_peaks = np.sort(peaks(negative.scores[:, 1]))[-count:]
    positive_peaks = np.sort(peaks(positive.scores[:, 1]))
    sampled = positive_peaks[:: max(1, len(positive_peaks) // count)]
    return sorted({*np.nextafter(negative_peaks, np.inf).tolist(), *sampled.tolist()})


def peaks(scores: np.ndarray) -> np.ndarray:
    """Return the values of the local maxima."""
    padded = np.concatenate([[-np.inf], scores, [-np.inf]])
    return scores[(padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:])]


def upward_crossings(scores: np.ndarray, threshold: float) -> list[float]:
    """Return the times at which the score rises to the threshold, after the refractory period.

    Args:
        scores: (n, 2) of time in seconds and score.
        threshold: score from which the engine detects.
    """
    above = scores[:, 1] >= threshold
    rising = above & ~np.concatenate([[False], above[:-1]])
    return apply_refractory(scores[rising, 0].tolist())


def apply_refractory(times: Sequence[float]) -> list[float]:
    """Return the events that come `REFRACTORY_S` or more after the last event kept."""
    kept: list[float] = []
    for time_s in times:
        if not kept or time_s - kept[-1] >= REFRACTORY_S:
            kept.append(time_s)
    return kept


def latencies(times: Sequence[float], segments: Sequence[KeywordSegment]) -> list[float]:
    """Return the seconds from the end of each detected keyword to its first event.

    Negative where the event comes before the end.
    """
    delays = metrics.latencies(times, segments, HIT_TOLERANCE_S)
    return [delay for delay in delays if delay is not None]
