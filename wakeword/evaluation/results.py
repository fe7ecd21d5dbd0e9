"""TODO."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass

from wakeword.data.clip import Clip, KeywordSegment
from wakeword.detection.trigger import Scores
from wakeword.evaluation import metrics
from wakeword.evaluation.metrics import DetPoint, Estimate

HIT_TOLERANCE_S = 0.8
"""A detection from a word's start to this long after its end is a hit."""

FALSE_ACCEPT_RATES = (0.1, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class ScoredStream:
    """A stream as a model heard it.

    Attributes:
        logits: (frames, keywords).
        segments: where each keyword is spoken, in stream time.
        hours: of audio.
        pieces: where each clip begins, in seconds, with the clip; () where nobody asks.
    """

    name: str
    logits: Scores
    segments: tuple[KeywordSegment, ...]
    hours: float
    pieces: tuple[tuple[float, Clip], ...] = ()

    def segments_of(self, keyword: str) -> list[KeywordSegment]:
        """The segments in which one keyword is spoken, in stream order."""
        return [segment for segment in self.segments if segment.keyword == keyword]

    def clip_at(self, time_s: float) -> Clip:
        """The clip that is heard at a time."""
        return self.pieces[bisect([start for start, _ in self.pieces], time_s) - 1][1]


@dataclass(frozen=True)
class ClipResult:
    """One keyword clip of a stream and what became of it.

    Attributes:
        missed: at each rate of `PER_HOUR` that has an operating point.
        latency_s: from the word's end to its detection at the shipped threshold; None: missed.
    """

    clip: Clip
    missed: Mapping[float, bool]
    latency_s: float | None


@dataclass(frozen=True)
class KeywordResult:
    """One keyword under one condition."""

    keyword: str
    condition: str
    clips: int
    at: tuple[tuple[float, DetPoint | None], ...]  # false accepts per hour → the point there
    curve: tuple[DetPoint, ...]
    shipped: DetPoint  # at the threshold that the model file holds
    words: tuple[ClipResult, ...] = ()


@dataclass(frozen=True)
class FalseAccept:
    """A detection at the shipped threshold where nobody said the keyword."""

    keyword: str
    time_s: float  # in the stream of negatives
    score: float
    clip: Clip


@dataclass(frozen=True)
class SourceResult:
    """Negatives of one origin."""

    name: str
    clips: int
    hours: float
    false_accepts: int  # at the shipped threshold
    fired: int  # clips with at least one


@dataclass(frozen=True)
class ConfusableResult:
    """Clips that sound nearly like a keyword, at the shipped threshold. They count in no rate."""

    keyword: str
    clips: int
    fired: int

    @property
    def rate(self) -> Estimate:
        """The share that set it off, with its Wilson interval."""
        return metrics.wilson(self.fired, self.clips)


@dataclass(frozen=True)
class Evaluation:
    """All that was measured, with the hours of negatives that it rests on."""

    rows: tuple[KeywordResult, ...]
    negative_hours: float
    notes: tuple[str, ...]
    false_accepts: tuple[FalseAccept, ...] = ()
    sources: tuple[SourceResult, ...] = ()
    near_misses: tuple[ConfusableResult, ...] = ()

    def supports(self, per_hour: float) -> bool:
        """Whether the hours of audio can show a rate this low: at least one event's worth."""
        return self.negative_hours * per_hour >= 1.0
