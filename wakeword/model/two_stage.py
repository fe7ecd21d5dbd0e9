"""A model of two stages over the same keywords: a gate that always runs, and a verifier."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from wakeword.audio.samples import Samples, window_before
from wakeword.encoders.window import WindowEncoder
from wakeword.model.cascade import (
    Call,
    Cascade,
    CascadeConfig,
    CascadeState,
    Logits,
    StartedBlock,
)
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin, joint_origin

_BATCH = 16  # windows that are computed at once when many are ready

AnyModel: TypeAlias = "WakeWordModel | TwoStageModel"
"""A model of one stage or of two: what `train` makes and a model file holds."""


class TwoStageModel(nn.Module):
    """A gate with a state, and a verifier that computes one window of audio when it is called.

    The gate's blocks are the model's blocks. See `model.cascade` for when the verifier is called.

    Args:
        gate: computes every frame.
        verifier: computes the last `window` samples; its encoder takes one window as one hop.
        cascade: gate thresholds and weights.
        point: when a final score becomes a detection.

    Attributes:
        cascade: the rules that join the stages.
        keywords: of both stages.
        window: samples that the verifier takes.
        origin: what both stages were made of.
        frame_s, look_ahead_ms, first_block, block: as of the gate; see `WakeWordModel`.

    Raises:
        ValueError: the stages do not fit together.
    """

    def __init__(
        self,
        gate: WakeWordModel,
        verifier: WakeWordModel,
        cascade: CascadeConfig,
        point: OperatingPoint,
    ) -> None:
        super().__init__()
        _check_stages(gate, verifier, cascade.smoothing_s)
        self.gate, self.verifier = gate, verifier
        self.keywords = gate.keywords
        self.operating_point = point
        self.frame_s, self.look_ahead_ms = gate.frame_s, gate.look_ahead_ms
        self.first_block, self.block = gate.first_block, gate.block
        self.window = verifier.first_block
        self.cascade = Cascade(cascade, self.keywords, gate.frame_s, verifier.frame_s)

    @property
    def origin(self) -> Origin:
        """What both stages were made of."""
        return joint_origin(self.gate.origin, self.verifier.origin)

    @property
    def device(self) -> torch.device:
        """Where both stages compute; see `WakeWordModel`."""
        return self.gate.device

    def step(self, block: Samples, state: CascadeState | None = None) -> tuple[Logits, Any]:
        """Compute the final logits of the next block of one stream; see `WakeWordModel.step`."""
        return self.finish(self.begin(block, state))

    def begin(self, block: Samples, state: CascadeState | None = None) -> StartedBlock:
        """Run the gate on the next block of one stream; `finish` does the rest.

        See `WakeWordModel.step`.
        """
        logits, gate = self.gate.step(block, state and state.gate)
        return self.cascade.begin(block, logits, gate, self.window, state)

    def begin_batch(
        self, blocks: Sequence[Samples], states: Sequence[CascadeState | None]
    ) -> list[StartedBlock]:
        """Run the gate on the next blocks of several streams at once; `finish` does the rest.

        See `WakeWordModel.step_batch`.
        """
        steps = self.gate.step_batch(blocks, [state and state.gate for state in states])
        return [
            self.cascade.begin(block, logits, gate, self.window, state)
            for block, (logits, gate), state in zip(blocks, steps, states, strict=True)
        ]

    def finish(self, started: StartedBlock) -> tuple[Logits, CascadeState]:
        """Call the verifier where the gate asks for it; return what `step` returns."""
        verifier = self.verify(started.window) if started.call else None
        return self.cascade.finish(started, verifier)

    def step_batch(
        self, blocks: Sequence[Samples], states: Sequence[Any]
    ) -> list[tuple[Logits, Any]]:
        """Compute the final logits of the next blocks of several streams at once.

        See `WakeWordModel.step_batch`.
        """
        return [self.finish(started) for started in self.begin_batch(blocks, states)]

    @torch.inference_mode()
    def verify(self, samples: Samples) -> Logits:
        """Compute the verifier's logits of (window,) samples at 16 kHz: (frames, keywords)."""
        logits, _ = self.verifier(torch.from_numpy(samples)[None].to(self.verifier.device))
        scores: Logits = logits[0].cpu().double().numpy()
        return scores

    def calls(self, gate_logits: Logits) -> list[Call]:
        """Return where the verifier is called, from the gate's logits of a whole stream."""
        encoder = self.gate.encoder
        per_block = Fraction(encoder.hop_frames, self.gate.head.pool)
        return list(self.cascade.calls(gate_logits, per_block))

    def end_of(self, call: Call) -> int:
        """Return the sample of the stream at which the window of a call ends."""
        return self.first_block + call.block * self.block

    def windows(self, samples: Samples, calls: Sequence[Call]) -> npt.NDArray[np.float32]:
        """Return the audio of some calls of the verifier: (calls, window).

        Args:
            samples: (samples,) of the whole stream at 16 kHz.
            calls: from `calls`.
        """
        windows = np.zeros((len(calls), self.window), dtype=np.float32)
        for window, call in zip(windows, calls, strict=True):
            window[:] = window_before(samples, self.end_of(call), self.window)
        return windows

    @torch.inference_mode()
    def verify_calls(self, samples: Samples, calls: Sequence[Call]) -> Logits:
        """Compute the verifier's highest logits of some calls: (calls, keywords).

        Args:
            samples: (samples,) of the whole stream at 16 kHz.
            calls: from `calls`.
        """
        highest = [np.zeros((0, len(self.keywords)))]
        for first in range(0, len(calls), _BATCH):
            windows = self.windows(samples, calls[first : first + _BATCH])
            logits, _ = self.verifier(torch.from_numpy(windows).to(self.verifier.device))
            highest.append(self.cascade.highest(logits.cpu().double().numpy()))
        return np.concatenate(highest)


def _check_stages(gate: WakeWordModel, verifier: WakeWordModel, smoothing_s: float) -> None:
    """Raise ValueError unless two models can be the stages of one."""
    if gate.keywords != verifier.keywords:
        raise ValueError(
            f"the gate detects {', '.join(gate.keywords)}, the verifier "
            f"{', '.join(verifier.keywords)}"
        )
    if not takes_one_window(verifier):
        raise ValueError("the verifier's encoder does not take one window at a time")
    if takes_one_window(gate):
        raise ValueError("the gate takes one window at a time, as a verifier does")
    if verifier.encoder.hop_frames // verifier.head.pool < round(smoothing_s / verifier.frame_s):
        raise ValueError("the verifier's window is shorter than its logits are smoothed over")


def stages_of(model: AnyModel | None) -> tuple[WakeWordModel | None, WakeWordModel | None]:
    """Return the gate and the verifier of a model, or the only stage and None."""
    if isinstance(model, TwoStageModel):
        return model.gate, model.verifier
    return model, None


def takes_one_window(model: WakeWordModel) -> bool:
    """Return whether a model computes a window at once, and nothing of it again."""
    encoder = model.encoder
    return (
        isinstance(encoder, WindowEncoder)
        and encoder.hop_frames + encoder.offline.trailing_frames_lost == encoder.window
    )
