"""The two stages of a detector: a gate that always runs, and a verifier that it calls.

The gate is a small model with a state; it gives logits for every frame. When its score reaches the
gate threshold of a keyword, the verifier computes the last seconds of audio once, and a weighted
sum of both logits is the final one. While the gate's score stays up, the verifier is called again:
at the next block where the score is still rising, because the first call often comes before the
keyword ends, and otherwise after `interval_s`. All of this is counted in frames and samples, so
that detections do not depend on the pieces in which the audio comes.

Numpy alone: `model.two_stage` and `runtime` run the same code over different networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import Samples

Logits = npt.NDArray[np.float64]
CLOSED_LOGIT = -20.0
"""Final logit of frames that the verifier is not called for."""


@dataclass(frozen=True)
class CascadeConfig:
    """How the verifier is called, and how the logits of both stages are combined.

    The final logit of a keyword is `gate_weight` · gate + `verifier_weight` · verifier + `bias`.
    Both logits are the highest, after smoothing, of the last `reach_s`.

    Attributes:
        gate_thresholds: score of the gate, 0 to 1, from which the verifier is called, by keyword.
        gate_weight: of the gate's logit.
        verifier_weight: of the verifier's logit.
        bias: added to the sum.
        smoothing_s: seconds over which the logits of each stage are averaged.
        reach_s: seconds before a call in which the highest logit counts.
        interval_s: seconds after which the verifier is called again while the gate's score stays
            up. The final logit of a call counts for as long, or until the next call.
        rise: the verifier is called earlier, at the end of any block, if the gate's logit of a
            keyword is higher by so much than it was at the last call.
    """

    gate_thresholds: Mapping[str, float]
    gate_weight: float = 0.2
    verifier_weight: float = 1.0
    bias: float = 0.0
    smoothing_s: float = 0.12
    reach_s: float = 0.64
    interval_s: float = 0.48
    rise: float = 1.0


def validate_cascade(config: CascadeConfig, keywords: tuple[str, ...]) -> None:
    """Check a config that may come from an untrusted file.

    Raises:
        ValueError: gate thresholds of other keywords, or numbers out of range.
        TypeError: a number that is none.
    """
    if set(config.gate_thresholds) != set(keywords):
        raise ValueError("keywords and gate thresholds do not match")
    if not all(0 <= value <= 1 for value in config.gate_thresholds.values()):
        raise ValueError("a gate threshold that is not 0 to 1")
    if not all(
        0 < value <= 60 for value in (config.smoothing_s, config.reach_s, config.interval_s)
    ):
        raise ValueError("a time of the cascade that is not 0 to 60 s")
    if not all(
        abs(value) <= 1000 for value in (config.gate_weight, config.verifier_weight, config.bias)
    ):
        raise ValueError("a weight of the cascade beyond 1000")
    if not 0 < config.rise <= 1000:
        raise ValueError("a rise of the gate's logit that is not 0 to 1000")


class Call(NamedTuple):
    """A frame, the last one of a block, at which the verifier is called.

    Attributes:
        block: number of the block in the stream or, within one block, 0.
        frame: number of the frame, likewise.
        gate: (keywords,) highest smoothed logits of the gate; `CLOSED_LOGIT` for those keywords
            whose gate threshold was not reached.
    """

    block: int
    frame: int
    gate: Logits


class GateState(NamedTuple):
    """What later blocks need to know of the gate's earlier logits."""

    logits: Logits  # (< smoothing + reach, keywords): before smoothing
    wait: int  # frames before the verifier is called again if the score does not rise
    called: Logits  # (keywords,): of the last call, as `Call.gate` has them


class CascadeState(NamedTuple):
    """State of a stream with two stages."""

    gate: Any  # of the gate's network
    calls: GateState | None
    recent: tuple[Samples, ...]  # the last blocks, no more than a window needs
    held: Logits  # (keywords,): final logits of the last call
    hold: int  # frames for which they still count


class StartedBlock(NamedTuple):
    """A block of which the gate's logits are known, and the verifier's are not.

    Attributes:
        call: the call of the verifier at its end, if any.
        logits: (frames, keywords) final logits but for that call.
        state: after the block, but for that call.
        window_size: samples that the verifier takes.
    """

    call: Call | None
    logits: Logits
    state: CascadeState
    window_size: int

    @property
    def window(self) -> Samples:
        """Return what the verifier takes: (window_size,) samples at 16 kHz."""
        return np.concatenate(self.state.recent)[-self.window_size :]


class Cascade:
    """The rules by which two stages become one stream of final logits.

    Args:
        config: thresholds, weights and times.
        keywords: of both stages, in the order of the logits.
        frame_s: seconds between two logits of the gate.
        verifier_frame_s: seconds between two logits of the verifier.
    """

    def __init__(
        self,
        config: CascadeConfig,
        keywords: tuple[str, ...],
        frame_s: float,
        verifier_frame_s: float,
    ) -> None:
        self.config = config
        self.smoothing = _frames(config.smoothing_s, frame_s)
        self._reach = _frames(config.reach_s, frame_s)
        self._interval = _frames(config.interval_s, frame_s)
        self._verifier_smoothing = _frames(config.smoothing_s, verifier_frame_s)
        self._verifier_reach = _frames(config.reach_s, verifier_frame_s)
        scores = np.array([config.gate_thresholds[keyword] for keyword in keywords])
        with np.errstate(divide="ignore"):
            self._gate_logits = np.log(scores) - np.log1p(-scores)

    def call(
        self, logits: Logits, state: GateState | None = None
    ) -> tuple[Call | None, GateState | None]:
        """Decide whether the verifier is called at the end of a block.

        Args:
            logits: (frames, keywords) of the gate, of one block.
            state: what the previous call of the same stream returned; None starts one.

        Returns:
            The call, if any, and the state for the next block.
        """
        frames = len(logits)
        if not frames:
            return None, state
        if state is None:
            closed = np.full(logits.shape[1], CLOSED_LOGIT)
            state = GateState(np.repeat(logits[:1], self.smoothing - 1, axis=0), 0, closed)
        past = np.concatenate([state.logits, logits])
        wait, called = max(0, state.wait - frames), state.called
        call = None
        gate = self._candidate(past, frames)
        if gate is not None and (not wait or (gate >= called + self.config.rise).any()):
            call, wait, called = Call(0, frames - 1, gate), self._interval, gate
        return call, GateState(past[-(self.smoothing - 1 + self._reach) :], wait, called)

    def _candidate(self, logits: Logits, frames: int) -> Logits | None:
        """Return what `Call.gate` is if the last `frames` reach a gate threshold, else None."""
        # a mean is no higher than the highest logit: nearly all blocks end with this comparison
        if not (logits[-(frames + self.smoothing - 1) :] >= self._gate_logits).any():
            return None
        smoothed = moving_mean(logits, self.smoothing)
        if not (smoothed[-frames:] >= self._gate_logits).any():
            return None
        highest = smoothed[-self._reach :].max(axis=0)
        return np.where(highest >= self._gate_logits, highest, CLOSED_LOGIT)

    def calls(self, logits: Logits, frames_per_block: Fraction) -> Iterator[Call]:
        """Yield every call in the logits of a whole stream.

        Args:
            logits: (frames, keywords) of the gate.
            frames_per_block: of the gate's network; blocks hold whole frames, more or fewer where
                this is no integer.
        """
        state: GateState | None = None
        for block in range(int(len(logits) / frames_per_block)):
            first, last = (int(number * frames_per_block) for number in (block, block + 1))
            call, state = self.call(logits[first:last], state)
            if call:
                yield Call(block, first + call.frame, call.gate)

    def fuse(self, gate: Logits, verifier: Logits) -> Logits:
        """Return the final logits of one call or of many: (…, keywords).

        Args:
            gate: (…, keywords), as a `Call` has them.
            verifier: (…, keywords) highest logits of the verifier.
        """
        config = self.config
        fused = config.gate_weight * gate + config.verifier_weight * verifier + config.bias
        return np.where(gate > CLOSED_LOGIT, fused, CLOSED_LOGIT)

    def highest(self, logits: Logits) -> Logits:
        """Return the verifier's highest smoothed logits at the end of its window.

        Args:
            logits: (…, frames, keywords) of one window.

        Returns:
            (…, keywords).
        """
        smoothed = moving_mean(logits, self._verifier_smoothing)
        highest: Logits = smoothed[..., -self._verifier_reach :, :].max(axis=-2)
        return highest

    def final_logits(self, frames: int, calls: Sequence[Call], verifier: Logits) -> Logits:
        """Return the final logits of a stream: (frames, keywords).

        A call determines the logits from its frame on, until the next one, for `interval_s` at
        most; all other frames have `CLOSED_LOGIT`.

        Args:
            frames: of the stream.
            calls: of the stream, in order.
            verifier: (calls, keywords) highest logits of the verifier.
        """
        logits = np.full((frames, verifier.shape[1]), CLOSED_LOGIT)
        for call, each in zip(calls, verifier, strict=True):
            logits[call.frame : call.frame + 1 + self._interval] = self.fuse(call.gate, each)
        return logits

    def begin(
        self,
        block: Samples,
        gate_logits: Logits,
        gate_state: Any,
        window: int,
        state: CascadeState | None = None,
    ) -> StartedBlock:
        """Take the gate's logits of the next block of a stream.

        Args:
            block: (samples,) at 16 kHz.
            gate_logits: (frames, keywords) of the gate for this block.
            gate_state: state of the gate's network after it; kept for the caller.
            window: samples that the verifier takes.
            state: what `finish` returned for the block before; None starts a stream.

        Returns:
            What `finish` needs, with the verifier's logits if there is a call.
        """
        frames, keywords = gate_logits.shape
        if state is None:
            silence = np.zeros(window, dtype=np.float32)
            state = CascadeState(None, None, (silence,), np.full(keywords, CLOSED_LOGIT), 0)
        call, calls = self.call(gate_logits, state.calls)
        recent = (*state.recent, block.copy())  # the caller may use its memory again
        while sum(map(len, recent[1:])) >= window:
            recent = recent[1:]
        logits = np.full((frames, keywords), CLOSED_LOGIT)
        logits[: state.hold] = state.held
        hold = max(0, state.hold - frames)
        state = CascadeState(gate_state, calls, recent, state.held, hold)
        return StartedBlock(call, logits, state, window)

    def finish(
        self, started: StartedBlock, verifier: Logits | None = None
    ) -> tuple[Logits, CascadeState]:
        """Compute the final logits of a block.

        Args:
            started: from `begin`.
            verifier: (frames, keywords) logits of the verifier for `started.window`; not needed
                where there is no call.

        Returns:
            Logits (frames, keywords), and the state for the next block.
        """
        call, logits, state = started.call, started.logits, started.state
        if call is None or verifier is None:
            return logits, state
        held = self.fuse(call.gate, self.highest(verifier))
        logits[call.frame] = held
        return logits, state._replace(held=held, hold=self._interval)


def _frames(seconds: float, frame_s: float) -> int:
    return max(1, round(seconds / frame_s))


def moving_mean(logits: Logits, frames: int) -> Logits:
    """Return means over `frames` successive frames: (…, U, keywords) → (…, U - frames + 1, …)."""
    size = logits.shape[-2] - frames + 1
    total = logits[..., :size, :].copy()
    for first in range(1, frames):
        total += logits[..., first : first + size, :]
    mean: Logits = total / frames
    return mean
