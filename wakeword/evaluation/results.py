"""Result types of an evaluation: scored streams, one result per keyword and condition, and all."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.data.clip import Clip, KeywordSegment
from wakeword.detection.trigger import Scores
from wakeword.evaluation import metrics
from wakeword.evaluation.metrics import DetPoint, Estimate

HIT_TOLERANCE_S = 0.8
"""A detection counts as a hit from the keyword's start until this long after its end."""

FALSE_ACCEPT_RATES = (0.1, 0.5, 1.0, 2.0)
"""False accepts per hour at which miss rates are reported."""


@dataclass(frozen=True)
class VerifierCalls:
    """The calls of the verifier of a two-stage model in one stream, in order.

    Attributes:
        times_s: (calls,) of each call, in seconds of the stream.
        reached: (calls, keywords): whether the gate's score of a keyword reached its threshold.
    """

    times_s: npt.NDArray[np.float64]
    reached: npt.NDArray[np.bool_]

    def times_of(self, k: int) -> list[float]:
        """Return the times of the calls for keyword `k`, in seconds."""
        return [float(time_s) for time_s in self.times_s[self.reached[:, k]]]

    def count_candidates(self, k: int, refractory_s: float) -> int:
        """Return the number of candidates of keyword `k`.

        Calls for a keyword that follow one another within the refractory time are one candidate.
        """
        times_s = self.times_of(k)
        return sum(
            not i or time_s - times_s[i - 1] > refractory_s for i, time_s in enumerate(times_s)
        )


@dataclass(frozen=True)
class ScoredStream:
    """A test stream with the logits that a model gave for it.

    Attributes:
        logits: (frames, keywords).
        segments: where each keyword is spoken, in stream time.
        hours: of audio.
        pieces: start of each clip in seconds, with the clip; () where it is not needed.
        calls: of the verifier; None for a model of one stage.
    """

    name: str
    logits: Scores
    segments: tuple[KeywordSegment, ...]
    hours: float
    pieces: tuple[tuple[float, Clip], ...] = ()
    calls: VerifierCalls | None = None

    def segments_of(self, keyword: str) -> list[KeywordSegment]:
        """Return the segments in which one keyword is spoken, in stream order."""
        return [segment for segment in self.segments if segment.keyword == keyword]

    def clip_at(self, time_s: float) -> Clip:
        """Return the clip that is played at a time."""
        return self.pieces[bisect([start for start, _ in self.pieces], time_s) - 1][1]


@dataclass(frozen=True)
class ClipResult:
    """Outcome of one keyword clip in a stream.

    Attributes:
        missed_at: by rate of `FALSE_ACCEPT_RATES` that has an operating point.
        latency_s: from the keyword's end to its detection at the stored threshold; None for a miss.
    """

    clip: Clip
    missed_at: Mapping[float, bool]
    latency_s: float | None


@dataclass(frozen=True)
class KeywordResult:
    """Result for one keyword under one condition.

    Attributes:
        clips: keyword clips in the stream.
        operating_points: by rate of `FALSE_ACCEPT_RATES`; None where no threshold is within it.
        curve: the DET curve, over a fixed grid of thresholds.
        shipped: at the threshold that the model file holds.
        clip_results: outcome of each clip.
        called: clips at which the verifier was called for the keyword, from its start until
            `HIT_TOLERANCE_S` after its end; None for a model of one stage.
    """

    keyword: str
    condition: str
    clips: int
    operating_points: Mapping[float, DetPoint | None]
    curve: tuple[DetPoint, ...]
    shipped: DetPoint
    clip_results: tuple[ClipResult, ...] = ()
    called: int | None = None

    @property
    def gate_recall(self) -> Estimate | None:
        """Share of the clips at which the verifier was called; None for a model of one stage."""
        return None if self.called is None else metrics.wilson(self.called, self.clips)

    def misses_by_speaker(self) -> dict[str, tuple[int, int]]:
        """Return {speaker: (clips missed, clips)} at the stored threshold.

        Clips of unknown speakers are left out.
        """
        counts: dict[str, tuple[int, int]] = {}
        for result in self.clip_results:
            if result.clip.speaker is not None:
                misses, clips = counts.get(result.clip.speaker, (0, 0))
                counts[result.clip.speaker] = (misses + (result.latency_s is None), clips + 1)
        return counts

    def speaker_bootstrap(self, per_hour: float) -> Estimate | None:
        """Return the miss rate at a false-accept rate with its interval over resampled speakers.

        None where a speaker is unknown, where there is only one, or where no operating point is
        within the rate.
        """
        groups: dict[str, list[bool]] = defaultdict(list)
        for result in self.clip_results:
            if result.clip.speaker is None or per_hour not in result.missed_at:
                return None
            groups[result.clip.speaker].append(result.missed_at[per_hour])
        return metrics.bootstrap(list(groups.values())) if len(groups) > 1 else None

    @property
    def latency_percentiles(self) -> tuple[float, float] | None:
        """Median and 95th percentile of the latencies at the stored threshold, in seconds."""
        latencies = [each.latency_s for each in self.clip_results if each.latency_s is not None]
        if not latencies:
            return None
        p50, p95 = np.percentile(latencies, (50, 95))
        return float(p50), float(p95)


@dataclass(frozen=True)
class FalseAccept:
    """A detection at the stored threshold in the stream of negatives.

    Attributes:
        time_s: of the detection, in seconds of the stream.
        score: at that time.
        peak: highest score until the keyword can be detected again.
        clip: the negative that is played at that time.
    """

    keyword: str
    time_s: float
    score: float
    peak: float
    clip: Clip


@dataclass(frozen=True)
class SourceResult:
    """False accepts in the negatives of one source, at the stored threshold.

    Attributes:
        clips_with_false_accepts: clips with one or more.
    """

    name: str
    clips: int
    hours: float
    false_accepts: int
    clips_with_false_accepts: int


@dataclass(frozen=True)
class ConfusableResult:
    """Detections in clips of confusable phrases, at the stored threshold; part of no other rate.

    Attributes:
        keyword: that the phrases resemble.
        clips: of confusable phrases.
        detected: clips in which the keyword is detected.
    """

    keyword: str
    clips: int
    detected: int

    @property
    def rate(self) -> Estimate:
        """Share of the clips in which the keyword is detected, with its Wilson interval."""
        return metrics.wilson(self.detected, self.clips)


@dataclass(frozen=True)
class CallResult:
    """How often a two-stage model called its verifier in the stream of negatives.

    Attributes:
        calls: of the verifier, for whichever keyword.
        candidates: by keyword; see `VerifierCalls.count_candidates`.
        hours: of negatives.
    """

    calls: int
    candidates: Mapping[str, int]
    hours: float

    @property
    def calls_per_hour(self) -> Estimate:
        """Calls of the verifier per hour, with the Poisson interval."""
        return metrics.poisson(self.calls, self.hours)

    @property
    def candidates_per_hour(self) -> dict[str, Estimate]:
        """Candidates per hour by keyword, with the Poisson interval."""
        return {
            keyword: metrics.poisson(count, self.hours)
            for keyword, count in self.candidates.items()
        }


@dataclass(frozen=True)
class Evaluation:
    """Result of evaluating a model on one split of a data set.

    Attributes:
        results: one per condition and keyword.
        negative_hours: hours of audio in which false accepts were counted.
        notes: assumptions made and clips skipped.
        false_accepts: at the stored threshold, in order of time.
        sources: false accepts by source of the negatives.
        confusables: one per keyword, where the data holds confusable phrases.
        calls: of the verifier in the negatives; None for a model of one stage.
    """

    results: tuple[KeywordResult, ...]
    negative_hours: float
    notes: tuple[str, ...]
    false_accepts: tuple[FalseAccept, ...] = ()
    sources: tuple[SourceResult, ...] = ()
    confusables: tuple[ConfusableResult, ...] = ()
    calls: CallResult | None = None

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords evaluated, each once."""
        return tuple(dict.fromkeys(result.keyword for result in self.results))

    def supports(self, per_hour: float) -> bool:
        """Return whether the hours of negatives are enough to observe one event at this rate."""
        return self.negative_hours * per_hour >= 1.0

    def label(self, keyword: str, condition: str) -> str:
        """Return a short label: the condition, with the keyword where there are several."""
        return f"'{keyword}', {condition}" if len(self.keywords) > 1 else condition

    def misses_by_speaker(self) -> dict[str, tuple[int, int]]:
        """Return {speaker: (clips missed, clips)} over all keywords and conditions."""
        totals: dict[str, tuple[int, int]] = {}
        for result in self.results:
            for speaker, (misses, clips) in result.misses_by_speaker().items():
                missed_before, clips_before = totals.get(speaker, (0, 0))
                totals[speaker] = (missed_before + misses, clips_before + clips)
        return totals
