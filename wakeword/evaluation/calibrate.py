"""The threshold for a rate of false accepts, from recordings without the keyword.

A rate such as 0.5 per hour cannot be counted in an hour or two: the highest score in them decides
by chance. The highest scores of separate events fall off like an exponential in the logit, so the
threshold is read off the line through the highest of them, which rests on all these events
instead of on one; and it is never below what the events themselves ask for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.detector import Scores, smooth
from wakeword.evaluation import metrics
from wakeword.evaluation.metrics import Rate

TAIL = 20  # highest events that the line goes through

Peaks = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibrated:
    """A threshold and what it rests on.

    Attributes:
        expected: false accepts per hour by the line through the highest events, with the
            interval (95 %) that their number and the hours leave.
        counted: events at or over the threshold in these hours.
    """

    threshold: float
    expected: Rate
    counted: int
    hours: float
    extrapolated: bool  # the threshold lies above every event that was heard


def peaks(logits: Scores, smoothing: int, refractory: int) -> Peaks:
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


def threshold(events: Peaks, hours: float, per_hour: float) -> Calibrated:
    """The lowest threshold at which no more than `per_hour` false accepts are to be expected.

    Args:
        events: from `peaks`, of all recordings together.
        hours: of these recordings.

    The interval is that of a count as large as the events of the tail, carried along the line:
    its width is that of the number that would be counted in as many hours again.
    """
    tail = events[-TAIL:]
    if len(tail) < 3:
        return Calibrated(0.5, metrics.poisson(len(tail), hours), 0, hours, True)
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
    return Calibrated(
        1.0 / (1.0 + math.exp(-chosen)),
        _interval(expected, hours, len(excess)),
        counted,
        hours,
        chosen > float(events[-1]),
    )


def _interval(expected: float, hours: float, tail: int) -> Rate:
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
    low, high = counts.ppf(0.025), counts.ppf(0.975)
    return Rate(expected, float(low) / hours, float(high) / hours)


def together(tracks: Sequence[Peaks]) -> Peaks:
    """Events of several recordings as one list."""
    return np.sort(np.concatenate([np.zeros(0), *tracks]))
