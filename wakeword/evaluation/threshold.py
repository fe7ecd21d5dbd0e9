"""The threshold for a rate of false accepts, extrapolated from the highest negative scores.

A rate such as 0.5 per hour cannot be counted in an hour or two: chance decides the highest score.
The peaks of separate events follow an exponential tail in the logit. The threshold is read off the
line fitted through the highest peaks, which uses all of them instead of one, and is never lower
than the events counted require.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.detection.trigger import Scores, smooth
from wakeword.evaluation import metrics
from wakeword.evaluation.metrics import Estimate

TAIL = 20
"""Number of the highest events that the line is fitted through."""

EVENTS_TO_CONFIRM = 3.0
"""Events expected in the audio that confirms a rate. Rule of three: where none of 3 expected events
occurs, the rate is lower with a confidence of 95 %."""

Peaks = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CalibratedThreshold:
    """A threshold, and the rate of false accepts expected at it.

    Attributes:
        threshold: score from 0 to 1.
        expected: false accepts per hour by the fitted line; the interval (95 %) is that of the
            count in as many hours again.
        counted: events at or above the threshold in these hours.
        hours: of negatives.
        highest: score of the highest event.
    """

    threshold: float
    expected: Estimate
    counted: int
    hours: float
    highest: float

    @property
    def extrapolated(self) -> bool:
        """Whether the threshold lies above every event in these hours."""
        return self.threshold > self.highest


def hours_to_confirm(per_hour: float) -> float:
    """Return the hours of other sound that it takes to confirm a rate of false accepts.

    A threshold for this rate that was set on less is provisional.

    Args:
        per_hour: false accepts per hour; 0.5 takes 6 hours.
    """
    return EVENTS_TO_CONFIRM / per_hour


def event_peaks(logits: Scores, smoothing: int, refractory: int) -> Peaks:
    """Return the highest smoothed logit of each separate event, ascending.

    Args:
        logits: (frames,) of one keyword.
        smoothing: frames of the running mean.
        refractory: frames within which there is one event at most.
    """
    scores = smooth(logits[:, None], smoothing)[:, 0]
    values = np.log(scores) - np.log1p(-scores)
    middle = values[1:-1]
    maxima = np.flatnonzero((middle > values[:-2]) & (middle >= values[2:])) + 1
    taken = np.zeros(len(values), dtype=bool)
    peaks: list[float] = []
    for i in maxima[np.argsort(-values[maxima], kind="stable")]:
        if not taken[i]:
            peaks.append(float(values[i]))
            taken[max(0, i - refractory) : i + refractory + 1] = True
    return np.sort(np.asarray(peaks))


def fit_threshold(events: Peaks, hours: float, per_hour: float) -> CalibratedThreshold:
    """Return the lowest threshold with no more than `per_hour` false accepts per hour expected.

    Fewer than three events are no line; the threshold is then 0.5, or as high as their count
    requires.

    Args:
        events: from `event_peaks`, of all recordings together.
        hours: of these recordings.
        per_hour: false accepts per hour to aim at.
    """
    tail = events[-TAIL:]
    allowed = int(per_hour * hours)
    if len(tail) < 3:
        by_count = float(events[-allowed - 1]) + 1e-6 if allowed < len(events) else 0.0
        chosen = max(0.0, by_count)
        counted = int((events >= chosen).sum())
        highest = sigmoid(float(tail[-1])) if len(tail) else 0.0
        rate = metrics.poisson(len(tail), hours)
        return CalibratedThreshold(sigmoid(chosen), rate, counted, hours, highest)
    base = float(tail[0])
    excess = tail[1:] - base
    scale = max(float(excess.mean()), 1e-3)
    base_rate = len(excess) / hours
    by_line = base + scale * math.log(max(base_rate / per_hour, 1e-9))
    by_count = float(events[-allowed - 1]) + 1e-6 if allowed < len(events) else base
    chosen = max(by_line, by_count)
    expected = base_rate * math.exp(-(chosen - base) / scale)
    counted = int((events >= chosen).sum())
    return CalibratedThreshold(
        sigmoid(chosen),
        _prediction_interval(expected, hours, len(excess)),
        counted,
        hours,
        sigmoid(float(events[-1])),
    )


def sigmoid(logit: float) -> float:
    """Return the score of a logit."""
    return 1.0 / (1.0 + math.exp(-logit))


def logit(score: float) -> float:
    """Return the logit of a score between 0 and 1."""
    return math.log(score) - math.log1p(-score)


def _prediction_interval(expected: float, hours: float, tail: int) -> Estimate:
    """Return the 95 % interval of the rate counted in as many hours again.

    The slope of the line makes the expected count uncertain by a relative error of the order
    1 / sqrt(tail), and the count around it is Poisson: together a negative binomial.
    """
    import scipy.stats

    mean = max(expected * hours, 1e-9)
    steepness = math.log(max(tail / mean, 1.0))  # distance along the line, in its own scale
    relative_variance = (1.0 + steepness**2) / tail
    shape = 1.0 / relative_variance
    counts = scipy.stats.nbinom(shape, shape / (shape + mean))
    low, high = counts.ppf(0.025), max(counts.ppf(0.975), 1.0)  # one event is always possible
    return Estimate(expected, float(low) / hours, float(high) / hours)
