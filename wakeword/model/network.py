"""A wake-word model: front end, encoder, head and keywords."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.encoders.base import Encoder
from wakeword.heads import Head
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.model.state import join_states, split_state

Logits = npt.NDArray[np.float64]


class _ModelState(NamedTuple):
    frontend: Any
    encoder: Any
    head: Any


class WakeWordModel(nn.Module):
    """Samples in, one logit per keyword and frame out.

    Args:
        encoder: the acoustic encoder; its spec names the front end.
        head: new layers on the encoder, one logit per keyword.
        keywords: names of the logits.
        origin: what the model was made of.
        point: when a score becomes a detection.

    Attributes:
        frame_s: seconds between two logits; logit i ends at (i + 1) · frame_s of the stream.
        look_ahead_ms: audio after the end of a logit's frame that it waits for, at most.
        first_block: samples after which the first hop of logits comes out.
        block: samples after which each later hop of logits comes out.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        keywords: Sequence[str],
        origin: Origin,
        point: OperatingPoint,
    ) -> None:
        super().__init__()
        self.frontend = encoder.spec.new_front_end()
        self.encoder = encoder
        self.head = head
        self.keywords = tuple(keywords)
        self.origin = origin
        self.operating_point = point
        self.frame_s = head.pool / encoder.frame_rate_hz
        # where every hop begins with a new logit, the first logit of a hop ends pool - 1 frames
        # after the first frame of the hop
        aligned = encoder.hop_frames % head.pool == 0
        later_ms = 1000 * (head.pool - 1) / encoder.frame_rate_hz if aligned else 0
        self.look_ahead_ms = self.frontend.look_ahead_ms + encoder.look_ahead_ms - later_ms
        self.first_block = self.frontend.samples_for(encoder.first_features)
        self.block = round(encoder.hop_frames / encoder.frame_rate_hz * SAMPLE_RATE)

    @property
    def device(self) -> torch.device:
        """Where the model computes; `model.to(device)` moves it."""
        return self.head.out.weight.device

    def forward(
        self, samples: Tensor, state: _ModelState | None = None
    ) -> tuple[Tensor, _ModelState]:
        """Compute the logits of the next piece of a stream, of any length.

        Args:
            samples: (batch, samples) at 16 kHz in [-1, 1].
            state: what the previous call of the same stream returned; None starts one.

        Returns:
            Logits (batch, U, keywords), and the state for the next call.
        """
        state = state or _ModelState(None, None, None)
        features, frontend = self.frontend(samples, state.frontend)
        frames, encoder = self.encoder(features, state.encoder)
        logits, head = self.head(frames, state.head)
        return logits, _ModelState(frontend, encoder, head)

    def start(self, samples: Tensor) -> tuple[_ModelState, Tensor]:
        """Start a stream before its first hop of features; see `FrontEnd.start`.

        Args:
            samples: (batch, first_block) at 16 kHz in [-1, 1].

        Returns:
            The state there, and the samples after it: `forward` of the two returns what `forward`
            of all samples does.
        """
        frontend, rest = self.frontend.start(samples)
        none = samples.new_zeros(len(samples), 0, self.frontend.width)
        frames, encoder = self.encoder(none)
        _, head = self.head(frames)
        return _ModelState(frontend, encoder, head), rest

    @torch.inference_mode()
    def step(self, block: Samples, state: Any = None) -> tuple[Logits, Any]:
        """Compute the logits of the next block of one stream.

        Args:
            block: (samples,) at 16 kHz; `first_block` of them to begin with, then `block`.
            state: what the previous call of the same stream returned; None starts one.

        Returns:
            Logits (frames, keywords), and the state for the next call.
        """
        logits, state = self(torch.from_numpy(block)[None].to(self.device), state)
        return logits[0].cpu().double().numpy(), state

    @torch.inference_mode()
    def step_batch(
        self, blocks: Sequence[Samples], states: Sequence[Any]
    ) -> list[tuple[Logits, Any]]:
        """Compute the logits of the next blocks of several streams at once.

        Args:
            blocks: of each stream (samples,), all of the same length.
            states: of each stream; None for all of them where they start.

        Returns:
            What `step` returns for each stream, to the rounding of a batch.
        """
        samples = torch.from_numpy(np.stack(blocks)).to(self.device)
        logits, state = self(samples, join_states(states))
        scores = logits.cpu().double().numpy()
        return [(scores[i], split_state(state, i)) for i in range(len(blocks))]
