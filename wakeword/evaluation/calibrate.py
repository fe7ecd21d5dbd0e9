"""Calibration: the operating point of a model for a rate of false accepts per hour."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import median
from typing import NamedTuple

from wakeword import storage
from wakeword.data.clip import Clip
from wakeword.data.corpora.other_audio import read_recordings
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader, check_broken
from wakeword.detection.trigger import StreamModel, Trigger, in_frames, smooth
from wakeword.errors import ManifestError
from wakeword.evaluation import metrics
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.report.format import format_false_accepts, format_hours
from wakeword.evaluation.results import HIT_TOLERANCE_S, ScoredStream
from wakeword.evaluation.scoring import score_streams
from wakeword.evaluation.test_streams import negative_stream, positive_stream
from wakeword.evaluation.threshold import (
    CalibratedThreshold,
    event_peaks,
    fit_threshold,
    hours_to_confirm,
    logit,
    sigmoid,
)
from wakeword.model.cascade import CLOSED_LOGIT
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.two_stage import AnyModel, TwoStageModel
from wakeword.progress import ProgressCallback

SMOOTHING_S = (0.04, 0.08, 0.12, 0.16, 0.24)
REFRACTORY_S = (0.5, 1.0, 1.5, 2.0)
DETECTED_SHARE = 0.95
"""Share of the keyword clips that a capped threshold still detects."""
_MIN_EXPECTED_EVENTS = 0.1  # in the hours of negatives; with fewer, the line reaches too far

_log = logging.getLogger(__name__)


class MissChange(NamedTuple):
    """Misses of a keyword in one stream at the old operating point and at the new one.

    Attributes:
        condition: of the stream.
        before: clips missed at the model's own operating point.
        after: clips missed at the calibrated one.
        clips: of the keyword.
    """

    condition: str
    before: int
    after: int
    clips: int


class Calibration(NamedTuple):
    """A calibrated operating point and the thresholds fitted for it.

    Attributes:
        operating_point: thresholds, smoothing, refractory time and their provenance; assign it to
            `model.operating_point`.
        thresholds: by keyword: the fitted threshold with the false accepts expected at it.
        previous: the operating point that the model has.
        misses: by keyword: what the change costs; empty without keyword clips.
    """

    operating_point: OperatingPoint
    thresholds: Mapping[str, CalibratedThreshold]
    previous: OperatingPoint
    misses: Mapping[str, tuple[MissChange, ...]]


def calibrate(
    model: AnyModel,
    *,
    negatives: Iterable[Path | str] = (),
    data: Dataset | None = None,
    split: str = "dev",
    false_accepts_per_hour: float = 0.5,
    progress: ProgressCallback | None = None,
) -> Calibration:
    """Find the operating point of a model for a rate of false accepts per hour.

    The model is not changed:

        calibration = calibrate(model, negatives=["evenings/"])
        model.operating_point = calibration.operating_point

    Args:
        model: to calibrate.
        negatives: recordings without the keyword: files, folders of them, or names of downloaded
            corpora, of which clips with a keyword in the transcript are left out.
        data: a data set with splits assigned; its negatives are used too, and smoothing and
            refractory time are chosen by its keyword clips. The smoothing of a two-stage model
            stays one frame.
        split: of `data`.
        false_accepts_per_hour: rate to aim at.
        progress: called with each stream's name and the clips done.

    Raises:
        ManifestError: no recordings without the keyword, or more than a tenth of the clips cannot
            be read.
        ConfigError: a corpus is not downloaded.
    """
    part = Dataset(Path(), "recordings")
    if data is not None:
        part = select_keywords(data, model.keywords).subset(split)
    recordings = read_recordings(negatives, model.keywords)
    part = replace(part, negatives=(*part.negatives, *recordings))
    if not part.negatives:
        raise ManifestError("nothing to calibrate on: give --negatives FOLDER, --data, or both.")
    conditions = (CLEAN, noisy(10.0)) if part.keywords else ()
    streams = [
        negative_stream(part),
        *(positive_stream(part, condition) for condition in conditions),
    ]
    loader = ClipLoader()
    scored_negatives, *positives = score_streams(model, streams, loader, progress)
    clips = (*part.negatives, *part.noises)
    check_broken(len(loader.broken), len(clips) + len(part.keywords), loader.broken)
    _log.info("%d of %d clips could not be read", len(loader.broken), len(clips))
    return calibrate_scores(
        model,
        scored_negatives,
        positives,
        false_accepts_per_hour,
        cap=positives,
        extrapolate=False,
        source=f"{len(clips)} recordings{_named(recordings)} (SHA-256 {recordings_hash(clips)}), "
        f"{date.today().isoformat()}",
    )


def _named(recordings: Iterable[Clip]) -> str:
    """Return " with librispeech-dev-clean, musan" for clips of these corpora, "" for others."""
    names = sorted({clip.source for clip in recordings if clip.source})
    return f" with {', '.join(names)}" if names else ""


def recordings_hash(clips: Iterable[Clip]) -> str:
    """Return 16 hex digits of a SHA-256 over the bytes of all recordings, in order of path."""
    digest = hashlib.sha256()
    for path in sorted({clip.path for clip in clips}):
        digest.update(bytes.fromhex(storage.sha256(path)))
    return digest.hexdigest()[:16]


def calibrate_scores(
    model: StreamModel,
    negatives: ScoredStream,
    positives: Sequence[ScoredStream] = (),
    per_hour: float = 0.5,
    *,
    cap: Sequence[ScoredStream] = (),
    extrapolate: bool = True,
    source: str = "",
) -> Calibration:
    """Find the operating point for a rate of false accepts from scored streams.

    Args:
        model: that scored the streams.
        negatives: stream without the keyword.
        positives: streams of keyword clips, by which smoothing and refractory time are chosen: the
            smoothing with the fewest misses at its own threshold (ties: nearest to the model's own)
            and the shortest refractory time within which no clip is detected twice. Without them
            both stay as they are; so does the smoothing of two stages, which smooth their own.
        per_hour: false accepts per hour to aim at.
        cap: streams of keyword clips that cap extrapolated thresholds; see
            `cap_extrapolated_threshold`. Latencies and durations of the keywords are measured in
            them or in `positives`; without both they stay as they are.
        extrapolate: whether a provisional threshold without `cap` may be above the highest event;
            else it is just above it at most.
        source: of the negatives, for the provenance: "3 recordings".
    """
    point, thresholds = _choose_operating_point(model, negatives, positives, per_hour)
    lowered = ""
    provisional = negatives.hours < hours_to_confirm(per_hour)
    if (
        provisional
        and not (cap or extrapolate)
        and any(fitted.extrapolated for fitted in thresholds.values())
    ):
        thresholds = {keyword: _observed(each) for keyword, each in thresholds.items()}
        point = replace(point, thresholds={k: each.threshold for k, each in thresholds.items()})
        lowered = "; set just above the highest score in them"
    if cap:
        capped = cap_extrapolated_threshold(model, thresholds, cap)
        if capped != point.thresholds:
            which = " at which the verifier is called" if isinstance(model, TwoStageModel) else ""
            lowered = (
                f"; lowered so that at least {100 * DETECTED_SHARE:.0f} % of the held-out keyword "
                f"clips{which} are detected"
            )
        point = replace(point, thresholds=capped)
    false_accepts = sum(len(times) for _, times in _event_times(model, negatives, point))
    provenance = threshold_provenance(per_hour, negatives.hours, source, false_accepts)
    point = replace(point, provenance=provenance + lowered, provisional=provisional)
    point = _with_keyword_times(model, point, positives or cap)
    before = model.operating_point
    return Calibration(point, thresholds, before, _miss_changes(model, positives, before, point))


def _observed(fitted: CalibratedThreshold) -> CalibratedThreshold:
    """Return a threshold without extrapolation: at most just above the highest event."""
    if not (fitted.extrapolated and 0.0 < fitted.highest < 1.0):
        return fitted
    above = min(fitted.threshold, sigmoid(logit(fitted.highest) + 1e-3))
    return replace(fitted, threshold=above, expected=metrics.poisson(0, fitted.hours))


def threshold_provenance(per_hour: float, hours: float, source: str, false_accepts: int) -> str:
    """Return the provenance that is stored with a threshold: rate, hours and source.

    With less audio than `hours_to_confirm`, it gives what was observed instead of an estimate.

    Args:
        per_hour: false accepts per hour aimed at.
        hours: of negatives.
        source: what the negatives are: "held-out negatives"; "" for "negatives".
        false_accepts: counted in the negatives at the threshold.
    """
    source, needed = source or "negatives", hours_to_confirm(per_hour)
    if hours < needed:
        return (
            f"provisional: {format_false_accepts(false_accepts, hours)}, {source}; "
            f"{per_hour:g} false accepts per hour take {format_hours(needed)} to confirm"
        )
    return (
        f"target {per_hour:g} false accepts per hour, estimated from the highest scores in "
        f"{hours:.2f} h of {source}"
    )


def cap_extrapolated_threshold(
    model: StreamModel,
    thresholds: Mapping[str, CalibratedThreshold],
    positives: Sequence[ScoredStream],
) -> dict[str, float]:
    """Lower extrapolated thresholds until `DETECTED_SHARE` of the keyword clips are detected.

    With little audio the line may be extrapolated beyond the keyword's own scores. No threshold is
    lowered below the highest event. Where the line expects less than a tenth of a false accept in
    all hours of negatives, the threshold is at most halfway, in logits, from the highest event to
    the score that the keyword clips reach. Clips at which the verifier of a two-stage model is not
    called are missed at any threshold, and do not count.

    Args:
        model: that scored the streams.
        thresholds: by keyword, from `fit_threshold`.
        positives: streams of keyword clips.

    Returns:
        Thresholds by keyword.
    """
    smoothing, _ = in_frames(model.operating_point, model.frame_s)
    lowest = sigmoid(CLOSED_LOGIT + 1e-6) if isinstance(model, TwoStageModel) else -1.0
    capped = {}
    for k, keyword in enumerate(model.keywords):
        fitted = thresholds[keyword]
        scores = [score for each in positives for score in best_scores(model, k, each, smoothing)]
        best = [score for score in scores if score > lowest]
        allowed_misses = int((1 - DETECTED_SHARE) * len(best) + 1e-9)
        lowered = sorted(best)[allowed_misses] if best else 1.0
        expected_events = fitted.expected.value * fitted.hours
        if expected_events < _MIN_EXPECTED_EVENTS and 0.0 < fitted.highest < lowered < 1.0:
            lowered = sigmoid((logit(fitted.highest) + logit(lowered)) / 2)
        capped[keyword] = max(min(fitted.threshold, lowered), min(fitted.threshold, fitted.highest))
    return capped


def best_scores(model: StreamModel, k: int, positives: ScoredStream, smoothing: int) -> list[float]:
    """Return the highest score of each clip of a keyword, from its start to 0.8 s after its end.

    Args:
        model: that scored the stream.
        k: index of the keyword.
        positives: stream of keyword clips.
        smoothing: frames that are averaged.
    """
    scores = smooth(positives.logits[:, k : k + 1], smoothing)[:, 0]
    return [
        float(scores[round(s.start_s / model.frame_s) : round(end_s / model.frame_s)].max())
        for s in positives.segments_of(model.keywords[k])
        for end_s in [s.end_s + HIT_TOLERANCE_S]
    ]


def _choose_operating_point(
    model: StreamModel,
    negatives: ScoredStream,
    positives: Sequence[ScoredStream],
    per_hour: float,
) -> tuple[OperatingPoint, dict[str, CalibratedThreshold]]:
    point = model.operating_point
    smoothings = sorted(SMOOTHING_S, key=lambda s: abs(s - point.smoothing_s))
    if isinstance(model, TwoStageModel) or not positives:
        smoothings = [point.smoothing_s]
    trials = []
    for smoothing_s in smoothings:
        trial = replace(point, smoothing_s=smoothing_s)
        fitted = _fit_thresholds(model, negatives, trial, per_hour)
        trial = replace(trial, thresholds={word: t.threshold for word, t in fitted.items()})
        trials.append((_count_misses(model, positives, trial), trial, fitted))
    _, best, fitted = min(trials, key=lambda trial: trial[0])
    for refractory_s in REFRACTORY_S if positives else ():
        candidate = replace(best, refractory_s=refractory_s)
        if not _any_detected_twice(model, positives, candidate):
            return candidate, _fit_thresholds(model, negatives, candidate, per_hour)
    return best, fitted


def _fit_thresholds(
    model: StreamModel, negatives: ScoredStream, point: OperatingPoint, per_hour: float
) -> dict[str, CalibratedThreshold]:
    smoothing, refractory = in_frames(point, model.frame_s)
    return {
        keyword: fit_threshold(
            event_peaks(negatives.logits[:, k], smoothing, refractory), negatives.hours, per_hour
        )
        for k, keyword in enumerate(model.keywords)
    }


def _event_times(
    model: StreamModel, stream: ScoredStream, point: OperatingPoint
) -> Iterator[tuple[str, list[float]]]:
    """Yield each keyword with the times of its events, in seconds."""
    thresholds = tuple(point.thresholds[keyword] for keyword in model.keywords)
    events, _ = Trigger(thresholds, *in_frames(point, model.frame_s)).run(stream.logits)
    for k, keyword in enumerate(model.keywords):
        yield keyword, [(e.frame + 1) * model.frame_s for e in events if e.keyword == k]


def _with_keyword_times(
    model: StreamModel, point: OperatingPoint, positives: Sequence[ScoredStream]
) -> OperatingPoint:
    """Return an operating point with the median latency and duration of each keyword."""
    latencies: dict[str, list[float]] = defaultdict(list)
    durations: dict[str, list[float]] = defaultdict(list)
    for stream in positives:
        for keyword, times in _event_times(model, stream, point):
            segments = stream.segments_of(keyword)
            durations[keyword] += [each.end_s - each.start_s for each in segments]
            found = metrics.latencies(times, segments, HIT_TOLERANCE_S)
            latencies[keyword] += [each for each in found if each is not None]
    return replace(
        point,
        latency_s={**point.latency_s, **_medians(latencies)},
        duration_s={**point.duration_s, **_medians(durations)},
    )


def _medians(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: round(median(each), 3) for name, each in values.items() if each}


def _misses(model: StreamModel, stream: ScoredStream, point: OperatingPoint) -> dict[str, int]:
    """Return the clips of each keyword that are missed."""
    return {
        keyword: int((~metrics.detected(times, segments, HIT_TOLERANCE_S)).sum())
        for keyword, times in _event_times(model, stream, point)
        for segments in [stream.segments_of(keyword)]
    }


def _count_misses(
    model: StreamModel, streams: Sequence[ScoredStream], point: OperatingPoint
) -> int:
    return sum(sum(_misses(model, stream, point).values()) for stream in streams)


def _miss_changes(
    model: StreamModel,
    streams: Sequence[ScoredStream],
    before: OperatingPoint,
    after: OperatingPoint,
) -> dict[str, tuple[MissChange, ...]]:
    """Return the misses in each stream at two operating points, by keyword."""
    counts = [(_misses(model, each, before), _misses(model, each, after)) for each in streams]
    return {
        keyword: tuple(
            MissChange(each.name, old[keyword], new[keyword], len(each.segments_of(keyword)))
            for each, (old, new) in zip(streams, counts, strict=True)
        )
        for keyword in (model.keywords if streams else ())
    }


def _any_detected_twice(
    model: StreamModel, streams: Sequence[ScoredStream], point: OperatingPoint
) -> bool:
    return any(
        sum(s.start_s <= time <= s.end_s + HIT_TOLERANCE_S for time in times) > 1
        for stream in streams
        for keyword, times in _event_times(model, stream, point)
        for s in stream.segments_of(keyword)
    )
