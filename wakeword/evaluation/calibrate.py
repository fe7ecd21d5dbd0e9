"""The threshold for a rate of false accepts, from recordings without the keyword.

A rate such as 0.5 per hour cannot be counted in an hour or two: the highest score in them decides
by chance. The highest scores of separate events fall off like an exponential in the logit, so the
threshold is read off the line through the highest of them, which rests on all these events
instead of on one; and it is never below what the events themselves ask for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wakeword.detection.trigger import Scores, Trigger, in_frames, smooth
from wakeword.evaluation import metrics
from wakeword.evaluation.metrics import Estimate
from wakeword.evaluation.results import HIT_TOLERANCE_S, ScoredStream
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint

TAIL = 20  # highest events that the line goes through
SMOOTHING_S = (0.04, 0.08, 0.12, 0.16, 0.24)
REFRACTORY_S = (0.5, 1.0, 1.5, 2.0)
HEARD_SHARE = 0.95
_FAR = 0.1  # false accepts expected in the hours heard

Peaks = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CalibratedThreshold:
    """A threshold and what it rests on.

    Attributes:
        expected: false accepts per hour by the line through the highest events, with the
            interval (95 %) that their number and the hours leave.
        counted: events at or over the threshold in these hours.
        highest: score of the highest event.
    """

    threshold: float
    expected: Estimate
    counted: int
    hours: float
    highest: float

    @property
    def extrapolated(self) -> bool:
        """Whether the threshold lies above every event that was heard."""
        return self.threshold > self.highest


def event_peaks(logits: Scores, smoothing: int, refractory: int) -> Peaks:
    """Highest smoothed logit of each separate event, rising: none within `refractory` frames."""
    scores = smooth(logits[:, None], smoothing)[:, 0]
    values = np.log(scores) - np.log1p(-scores)
    middle = values[1:-1]
    at = np.flatnonzero((middle > values[:-2]) & (middle >= values[2:])) + 1
    taken = np.zeros(len(values), dtype=bool)
    kept: list[float] = []
    for i in at[np.argsort(-values[at], kind="stable")]:
        if not taken[i]:
            kept.append(float(values[i]))
            taken[max(0, i - refractory) : i + refractory + 1] = True
    return np.sort(np.asarray(kept))


def fit_threshold(events: Peaks, hours: float, per_hour: float) -> CalibratedThreshold:
    """The lowest threshold at which no more than `per_hour` false accepts are to be expected.

    Args:
        events: from `peaks`, of all recordings together.
        hours: of these recordings.

    The interval is that of the number that would be counted in as many hours again.
    """
    tail = events[-TAIL:]
    if len(tail) < 3:
        return CalibratedThreshold(0.5, metrics.poisson(len(tail), hours), 0, hours, 0.0)
    base = float(tail[0])
    excess = tail[1:] - base
    scale = max(float(excess.mean()), 1e-3)
    base_rate = len(excess) / hours
    by_line = base + scale * math.log(max(base_rate / per_hour, 1e-9))
    allowed = int(per_hour * hours)
    counted_at = float(events[-allowed - 1]) + 1e-6 if allowed < len(events) else base
    chosen = max(by_line, counted_at)
    expected = base_rate * math.exp(-(chosen - base) / scale)
    counted = int((events >= chosen).sum())
    return CalibratedThreshold(
        _score(chosen),
        _interval(expected, hours, len(excess)),
        counted,
        hours,
        _score(float(events[-1])),
    )


def threshold_provenance(per_hour: float, hours: float, of: str) -> str:
    """What is written beside a threshold that was found this way, from `hours` of what."""
    return f"{per_hour:g} false accepts per hour, read off the highest events in {hours:.2f} h {of}"


def _score(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit))


def _logit(score: float) -> float:
    return math.log(score) - math.log1p(-score)


def cap_extrapolated_threshold(
    model: WakeWordModel,
    found: Mapping[str, CalibratedThreshold],
    positives: Sequence[ScoredStream],
) -> dict[str, float]:
    """Thresholds, those beyond every event lowered until `HEARD_SHARE` of the words are heard.

    Little audio places a threshold far above all that was heard in it, and a line drawn too far may
    end above the keyword itself. None is lowered below the highest event. A line drawn to less than
    `_FAR` of a false accept in these hours says little: the threshold is then no higher than
    halfway, in logits, from the highest event to what the words reach.
    """
    smoothing, _ = in_frames(model.operating_point, model.frame_s)
    thresholds = {}
    for k, word in enumerate(model.keywords):
        c = found[word]
        best = [
            float(scores[round(s.start_s / model.frame_s) : round(end_s / model.frame_s)].max())
            for track in positives
            for scores in [smooth(track.logits[:, k : k + 1], smoothing)[:, 0]]
            for s in track.segments_of(word)
            for end_s in [s.end_s + HIT_TOLERANCE_S]
        ]
        allowed = int((1 - HEARD_SHARE) * len(best) + 1e-9)  # words that may be missed
        lowered = sorted(best)[allowed] if best else 1.0
        if c.expected.value * c.hours < _FAR and c.highest < lowered < 1.0:
            lowered = _score((_logit(c.highest) + _logit(lowered)) / 2)
        thresholds[word] = max(min(c.threshold, lowered), min(c.threshold, c.highest))
    return thresholds


def _interval(expected: float, hours: float, tail: int) -> Estimate:
    """Between which rates as many hours again will count, 95 %.

    The expected number has itself an error of the order 1 / sqrt(tail) in the line's slope; a
    count drawn around it has Poisson's. Both together are a negative binomial.
    """
    import scipy.stats

    mean = max(expected * hours, 1e-9)
    steepness = math.log(max(tail / mean, 1.0))  # how far along the line, in its own scale
    spread = (1.0 + steepness**2) / tail  # relative variance of the expected number
    shape = 1.0 / spread
    counts = scipy.stats.nbinom(shape, shape / (shape + mean))
    low, high = counts.ppf(0.025), max(counts.ppf(0.975), 1.0)  # one is never out of the question
    return Estimate(expected, float(low) / hours, float(high) / hours)


def calibrate_scores(
    model: WakeWordModel,
    negatives: ScoredStream,
    positives: Sequence[ScoredStream] = (),
    per_hour: float = 0.5,
) -> tuple[OperatingPoint, dict[str, CalibratedThreshold]]:
    """The operating point for a rate of false accepts per hour, and what each threshold rests on.

    With streams of keyword clips the smoothing and the refractory time are chosen too: the
    smoothing that misses fewest at its own threshold (the model's own, where that is as good), and
    the shortest refractory time in which no clip fires twice. Without, both stay as they are.
    """
    point = model.operating_point
    smoothings = sorted(SMOOTHING_S, key=lambda s: abs(s - point.smoothing_s))
    tried = []
    for smoothing_s in smoothings if positives else [point.smoothing_s]:
        trial = replace(point, smoothing_s=smoothing_s)
        found = _thresholds(model, negatives, trial, per_hour)
        trial = replace(trial, thresholds={word: c.threshold for word, c in found.items()})
        tried.append((_missed(model, positives, trial), trial, found))
    _, best, found = min(tried, key=lambda each: each[0])
    for refractory_s in REFRACTORY_S if positives else ():
        shorter = replace(best, refractory_s=refractory_s)
        if not _twice(model, positives, shorter):
            return shorter, _thresholds(model, negatives, shorter, per_hour)
    return best, found


def _thresholds(
    model: WakeWordModel, negatives: ScoredStream, point: OperatingPoint, per_hour: float
) -> dict[str, CalibratedThreshold]:
    smoothing, refractory = in_frames(point, model.frame_s)
    return {
        word: fit_threshold(
            event_peaks(negatives.logits[:, k], smoothing, refractory), negatives.hours, per_hour
        )
        for k, word in enumerate(model.keywords)
    }


def _events(
    model: WakeWordModel, track: ScoredStream, point: OperatingPoint
) -> Iterator[tuple[str, list[float]]]:
    """By keyword: times of its events in seconds."""
    thresholds = tuple(point.thresholds[word] for word in model.keywords)
    events, _ = Trigger(thresholds, *in_frames(point, model.frame_s)).run(track.logits)
    for k, word in enumerate(model.keywords):
        yield word, [(e.frame + 1) * model.frame_s for e in events if e.keyword == k]


def _missed(model: WakeWordModel, tracks: Sequence[ScoredStream], point: OperatingPoint) -> int:
    return sum(
        int((~metrics.detected(times, track.segments_of(word), HIT_TOLERANCE_S)).sum())
        for track in tracks
        for word, times in _events(model, track, point)
    )


def _twice(model: WakeWordModel, tracks: Sequence[ScoredStream], point: OperatingPoint) -> bool:
    """Whether a clip fires more than once."""
    return any(
        sum(s.start_s <= at <= s.end_s + HIT_TOLERANCE_S for at in times) > 1
        for track in tracks
        for word, times in _events(model, track, point)
        for s in track.segments_of(word)
    )
