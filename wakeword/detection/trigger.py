"""From logits to detections: the one Trigger that serves microphone and evaluation alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from wakeword.model.operating_point import OperatingPoint

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """A keyword was heard: score 0 to 1, time in seconds since the start of the stream."""

    keyword: str
    score: float
    time: float


class StreamModel(Protocol):
    """What a detector needs to know of a model; see `model.WakeWordModel` for what each is."""

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


class TriggerState(NamedTuple):
    """What a later frame needs to know of the earlier ones."""

    logits: Scores  # (< smoothing, keywords): for the running mean
    frame: int  # frames seen
    fired: npt.NDArray[np.int64]  # (keywords,): frame of the last event
    above: npt.NDArray[np.bool_]  # (keywords,): was the last score over the threshold
    scores: Scores  # (≤ 2, keywords): the last two, for peaks


class Event(NamedTuple):
    """A frame at which a keyword fired."""

    frame: int
    keyword: int
    score: float


@dataclass(frozen=True)
class Trigger:
    """Smoothing, threshold, refractory: counted in frames, never in wall-clock time.

    The score of a frame is the sigmoid of the mean of its last `smoothing` logits. A keyword fires
    when its score comes up to its threshold, and not again before it has fallen below it and
    `refractory` frames have passed. With a threshold of 0 every local peak of the score is an
    event instead, so that any operating point can be read off afterwards.
    """

    thresholds: tuple[float, ...]  # one per keyword
    smoothing: int
    refractory: int

    def run(
        self, logits: Scores, state: TriggerState | None = None
    ) -> tuple[list[Event], TriggerState]:
        """(frames, keywords) logits → the events among them, in order of time."""
        count = len(self.thresholds)
        if state is None:
            none = np.zeros((0, count))
            long_ago = np.full(count, -self.refractory, dtype=np.int64)
            state = TriggerState(none, 0, long_ago, np.zeros(count, dtype=bool), none)
        if not len(logits):
            return [], state
        seen = np.concatenate([state.logits, logits.astype(np.float64)])
        scores = smooth(seen, self.smoothing)[len(state.logits) :]
        fired = state.fired.copy()
        events: list[Event] = []
        for k, threshold in enumerate(self.thresholds):
            if threshold <= 0:
                events += _peaks(scores[:, k], state.scores[:, k], state.frame, k)
                continue
            high = scores[:, k] >= threshold
            before = np.concatenate([state.above[k : k + 1], high[:-1]])
            for i in np.flatnonzero(high & ~before):
                if state.frame + i - fired[k] >= self.refractory:
                    fired[k] = state.frame + i
                    events.append(Event(int(fired[k]), k, float(scores[i, k])))
        keep = self.smoothing - 1
        state = TriggerState(
            seen[len(seen) - min(keep, len(seen)) :],
            state.frame + len(logits),
            fired,
            scores[-1] >= np.asarray(self.thresholds),
            np.concatenate([state.scores, scores])[-2:],
        )
        return sorted(events), state


def smooth(logits: Scores, frames: int) -> Scores:
    """(U, keywords) logits → scores 0 to 1: the sigmoid of the mean over the last `frames`."""
    padded = np.concatenate([*[logits[:1]] * (frames - 1), logits])
    total = padded[: len(logits)].copy()
    for first in range(1, frames):
        total += padded[first : first + len(logits)]
    scores: Scores = 1.0 / (1.0 + np.exp(-(total / frames).clip(-60.0, 60.0)))
    return scores


def _peaks(scores: Scores, past: Scores, first_frame: int, keyword: int) -> list[Event]:
    """Frames over both neighbours; the last frame waits for its right one."""
    seen = np.concatenate([past, scores])
    middle = seen[1:-1]
    at = np.flatnonzero((middle > seen[:-2]) & (middle >= seen[2:])) + 1
    return [Event(first_frame - len(past) + int(i), keyword, float(seen[i])) for i in at]


def trigger_for(model: StreamModel, thresholds: Sequence[float]) -> Trigger:
    """The trigger of a model at other thresholds; smoothing and refractory are the model's own."""
    return Trigger(tuple(thresholds), *in_frames(model.operating_point, model.frame_s))


def in_frames(point: OperatingPoint, frame_s: float) -> tuple[int, int]:
    """Smoothing and refractory time of an operating point in frames of `frame_s` seconds."""
    smoothing, refractory = (
        max(1, round(seconds / frame_s)) for seconds in (point.smoothing_s, point.refractory_s)
    )
    return smoothing, refractory


def to_detections(events: Iterable[Event], model: StreamModel) -> list[Detection]:
    """Events in frames as detections in seconds: the end of the frame that fired."""
    return [
        Detection(model.keywords[e.keyword], e.score, round((e.frame + 1) * model.frame_s, 6))
        for e in events
    ]
