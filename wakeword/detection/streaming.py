"""A live stream of samples in, detections out, whatever library computes the logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from wakeword.audio.resampling import StreamResampler
from wakeword.audio.samples import SAMPLE_RATE, Samples, as_float32
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.trigger import (
    Detection,
    Scores,
    StreamModel,
    TriggerState,
    to_detections,
    trigger_for,
)
from wakeword.errors import ConfigError, unknown_name_message

Verifier = Callable[[Samples], bool]
"""(samples,) at 16 kHz, the last two seconds heard when a detection comes → does it stand?"""

_VERIFIED_S = 2.0
_NOTHING = -20.0  # logit of a frame in which nothing was said


class StreamDetector:
    """A live stream in, detections out; a subclass runs the model.

    Args:
        model: what the blocks are for.
        threshold: for every keyword; None takes what the model file holds; 0 gives every peak.
        rate: of the samples that `feed` gets, in Hz; they are resampled to 16 kHz.
        gate: while it is closed nothing is computed, and nothing is said; None: all is computed.
        verify: a second stage, asked at each detection; what it refuses is not given.

    Samples are collected into the model's own blocks, so that the pieces in which they come
    change nothing, to the last bit.
    """

    def __init__(
        self,
        model: StreamModel,
        *,
        threshold: float | Mapping[str, float] | None = None,
        rate: int = SAMPLE_RATE,
        gate: SilenceGate | None = None,
        verify: Verifier | None = None,
    ) -> None:
        self.model = model
        self.rate = rate
        self.gate = gate
        self.verify = verify
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
        self._heard = 0  # samples of the stream before `_pending`
        self._recent: Samples = np.zeros(0, dtype=np.float32)  # the last before it, for `verify`
        self._asleep = False
        if self.gate:
            self.gate.reset()

    def feed(self, samples: npt.NDArray[np.float32] | npt.NDArray[np.int16]) -> list[Detection]:
        """(n,) samples, float32 in [-1, 1] or int16, any n → what was heard up to here."""
        if not self.gate:
            self._collect(samples)
            return self._run()
        found: list[Detection] = []
        for sound, is_open in self.gate.feed(self._resampled(samples)):
            self._asleep = not is_open
            # step by step, for what is forgotten must not depend on the pieces in which it comes
            for step in [sound] if is_open else np.split(sound, len(sound) // SilenceGate.STEP):
                self._pending = np.concatenate([self._pending, step])
                found += self._run() if is_open else self._forget(self.gate)
        return found

    def flush(self) -> list[Detection]:
        """The stream has ended: let out what still waits for audio, as if silence followed."""
        tail = self._resampler.feed(np.zeros(0, dtype=np.float32), last=True)
        if self._asleep:
            return []
        if self.gate:
            tail = np.concatenate([self.gate.rest(), tail])
        silence = np.zeros(self.model.first_block + self.model.block, dtype=np.float32)
        self._resampler = StreamResampler(self.rate)
        self._pending = np.concatenate([self._pending, tail, silence])
        return self._run()

    def logits(self, samples: npt.NDArray[np.float32] | npt.NDArray[np.int16]) -> Scores:
        """As `feed`, but (frames, keywords) logits instead of what they set off, for evaluation.

        A stream is heard by one of the two; no gate is asked here.
        """
        self._collect(samples)
        none = np.zeros((0, len(self.model.keywords)))
        return np.concatenate([none, *map(self._logits, self._blocks())])

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
        own = self.thresholds == dict(self.model.operating_point.thresholds)
        return f"{values} ({self.model.operating_point.provenance})" if own else values

    def _collect(self, samples: npt.NDArray[np.float32] | npt.NDArray[np.int16]) -> None:
        """Resampled, behind what still waits."""
        self._pending = np.concatenate([self._pending, self._resampled(samples)])

    def _resampled(self, samples: npt.NDArray[np.float32] | npt.NDArray[np.int16]) -> Samples:
        return self._resampler.feed(as_float32(samples))

    def _forget(self, gate: SilenceGate) -> list[Detection]:
        """What is longer ago than the gate needs; the model then begins anew behind it, and the
        trigger is told that nothing was said in all that will not be computed."""
        keep = round(gate.before_s * SAMPLE_RATE)
        if len(self._pending) < keep + SAMPLE_RATE:
            return []
        frame = round(self.model.frame_s * SAMPLE_RATE)
        step = math.lcm(frame, self.model.block)  # what is computed together stays together
        end = self._heard + len(self._pending)
        begin = (end - keep) // step * step
        self._pending = self._pending[begin - self._heard :]
        self._heard = begin
        self._recent = self._recent[:0]
        self._state, self._next_block = None, self.model.first_block
        fired_on = self._trigger_state.frame if self._trigger_state else 0
        nothing = np.full((begin // frame - fired_on, len(self.model.keywords)), _NOTHING)
        return self._fire(nothing)

    def _run(self) -> list[Detection]:
        """All blocks that are there."""
        return [found for block in self._blocks() for found in self._fire(self._logits(block))]

    def _blocks(self) -> Iterator[Samples]:
        while (block := self._next()) is not None:
            yield block

    def _logits(self, block: Samples) -> Scores:
        """The model's next (frames, keywords) logits, from `_state` to the next `_state`."""
        raise NotImplementedError

    def _next(self) -> Samples | None:
        """The model's next block, once it is there."""
        if len(self._pending) < self._next_block:
            return None
        block = self._pending[: self._next_block]
        self._pending = self._pending[self._next_block :]
        self._heard += self._next_block
        if self.verify:
            kept = round(_VERIFIED_S * SAMPLE_RATE)
            self._recent = np.concatenate([self._recent, block])[-kept:]
        self._next_block = self.model.block
        return block

    def _fire(self, logits: Scores) -> list[Detection]:
        events, self._trigger_state = self.trigger.run(logits, self._trigger_state)
        found = to_detections(events, self.model)
        return [each for each in found if not self.verify or self.verify(self._recent)]


def _thresholds(model: StreamModel, asked: float | Mapping[str, float] | None) -> dict[str, float]:
    if asked is None:
        return dict(model.operating_point.thresholds)
    if not isinstance(asked, Mapping):
        asked = dict.fromkeys(model.keywords, asked)
    for word, value in asked.items():
        if word not in model.keywords:
            raise ConfigError(unknown_name_message("keyword", word, model.keywords))
        if not 0.0 <= value <= 1.0:
            raise ConfigError(f"a threshold of {value}: expected 0 (every peak) to 1.")
    return {**model.operating_point.thresholds, **asked}
