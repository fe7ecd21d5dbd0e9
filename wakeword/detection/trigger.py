"""From logits to detections: one trigger for the live stream and for the evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import Samples
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.model.cascade import Cascade, StartedBlock, moving_mean
from wakeword.model.operating_point import OperatingPoint

Scores = npt.NDArray[np.float64]
"""(frames, keywords) logits, or scores from 0 to 1."""


@dataclass(frozen=True)
class Detection:
    """A detected keyword.

    Attributes:
        keyword: which one.
        score: from 0 to 1, at the time of the detection: the first score that reached the
            threshold, not the highest one, which is not known yet; see `Detector.peaks`.
        time: when the score reached the threshold, in seconds since the start of the stream.
        start: of the keyword, in seconds since the start of the stream: an estimate, `end` minus
            the typical duration of the keyword.
        end: of the keyword, in seconds since the start of the stream: an estimate, `time` minus the
            typical latency of the model; see `OperatingPoint.keyword_bounds`.
    """

    keyword: str
    score: float
    time: float
    start: float
    end: float


class StreamModel(Protocol):
    """What a detector needs of a model; see `model.network.WakeWordModel` for each attribute."""

    @property
    def keywords(self) -> tuple[str, ...]: ...
    @property
    def operating_point(self) -> OperatingPoint: ...
    @property
    def frame_s(self) -> float: ...
    @property
    def first_block(self) -> int: ...
    @property
    def block(self) -> int: ...
    def step(self, block: Samples, state: Any = None) -> tuple[Scores, Any]: ...


@runtime_checkable
class TwoStageStreamModel(StreamModel, Protocol):
    """A model of two stages, of which a caller may run the verifier on another thread.

    `step` is `begin`, then `verify` of `StartedBlock.window` where there is a call, then
    `cascade.finish`; see `model.two_stage.TwoStageModel`.
    """

    @property
    def cascade(self) -> Cascade: ...
    def begin(self, block: Samples, state: Any = None) -> StartedBlock: ...
    def verify(self, samples: Samples) -> Scores: ...


class TriggerState(NamedTuple):
    """What later frames need to know of earlier ones."""

    logits: Scores  # (< smoothing, keywords): for the running mean
    frame: int  # number of frames so far
    last_events: npt.NDArray[np.int64]  # (keywords,): frame of the last event
    above: npt.NDArray[np.bool_]  # (keywords,): whether the last score reached the threshold
    scores: Scores  # (≤ 2, keywords): the last two, for peaks


class Event(NamedTuple):
    """A frame at which a keyword is detected."""

    frame: int
    keyword: int
    score: float


@dataclass(frozen=True)
class Trigger:
    """Smoothing, threshold and refractory time, counted in frames, never in wall-clock time.

    The score of a frame is the sigmoid of the mean of its last `smoothing` logits. A keyword is
    detected when its score rises to its threshold, and not again before the score has fallen below
    it and `refractory` frames have passed. With a threshold of 0 every local peak of the score is
    an event instead, from which the events of any other threshold can be derived.

    Attributes:
        thresholds: one per keyword.
        smoothing: frames that are averaged.
        refractory: frames between two detections of a keyword, at least.
    """

    thresholds: tuple[float, ...]
    smoothing: int
    refractory: int

    def run(
        self, logits: Scores, state: TriggerState | None = None
    ) -> tuple[list[Event], TriggerState]:
        """Find the events in the next logits of a stream.

        Args:
            logits: (frames, keywords).
            state: what the previous call of the same stream returned; None starts one.

        Returns:
            The events in order of time, and the state for the next call.
        """
        events, _, state = self.run_scored(logits, state)
        return events, state

    def run_scored(
        self, logits: Scores, state: TriggerState | None = None
    ) -> tuple[list[Event], Scores, TriggerState]:
        """Return what `run` does, with the (frames, keywords) scores of these logits."""
        count = len(self.thresholds)
        none = np.zeros((0, count))
        if state is None:
            long_ago = np.full(count, -self.refractory, dtype=np.int64)
            state = TriggerState(none, 0, long_ago, np.zeros(count, dtype=bool), none)
        if not len(logits):
            return [], none, state
        padded = np.concatenate([state.logits, logits.astype(np.float64)])
        scores = smooth(padded, self.smoothing)[len(state.logits) :]
        last_events = state.last_events.copy()
        events: list[Event] = []
        for k, threshold in enumerate(self.thresholds):
            if threshold <= 0:
                events += _peaks(scores[:, k], state.scores[:, k], state.frame, k)
                continue
            high = scores[:, k] >= threshold
            before = np.concatenate([state.above[k : k + 1], high[:-1]])
            for i in np.flatnonzero(high & ~before):
                if state.frame + i - last_events[k] >= self.refractory:
                    last_events[k] = state.frame + i
                    events.append(Event(int(last_events[k]), k, float(scores[i, k])))
        keep = self.smoothing - 1
        state = TriggerState(
            padded[len(padded) - min(keep, len(padded)) :],
            state.frame + len(logits),
            last_events,
            scores[-1] >= np.asarray(self.thresholds),
            np.concatenate([state.scores, scores])[-2:],
        )
        return sorted(events), scores, state


class EventPeaks:
    """The highest score of each event of one stream.

    An event lasts until its keyword can be detected again: until the refractory time has passed and
    the score is below the threshold. With a threshold of 0 an event is a peak itself.

    Args:
        trigger: that finds the events.
    """

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._open: dict[int, tuple[Event, float]] = {}  # by keyword: event, highest score so far

    @property
    def unfinished(self) -> dict[int, float]:
        """The highest score so far of each event that has not ended, by number of its keyword."""
        return {keyword: highest for keyword, (_, highest) in self._open.items()}

    def follow(self, events: Iterable[Event], scores: Scores, frame: int) -> dict[Event, float]:
        """Take the next scores of the stream.

        Args:
            events: in these scores, in order of time.
            scores: (frames, keywords).
            frame: number of the first of them.

        Returns:
            The events that have ended, each with its highest score.
        """
        ended: dict[Event, float] = {}
        current = [*self._open.values(), *((event, event.score) for event in events)]
        self._open = {}
        for event, highest in current:
            threshold = self._trigger.thresholds[event.keyword]
            if threshold <= 0:
                ended[event] = highest
                continue
            start = max(0, event.frame - frame)
            may_end = max(start, event.frame + self._trigger.refractory - 1 - frame)
            column = scores[:, event.keyword]
            low = np.flatnonzero(column[may_end:] < threshold)
            end = may_end + int(low[0]) if low.size else len(column)
            highest = float(column[start:end].max(initial=highest))
            if low.size:
                ended[event] = highest
            else:
                self._open[event.keyword] = event, highest
        return ended

    def finish(self) -> dict[Event, float]:
        """End the stream: return the events that have not ended, each with its highest score."""
        ended, self._open = dict(self._open.values()), {}
        return ended


class StreamTrigger:
    """The trigger of one live stream: logits in, detections out.

    Args:
        model: names the keywords and holds the operating point.
        threshold: for every keyword, or by keyword; None takes those of the model; 0 detects every
            local peak.

    Attributes:
        thresholds: by keyword.
        trigger: the trigger at these thresholds.
        peaks: highest score of each detection whose event ended in the last call; see `EventPeaks`.

    Raises:
        ConfigError: an unknown keyword, or a threshold that is not 0 to 1.
    """

    def __init__(self, model: StreamModel, threshold: float | Mapping[str, float] | None) -> None:
        self._model = model
        self.thresholds = _thresholds(model, threshold)
        self.trigger = trigger_for(model, [self.thresholds[name] for name in model.keywords])
        self._state: TriggerState | None = None
        self._event_peaks = EventPeaks(self.trigger)
        self.peaks: dict[Detection, float] = {}

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return self._state.frame if self._state else 0

    @property
    def scores(self) -> dict[str, float]:
        """The latest score of each keyword."""
        if self._state is None or not len(self._state.scores):
            return dict.fromkeys(self._model.keywords, 0.0)
        latest = self._state.scores[-1]
        return dict(zip(self._model.keywords, map(float, latest), strict=True))

    @property
    def unfinished_peaks(self) -> dict[str, float]:
        """Highest score so far of each detection whose event has not ended, by keyword."""
        unfinished = self._event_peaks.unfinished
        return {self._model.keywords[number]: score for number, score in unfinished.items()}

    def run(self, logits: Scores) -> list[Detection]:
        """Return the detections in the next (frames, keywords) logits."""
        first = self.frames
        events, scores, self._state = self.trigger.run_scored(logits, self._state)
        self._keep_peaks(self._event_peaks.follow(events, scores, first))
        return to_detections(events, self._model)

    def finish(self) -> None:
        """End the stream: afterwards `peaks` holds the detections whose event had not ended."""
        self._keep_peaks(self._event_peaks.finish())

    def reset(self) -> None:
        """Start a new stream."""
        self._state = None
        self._event_peaks = EventPeaks(self.trigger)
        self.peaks = {}

    def _keep_peaks(self, ended: Mapping[Event, float]) -> None:
        detections = to_detections(ended, self._model)
        self.peaks = dict(zip(detections, ended.values(), strict=True))


def smooth(logits: Scores, frames: int) -> Scores:
    """Return scores: the sigmoid of the mean over the last `frames` logits.

    Args:
        logits: (U, keywords).
        frames: number of logits that are averaged; the first one is repeated before the start.

    Returns:
        (U, keywords) scores from 0 to 1.
    """
    padded = np.concatenate([*[logits[:1]] * (frames - 1), logits])
    mean = moving_mean(padded, frames)
    scores: Scores = 1.0 / (1.0 + np.exp(-mean.clip(-60.0, 60.0)))
    return scores


def trigger_for(model: StreamModel, thresholds: Sequence[float]) -> Trigger:
    """Return the trigger of a model at other thresholds, with the model's smoothing and refractory.

    Args:
        model: holds the operating point.
        thresholds: one per keyword.
    """
    return Trigger(tuple(thresholds), *in_frames(model.operating_point, model.frame_s))


def in_frames(point: OperatingPoint, frame_s: float) -> tuple[int, int]:
    """Return the smoothing and refractory time of an operating point in frames of `frame_s`."""
    smoothing, refractory = (
        max(1, round(seconds / frame_s)) for seconds in (point.smoothing_s, point.refractory_s)
    )
    return smoothing, refractory


def to_detections(events: Iterable[Event], model: StreamModel) -> list[Detection]:
    """Return events as detections; the time is the end of the frame."""
    detections = []
    for event in events:
        keyword, time_s = model.keywords[event.keyword], round((event.frame + 1) * model.frame_s, 6)
        bounds = model.operating_point.keyword_bounds(keyword, time_s)
        detections.append(Detection(keyword, event.score, time_s, *(round(t, 6) for t in bounds)))
    return detections


def _peaks(scores: Scores, past: Scores, first_frame: int, keyword: int) -> list[Event]:
    """Return the frames above both neighbours; the last frame waits for its right one."""
    padded = np.concatenate([past, scores])
    middle = padded[1:-1]
    frames = np.flatnonzero((middle > padded[:-2]) & (middle >= padded[2:])) + 1
    return [Event(first_frame - len(past) + int(i), keyword, float(padded[i])) for i in frames]


def _thresholds(
    model: StreamModel, threshold: float | Mapping[str, float] | None
) -> dict[str, float]:
    """Return the threshold of each keyword. Raises ConfigError."""
    if threshold is None:
        return dict(model.operating_point.thresholds)
    if not isinstance(threshold, Mapping):
        threshold = dict.fromkeys(model.keywords, threshold)
    for keyword, value in threshold.items():
        if keyword not in model.keywords:
            raise ConfigError(unknown_name_message("keyword", keyword, model.keywords))
        if not 0.0 <= value <= 1.0:
            raise ConfigError(f"a threshold of {value}: expected 0 (every peak) to 1.")
    return {**model.operating_point.thresholds, **threshold}
