"""Any encoder as a stream: run over a sliding window, again at every hop."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from wakeword.encoders.base import Encoder, Settings
from wakeword.encoders.whisper import POSITIONS, WhisperFull
from wakeword.errors import ConfigError

_WINDOW = 96
_BATCH = 32  # windows that run at once when many are ready


class _WindowState(NamedTuple):
    features: Tensor  # (batch, T, mels): what the next windows still need


class WindowEncoder(Encoder):
    """Keeps the last `window` frames' worth of features; emits the last `hop` frames of each run.

    Declared `window`: every frame is computed window / hop times. A stream starts in silence.

    Args:
        inner: a bidirectional encoder.
        window, hop: in frames of the encoder; a window of 0 is 96, or the hop where that is longer.
        silence: the feature value of digital silence.
    """

    streaming = "window"

    def __init__(
        self, inner: WhisperFull, window: int = 0, hop: int = 24, silence: float = 0.0
    ) -> None:
        super().__init__()
        window = window or max(_WINDOW, hop)
        if not 1 <= hop <= window <= POSITIONS:
            raise ConfigError(
                f"window {window}, hop {hop}: expected 1 <= hop <= window <= {POSITIONS} frames."
            )
        self.inner = inner
        self.spec, self.trunk = inner.spec, inner.trunk
        self.dim, self.depth, self.taps = inner.dim, inner.depth, inner.taps
        self.frame_rate_hz = inner.frame_rate_hz
        self.window, self.hop_frames, self.silence = window, hop, silence
        self.first_features = 2 * hop
        self.look_ahead_ms = (hop - 1) * 1000 / self.frame_rate_hz

    def forward(
        self,
        x: Tensor,
        state: _WindowState | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> tuple[Tensor, _WindowState]:
        if start or stop not in (None, 0, self.depth):
            raise ValueError("a windowed encoder keeps features or finished frames only")
        ratio = 2  # feature frames to one frame of the encoder
        size, hop = self.window * ratio, self.hop_frames * ratio
        if state is None:
            past = x.new_full((len(x), size - hop, x.shape[2]), self.silence)
            state = _WindowState(past)
        features = torch.cat([state.features, x], dim=1)
        count = (features.shape[1] - size) // hop + 1
        if count <= 0:
            empty = x.new_zeros(len(x), 0, self.dim * len(self.taps))
            return empty, _WindowState(features)
        windows = features.unfold(1, size, hop).mT.flatten(0, 1)
        runs = [self.inner.tapped(part, self.hop_frames) for part in torch.split(windows, _BATCH)]
        frames = torch.cat(runs).reshape(len(x), count * self.hop_frames, -1)
        return frames, _WindowState(features[:, count * hop :])

    def stages(self) -> list[list[nn.Module]]:
        return self.inner.stages()

    def splits(self) -> list[int]:
        return [0, self.depth]

    def settings(self) -> Settings:
        return {"window": self.window, "hop": self.hop_frames, "taps": self.taps}
