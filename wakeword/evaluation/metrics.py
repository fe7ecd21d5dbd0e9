"""Event-level metrics: misses, false accepts, latencies, and their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

from wakeword.data.clip import KeywordSegment

Events = Callable[[float], Sequence[float]]
"""Maps a threshold to the times of its events, in seconds."""


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class DetPoint:
    """One operating point of a detector: a point of its detection error trade-off (DET) curve.

    Attributes:
        threshold: score from which the keyword is detected.
        missed: occurrences of the keyword without a detection.
        spoken: occurrences of the keyword.
        false_accepts: detections in the negatives.
        hours: of negatives.
    """

    threshold: float
    misses: int
    spoken: int
    false_accepts: int
    hours: float

    @property
    def miss_rate(self) -> float:
        """Share of the occurrences that were missed; 0 where there are none."""
        return self.misses / self.spoken if self.spoken else 0.0

    @property
    def miss_rate_estimate(self) -> Estimate:
        """The miss rate with its Wilson interval."""
        return wilson(self.misses, self.spoken)

    @property
    def false_accepts_per_hour(self) -> float:
        """False accepts per hour of negatives; 0 where there are none."""
        return self.false_accepts / self.hours if self.hours else 0.0

    @property
    def false_accept_estimate(self) -> Estimate:
        """False accepts per hour with their exact Poisson interval."""
        return poisson(self.false_accepts, self.hours)


def wilson(count: int, total: int, confidence: float = 0.95) -> Estimate:
    """Return a proportion with its Wilson score interval; [0, 1] where `total` is 0.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    if total == 0:
        return Estimate(0.0, 0.0, 1.0)
    interval = scipy.stats.binomtest(count, total).proportion_ci(confidence, method="wilson")
    return Estimate(count / total, float(interval.low), float(interval.high))


def poisson(count: int, hours: float, confidence: float = 0.95) -> Estimate:
    """Return a rate per hour with its exact Poisson interval; [0, ∞) where `hours` is 0.

    With no event in H hours, the upper limit is 3.7 / H.

    Source: Garwood 1936, "Fiducial Limits for the Poisson Distribution".
    """
    if not hours:
        return Estimate(0.0, 0.0, math.inf)
    tail = (1 - confidence) / 2
    low = float(scipy.stats.chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    high = float(scipy.stats.chi2.ppf(1 - tail, 2 * count + 2)) / 2
    return Estimate(count / hours, low / hours, high / hours)


def detected(
    times: Sequence[float], segments: Sequence[KeywordSegment], tolerance_s: float
) -> npt.NDArray[np.bool_]:
    """Return which segments have an event between their start and `tolerance_s` after their end."""
    hits = [latency is not None for latency in latencies(times, segments, tolerance_s)]
    return np.asarray(hits, dtype=bool)


def latencies(
    times: Sequence[float], segments: Sequence[KeywordSegment], tolerance_s: float
) -> list[float | None]:
    """Return the seconds from each segment's end to its first event, None for a miss.

    Negative where the event comes before the end.
    """
    ordered = np.sort(np.asarray(times, dtype=np.float64))
    delays: list[float | None] = []
    for segment in segments:
        i = int(np.searchsorted(ordered, segment.start_s))
        hit = i < len(ordered) and ordered[i] <= segment.end_s + tolerance_s
        delays.append(float(ordered[i] - segment.end_s) if hit else None)
    return delays


def bootstrap(groups: Sequence[Sequence[bool]], draws: int = 2000, seed: int = 0) -> Estimate:
    """Return a proportion over groups (speakers) with its cluster-bootstrap interval.

    Groups are resampled as wholes, so that the interval covers new speakers and not only new clips
    of the same ones.

    Args:
        groups: one sequence per group: True for a miss.
        draws: bootstrap samples.
        seed: of the random generator.
    """
    counts = np.asarray([(sum(group), len(group)) for group in groups], dtype=np.float64)
    picks = np.random.default_rng(seed).integers(len(counts), size=(draws, len(counts)))
    misses, total = counts[picks].sum(axis=1).T
    low, high = np.percentile(misses / total, (2.5, 97.5))
    return Estimate(float(counts[:, 0].sum() / counts[:, 1].sum()), float(low), float(high))


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> float:
    """Return the two-sided p-value of McNemar's exact test on paired outcomes.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated
    proportions or percentages".
    """
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    if only_a + only_b == 0:
        return 1.0
    return float(scipy.stats.binomtest(only_a, only_a + only_b).pvalue)


def sweep(
    positives: Events,
    segments: Sequence[KeywordSegment],
    negatives: Events,
    hours: float,
    thresholds: Sequence[float],
    tolerance_s: float,
) -> list[DetPoint]:
    """Return misses and false accepts at every threshold, from the events of the trigger itself.

    Args:
        positives: events in the stream of keyword clips.
        segments: in which the keyword is spoken in it.
        negatives: events in the stream without the keyword.
        hours: of that stream.
        thresholds: at which to count.
        tolerance_s: how long after its end a detection of the keyword still counts.
    """
    return [
        DetPoint(
            threshold,
            int((~detected(positives(threshold), segments, tolerance_s)).sum()),
            len(segments),
            len(negatives(threshold)),
            hours,
        )
        for threshold in thresholds
    ]


def merge_curves(curves: Sequence[Sequence[DetPoint]]) -> list[DetPoint]:
    """Add up the misses of several conditions over the same thresholds and negatives.

    Raises:
        ValueError: the curves differ in length.
    """
    return [
        DetPoint(
            same[0].threshold,
            sum(point.misses for point in same),
            sum(point.spoken for point in same),
            same[0].false_accepts,
            same[0].hours,
        )
        for same in zip(*curves, strict=True)
    ]


def at_false_accepts(points: Sequence[DetPoint], per_hour: float) -> DetPoint | None:
    """Return the point with the fewest misses within `per_hour` false accepts per hour.

    Ties go to fewer false accepts, then to the middle of the thresholds: as far from the next miss
    as from the next false accept. None where no point is within the rate.
    """
    within = [p for p in points if p.false_accepts_per_hour <= per_hour]
    if not within:
        return None
    best = min((p.misses, p.false_accepts) for p in within)
    tied = [p for p in within if (p.misses, p.false_accepts) == best]
    return sorted(tied, key=lambda p: p.threshold)[len(tied) // 2]
