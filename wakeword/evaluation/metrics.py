"""Event-level numbers: what was missed, how often it fired for nothing, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

from wakeword.data.clip import KeywordSegment

Array = npt.NDArray[np.float64]
Events = Callable[[float], Sequence[float]]  # threshold → times of events, in seconds


@dataclass(frozen=True)
class Estimate:
    """A measured value with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class DetPoint:
    """One operating point of a detector on streams."""

    threshold: float
    missed: int
    spoken: int
    false_accepts: int
    hours: float

    @property
    def miss_rate(self) -> float:
        return self.missed / self.spoken if self.spoken else 0.0

    @property
    def false_accepts_per_hour(self) -> float:
        return self.false_accepts / self.hours if self.hours else 0.0


def wilson(count: int, total: int, confidence: float = 0.95) -> Estimate:
    """A share with its Wilson score interval."""
    if total == 0:
        return Estimate(0.0, 0.0, 1.0)
    interval = scipy.stats.binomtest(count, total).proportion_ci(confidence, method="wilson")
    return Estimate(count / total, float(interval.low), float(interval.high))


def poisson(count: int, hours: float, confidence: float = 0.95) -> Estimate:
    """A rate per hour with its exact (Garwood) interval; 0 in H hours is bounded by 3.7 / H.

    In no hours at all nothing is known: it lies between 0 and infinity.
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
    """Which segments have an event between their start and `tolerance_s` after their end."""
    found = [latency is not None for latency in latencies(times, segments, tolerance_s)]
    return np.asarray(found, dtype=bool)


def latencies(
    times: Sequence[float], segments: Sequence[KeywordSegment], tolerance_s: float
) -> list[float | None]:
    """Seconds from each segment's end to its first event (negative before it); None: a miss."""
    at = np.sort(np.asarray(times, dtype=np.float64))
    found: list[float | None] = []
    for segment in segments:
        i = int(np.searchsorted(at, segment.start_s))
        hit = i < len(at) and at[i] <= segment.end_s + tolerance_s
        found.append(float(at[i] - segment.end_s) if hit else None)
    return found


def bootstrap(groups: Sequence[Sequence[bool]], draws: int = 2000, seed: int = 0) -> Estimate:
    """A share over groups (speakers) that are drawn anew as wholes: value and 95 % interval."""
    counts = np.asarray([(sum(group), len(group)) for group in groups], dtype=np.float64)
    picks = np.random.default_rng(seed).integers(len(counts), size=(draws, len(counts)))
    missed, total = counts[picks].sum(axis=1).T
    low, high = np.percentile(missed / total, (2.5, 97.5))
    return Estimate(float(counts[:, 0].sum() / counts[:, 1].sum()), float(low), float(high))


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> float:
    """McNemar's exact test: how likely so uneven a split of the clips on which two differ is."""
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
    """Miss and false accepts at every threshold, each from the events of the trigger itself."""
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
    """Curves of several conditions over the same thresholds and negatives as one."""
    return [
        DetPoint(
            same[0].threshold,
            sum(point.missed for point in same),
            sum(point.spoken for point in same),
            same[0].false_accepts,
            same[0].hours,
        )
        for same in zip(*curves, strict=True)
    ]


def at_false_accepts(points: Sequence[DetPoint], per_hour: float) -> DetPoint | None:
    """The point with the fewest misses among those within `per_hour`; None where there is none.

    Of several with as few misses, the one with the highest threshold.
    """
    within = [p for p in points if p.false_accepts_per_hour <= per_hour]
    return min(within, key=lambda p: (p.missed, -p.threshold), default=None)
