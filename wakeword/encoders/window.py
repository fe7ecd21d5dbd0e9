"""Sliding window: any encoder as a stream, run again over the last seconds at every hop."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wakeword.encoders.base import Encoder, OfflineEncoder, require_frame_counts
from wakeword.encoders.frontend import FRAME_RATE_HZ
from wakeword.encoders.spec import EncoderSpec, Settings
from wakeword.errors import ConfigError

_WINDOW_MS = 1920
_HOP_MS = 480
_BATCH = 32  # windows that are encoded at once when many are ready


class _WindowState(NamedTuple):
    features: Tensor  # (batch, T, features): what the next windows still need


def features_per_frame(spec: EncoderSpec) -> Fraction:
    """Return how many feature frames make one frame of an encoder: 2 at 50 frames a second."""
    rate = Fraction(spec.frame_rate_hz).limit_denominator(1000)
    return Fraction(round(FRAME_RATE_HZ)) / rate


class WindowEncoder(Encoder):
    """Encodes the last `window` frames' worth of features; keeps the last `hop` frames of each run.

    Every frame is computed window / hop times. A stream starts in silence.

    Args:
        offline: an encoder that takes all of its input at once.
        window: in frames of the encoder, a whole number of feature frames; 0 is 1.92 s, or as long
            as the hop needs where that is longer.
        hop: in frames of the encoder, a whole number of feature frames; None is 0.48 s.

    Raises:
        ConfigError: the hop is longer than the window, or a size is not allowed.
    """

    streaming = "window"
    hop_setting = "hop"
    offline: OfflineEncoder

    def __init__(self, offline: OfflineEncoder, window: int = 0, hop: int | None = None) -> None:
        super().__init__(offline.spec, offline.output_layers)
        ratio = features_per_frame(offline.spec)
        step, lost = ratio.denominator, offline.trailing_frames_lost
        hop = round(_HOP_MS / 10 / ratio) if hop is None else hop
        require_frame_counts(hop=hop)
        shortest = -(-(hop + lost) // step) * step
        window = window or max(round(_WINDOW_MS / 10 / ratio), shortest)
        require_frame_counts(window=window)
        if not hop + lost <= window <= offline.max_frames or hop % step or window % step:
            multiples = f", both multiples of {step}" if step > 1 else ""
            at_least = f"hop + {lost}" if lost else "hop"
            raise ConfigError(
                f"window {window}, hop {hop}: expected {at_least} <= window <= "
                f"{offline.max_frames} frames{multiples}."
            )
        # not a submodule: its weights are those of `trunk`, and a state dict names each once
        object.__setattr__(self, "offline", offline)
        self.trunk = offline.trunk
        self.window, self.hop_frames = window, hop
        self.first_features = int(hop * ratio)
        self.look_ahead_ms = (hop - 1) * 1000 / self.frame_rate_hz
        self._window_features = int(window * ratio)
        self._silence = offline.spec.new_front_end().silence

    def forward(
        self,
        x: Tensor,
        state: _WindowState | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> tuple[Tensor, _WindowState]:
        """Encode every window that the features complete.

        Raises:
            ValueError: `start` or `stop` asks for frames between layers, which are not kept.
        """
        if start or stop not in (None, 0, self.depth):
            raise ValueError("a windowed encoder keeps features or finished frames only")
        size, hop = self._window_features, self.first_features
        if state is None:
            past = x.new_full((len(x), size - hop, x.shape[2]), self._silence)
            state = _WindowState(past)
        features = torch.cat([state.features, x], dim=1)
        count = (features.shape[1] - size) // hop + 1
        if count <= 0:
            empty = x.new_zeros(len(x), 0, self.dim * len(self.output_layers))
            return empty, _WindowState(features)
        windows = features.unfold(1, size, hop).mT.flatten(0, 1)
        encoded = [
            self.offline.forward_layers(batch, self.hop_frames)
            for batch in torch.split(windows, _BATCH)
        ]
        frames = torch.cat(encoded).reshape(len(x), count * self.hop_frames, -1)
        return frames, _WindowState(features[:, count * hop :])

    def layer_groups(self) -> list[list[nn.Module]]:
        """The offline encoder's layer groups."""
        return self.offline.layer_groups()

    def cacheable_depths(self) -> list[int]:
        """Features and finished frames: between layers a frame has one value a window."""
        return [0, self.depth]

    def settings(self) -> Settings:
        """Window and hop in frames, and the settings of the offline encoder."""
        return {"window": self.window, "hop": self.hop_frames, **self.offline.settings()}
