"""A wake-word model: front end, encoder, head, keywords; and the one file that holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.encoders.base import Encoder
from wakeword.heads import Head
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin


class _ModelState(NamedTuple):
    frontend: Any
    encoder: Any
    head: Any


class WakeWordModel(nn.Module):
    """Samples in, one logit per keyword and frame out: `forward(samples, state=None)`.

    Attributes:
        keywords: what the logits stand for.
        frame_s: seconds between two logits; logit i ends at (i + 1) · frame_s of the stream.
        look_ahead_ms: audio after the end of a logit's frame that it waits for, at most.
        first_block, block: samples after which the first and each later hop of logits comes out.
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
        # where logits begin with hops, the first logit of a hop ends pool - 1 frames after its
        # first frame
        whole = encoder.hop_frames % head.pool == 0
        later_ms = 1000 * (head.pool - 1) / encoder.frame_rate_hz if whole else 0
        self.look_ahead_ms = self.frontend.look_ahead_ms + encoder.look_ahead_ms - later_ms
        self.first_block = self.frontend.samples_for(encoder.first_features)
        self.block = round(encoder.hop_frames / encoder.frame_rate_hz * SAMPLE_RATE)

    def forward(
        self, samples: Tensor, state: _ModelState | None = None
    ) -> tuple[Tensor, _ModelState]:
        """(batch, samples) at 16 kHz → logits (batch, U, keywords), and the state."""
        state = state or _ModelState(None, None, None)
        features, frontend = self.frontend(samples, state.frontend)
        frames, encoder = self.encoder(features, state.encoder)
        logits, head = self.head(frames, state.head)
        return logits, _ModelState(frontend, encoder, head)
