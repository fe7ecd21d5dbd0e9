"""From logits to detections: the one Trigger that serves microphone and evaluation alike."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from wakeword.audio import SAMPLE_RATE, Samples, StreamResampler
from wakeword.errors import ConfigError, unknown
from wakeword.model import OperatingPoint, WakeWordModel

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """A keyword was heard: score 0 to 1, time in seconds since the start of the stream."""

    keyword: str
    score: float
    time: float


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


class Detector:
    """A live stream in, detections out; any number of detectors share one model.

    Args:
        model: from `wakeword.load`.
        threshold: for every keyword; None takes what the model file holds; 0 gives every peak.
        rate: of the samples that `feed` gets, in Hz; they are resampled to 16 kHz.

    Samples are collected into the model's own blocks, so that the pieces in which they come
    change nothing, to the last bit.
    """

    def __init__(
        self,
        model: WakeWordModel,
        *,
        threshold: float | Mapping[str, float] | None = None,
        rate: int = SAMPLE_RATE,
    ) -> None:
        self.model = model
        self.rate = rate
        self.thresholds = _thresholds(model, threshold)
        self.trigger = trigger_for(model, [self.thresholds[word] for word in model.keywords])
        self.reset()

    def reset(self) -> None:
        """Start anew: what comes next gives what it gave to a new detector."""
        self._resampler = StreamResampler(self.rate)
        self._pending: Samples = np.zeros(0, dtype=np.float32)
        self._state: object = None
        self._trigger_state: TriggerState | None = None
        self._next_block = self.model.first_block

    def feed(self, samples: npt.NDArray[np.float32] | npt.NDArray[np.int16]) -> list[Detection]:
        """(n,) samples, float32 in [-1, 1] or int16, any n → what was heard up to here."""
        self._collect(samples)
        return self._run()

    def flush(self) -> list[Detection]:
        """The stream has ended: let out what still waits for audio, as if silence followed."""
        tail = self._resampler.feed(np.zeros(0, dtype=np.float32), last=True)
        silence = np.zeros(self.model.first_block + self.model.block, dtype=np.float32)
        self._resampler = StreamResampler(self.rate)
        self._pending = np.concatenate([self._pending, tail, silence])
        return self._run()

    @property
    def scores(self) -> dict[str, float]:
        """The latest score of each keyword, for a meter."""
        state = self._trigger_state
        if state is None or not len(state.scores):
            return dict.fromkeys(self.model.keywords, 0.0)
        last = state.scores[-1]
        return {word: float(score) for word, score in zip(self.model.keywords, last, strict=True)}

    def describe(self) -> str:
        """The thresholds in use, and where they come from."""
        values = ", ".join(f"{word} {value:.4g}" for word, value in self.thresholds.items())
        own = self.thresholds == dict(self.model.point.thresholds)
        return f"{values} ({self.model.point.evidence})" if own else values

    def _collect(self, samples: npt.NDArray[np.float32] | npt.NDArray[np.int16]) -> None:
        """Resampled, behind what still waits."""
        if samples.dtype == np.int16:
            samples = samples.astype(np.float32) / 32768.0
        new = self._resampler.feed(np.asarray(samples, dtype=np.float32))
        self._pending = np.concatenate([self._pending, new])

    def _run(self) -> list[Detection]:
        """All blocks that are there."""
        found: list[Detection] = []
        while (block := self._next()) is not None:
            with torch.inference_mode():
                logits, self._state = self.model(torch.from_numpy(block)[None], self._state)
            found += self._fire(logits[0].double().numpy())
        return found

    def _next(self) -> Samples | None:
        """The model's next block, once it is there."""
        if len(self._pending) < self._next_block:
            return None
        block = self._pending[: self._next_block]
        self._pending = self._pending[self._next_block :]
        self._next_block = self.model.block
        return block

    def _fire(self, logits: Scores) -> list[Detection]:
        events, self._trigger_state = self.trigger.run(logits, self._trigger_state)
        return detections(events, self.model)


class DetectorPool:
    """Many live streams through one model: what is due in several is computed as one batch.

    Each stream hears what a `Detector` of its own would hear, to the rounding of a batch.

    Args:
        model: from `wakeword.load`.
        threshold: as of `Detector`, for every stream.
        batch: streams that go through the model at once, at most.
    """

    def __init__(
        self,
        model: WakeWordModel,
        *,
        threshold: float | Mapping[str, float] | None = None,
        batch: int = 32,
    ) -> None:
        self.model, self.batch = model, batch
        self._threshold = threshold
        self._streams: dict[Hashable, Detector] = {}

    def open(self, stream: Hashable, *, rate: int = SAMPLE_RATE) -> None:
        """A new stream under a name that is not in use. Raises ConfigError where it is."""
        if stream in self._streams:
            raise ConfigError(f"stream {stream!r} is open already: close it first.")
        self._streams[stream] = Detector(self.model, threshold=self._threshold, rate=rate)

    def close(self, stream: Hashable) -> list[Detection]:
        """End a stream; what its last samples still held comes out. Raises ConfigError."""
        self._check_open({stream})
        return self._streams.pop(stream).flush()

    def feed(
        self, pieces: Mapping[Hashable, npt.NDArray[np.float32] | npt.NDArray[np.int16]]
    ) -> dict[Hashable, list[Detection]]:
        """The next samples of any of the streams → by stream, what was heard up to here.

        Raises ConfigError where a stream is not open; nothing is fed then.
        """
        self._check_open(pieces.keys())
        fed = {stream: self._streams[stream] for stream in pieces}
        found: dict[Hashable, list[Detection]] = {stream: [] for stream in pieces}
        for stream, samples in pieces.items():
            fed[stream]._collect(samples)
        while due := [(s, block) for s, d in fed.items() if (block := d._next()) is not None]:
            begun = [each for each in due if fed[each[0]]._state is not None]
            new = [each for each in due if fed[each[0]]._state is None]  # their block is longer
            for alike in (begun, new):
                for i in range(0, len(alike), self.batch):
                    streams, blocks = zip(*alike[i : i + self.batch], strict=True)
                    detectors = [fed[stream] for stream in streams]
                    for stream, heard in zip(streams, self._run(detectors, blocks), strict=True):
                        found[stream] += heard
        return found

    def _check_open(self, streams: Set[Hashable]) -> None:
        if strangers := streams - self._streams.keys():
            raise ConfigError(f"stream {min(map(repr, strangers))} is not open.")

    @torch.inference_mode()
    def _run(
        self, detectors: Sequence[Detector], blocks: Sequence[Samples]
    ) -> Iterator[list[Detection]]:
        state = _joined([detector._state for detector in detectors])
        logits, state = self.model(torch.from_numpy(np.stack(blocks)), state)
        for i, detector in enumerate(detectors):
            detector._state = _one_of(state, i)
            yield detector._fire(logits[i].double().numpy())


def _joined(states: Sequence[Any]) -> Any:
    """States of several streams as that of a batch; what is no tensor is the same in all."""
    first = states[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(list(states))
    if not isinstance(first, tuple):
        return first
    return _like(first, (_joined(each) for each in zip(*states, strict=True)))


def _one_of(state: Any, number: int) -> Any:
    """The state of one stream of a batch."""
    if isinstance(state, torch.Tensor):
        return state[number : number + 1]
    return (
        _like(state, (_one_of(each, number) for each in state))
        if isinstance(state, tuple)
        else state
    )


def _like(example: tuple[Any, ...], values: Iterable[Any]) -> tuple[Any, ...]:
    """A tuple, or the same kind of named one."""
    return type(example)(*values) if hasattr(example, "_fields") else tuple(values)


def trigger_for(model: WakeWordModel, thresholds: Sequence[float]) -> Trigger:
    """The trigger of a model at other thresholds; smoothing and refractory are the model's own."""
    return Trigger(tuple(thresholds), *in_frames(model.point, model.frame_s))


def in_frames(point: OperatingPoint, frame_s: float) -> tuple[int, int]:
    """Smoothing and refractory time of an operating point in frames of `frame_s` seconds."""
    smoothing, refractory = (
        max(1, round(seconds / frame_s)) for seconds in (point.smoothing_s, point.refractory_s)
    )
    return smoothing, refractory


def detections(events: Iterable[Event], model: WakeWordModel) -> list[Detection]:
    """Events in frames as detections in seconds: the end of the frame that fired."""
    return [
        Detection(model.keywords[e.keyword], e.score, round((e.frame + 1) * model.frame_s, 6))
        for e in events
    ]


def _thresholds(
    model: WakeWordModel, asked: float | Mapping[str, float] | None
) -> dict[str, float]:
    if asked is None:
        return dict(model.point.thresholds)
    if not isinstance(asked, Mapping):
        asked = dict.fromkeys(model.keywords, asked)
    for word, value in asked.items():
        if word not in model.keywords:
            raise ConfigError(unknown("keyword", word, model.keywords))
        if not 0.0 <= value <= 1.0:
            raise ConfigError(f"a threshold of {value}: expected 0 (every peak) to 1.")
    return {**model.point.thresholds, **asked}
