"""Any encoder as a stream: run over a sliding window, again at every hop."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from wakeword.encoders.base import Encoder, OfflineEncoder
from wakeword.encoders.frontend import FRAME_RATE_HZ
from wakeword.encoders.spec import EncoderSpec, Settings
from wakeword.errors import ConfigError

_WINDOW_MS = 1920
_HOP_MS = 480
_BATCH = 32  # windows that run at once when many are ready


class _WindowState(NamedTuple):
    features: Tensor  # (batch, T, features): what the next windows still need


def features_per_frame(spec: EncoderSpec) -> Fraction:
    """Feature frames to one frame of an encoder: 2 at 50 frames a second."""
    rate = Fraction(spec.frame_rate_hz).limit_denominator(1000)
    return Fraction(round(FRAME_RATE_HZ)) / rate


class WindowEncoder(Encoder):
    """Keeps the last `window` frames' worth of features; emits the last `hop` frames of each run.

    Declared `window`: every frame is computed window / hop times. A stream starts in silence.

    Args:
        inner: an encoder that takes in everything at once.
        window, hop: in frames of the encoder, such that each is a whole number of feature frames;
            a hop of None is 0.48 s, a window of 0 is 1.92 s, or the hop where that is longer.
    """

    streaming = "window"
    offline: OfflineEncoder

    def __init__(self, inner: OfflineEncoder, window: int = 0, hop: int | None = None) -> None:
        super().__init__(inner.spec, inner.output_layers)
        ratio = features_per_frame(inner.spec)
        hop = round(_HOP_MS / 10 / ratio) if hop is None else hop
        window = window or max(round(_WINDOW_MS / 10 / ratio), hop)
        step = ratio.denominator
        if not 1 <= hop <= window <= inner.most_frames or hop % step or window % step:
            multiples = f", both multiples of {step}" if step > 1 else ""
            raise ConfigError(
                f"window {window}, hop {hop}: expected 1 <= hop <= window <= {inner.most_frames} "
                f"frames{multiples}."
            )
        # not a submodule: its weights are those of `trunk`, and a state dict names each once
        object.__setattr__(self, "offline", inner)
        self.trunk = inner.trunk
        self.window, self.hop_frames = window, hop
        self.first_features = int(hop * ratio)
        self.look_ahead_ms = (hop - 1) * 1000 / self.frame_rate_hz
        self._size = int(window * ratio)  # in feature frames
        self._silence = inner.spec.new_front_end().silence

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
        size, hop = self._size, self.first_features
        if state is None:
            past = x.new_full((len(x), size - hop, x.shape[2]), self._silence)
            state = _WindowState(past)
        features = torch.cat([state.features, x], dim=1)
        count = (features.shape[1] - size) // hop + 1
        if count <= 0:
            empty = x.new_zeros(len(x), 0, self.dim * len(self.output_layers))
            return empty, _WindowState(features)
        windows = features.unfold(1, size, hop).mT.flatten(0, 1)
        runs = [
            self.offline.forward_layers(part, self.hop_frames)
            for part in torch.split(windows, _BATCH)
        ]
        frames = torch.cat(runs).reshape(len(x), count * self.hop_frames, -1)
        return frames, _WindowState(features[:, count * hop :])

    def layer_groups(self) -> list[list[nn.Module]]:
        return self.offline.layer_groups()

    def splits(self) -> list[int]:
        return [0, self.depth]

    def settings(self) -> Settings:
        return {"window": self.window, "hop": self.hop_frames, **self.offline.settings()}


def windowed(
    full: Callable[[EncoderSpec, tuple[int, ...]], OfflineEncoder],
    spec: EncoderSpec,
    settings: dict[str, Any],
) -> WindowEncoder:
    """A window over a new encoder; `settings` as `WindowEncoder.settings()` gives them."""
    sizes = {key: value for key, value in settings.items() if key != "output_layers"}
    return WindowEncoder(full(spec, settings.get("output_layers", ())), **sizes)
