"""Our own encoder: small, causal, pretrained as a recogniser by `recipes/pretrain`.

Four features of 10 ms make a frame of 40 ms; every layer looks at three frames, the newest and two
earlier ones, and adds what it finds to the newest. There is nothing but matrices: no norm and no
convolution, whose fixed cost a piece outweighs their arithmetic where a stream brings a few frames
at a time. (Pretraining puts a batch norm after the first matrix of each layer, for it learns faster
so; the norms are folded into the matrices that ship.)

Source: Waibel et al. 1989, "Phoneme recognition using time-delay neural networks"; Povey et al.
2018, "Semi-orthogonal low-rank matrix factorization for deep neural networks".
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.base import ChunkedEncoder, Family
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.spec import EncoderSpec, Settings, Source, StripReport
from wakeword.errors import ConfigError

FEATURES = 4  # feature frames to one frame
SEEN = 3  # frames that a layer looks at
GAPS = (1, 1, 2, 3, 4, 5)  # frames between them, layer by layer
HEAD = "ctc."  # the transcription head's tensors begin so

SPECS = (
    EncoderSpec(
        name="wakeword-stream",
        family="compact",
        sources=(
            Source(
                "package",
                "wakeword.encoders:wakeword-stream.safetensors",
                "17fa0c4f88d6416601a334280790adcb584ddcb939c0a11a136edbc828bda629",
                "safetensors",
            ),
        ),
        licence="Apache-2.0",
        trained_on="8 h with text, two thirds of it synthetic, and 2 h without: recipes/pretrain",
        hours=8,
        mels=80,
        dim=192,
        layers=6,
        heads=0,
        frame_rate_hz=25.0,
    ),
)


def strip(
    tensors: Tensors, format: str, spec: EncoderSpec, name: str
) -> tuple[Tensors, StripReport]:
    """Keep the encoder of a recogniser that `recipes/pretrain` wrote; drop its CTC head.

    Raises CheckpointError where tensors are missing or of another size than the spec says.
    """
    kept = {key: tensor for key, tensor in tensors.items() if not key.startswith(HEAD)}
    kept = select_tensors(kept, Trunk(spec, "meta").state_dict(), spec.name, name)
    dropped = [tensor for key, tensor in tensors.items() if key.startswith(HEAD)]
    return kept, StripReport.of(kept.values(), dropped)


class Layer(nn.Module):
    """x + second(relu(first(the frames at 0, -gap, -2 · gap)))."""

    def __init__(self, dim: int, gap: int) -> None:
        super().__init__()
        self.gap = gap
        self.first = nn.Linear(SEEN * dim, dim)
        self.second = nn.Linear(dim, dim)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, U, dim) and the 2 · gap frames before → (batch, U, dim), and the new past."""
        seen = torch.cat([past, x], dim=1)
        frames = x.shape[1]
        around = torch.cat([seen[:, i * self.gap :][:, :frames] for i in range(SEEN)], dim=2)
        return x + self.second(F.relu(self.first(around))), seen[:, frames:]


class Trunk(nn.Module):
    """The matrices, whatever they are used for."""

    def __init__(self, spec: EncoderSpec, device: str = "cpu") -> None:
        super().__init__()
        with torch.device(device):
            self.stem = nn.Linear(2 * FEATURES * spec.mels, spec.dim)
            gaps = [GAPS[i % len(GAPS)] for i in range(spec.layers)]
            self.layers = nn.ModuleList(Layer(spec.dim, gap) for gap in gaps)


class _State(NamedTuple):
    waiting: Tensor  # (batch, T < hop, mels): features of a hop that is not full yet
    before: Tensor  # (batch, FEATURES, mels): features before those
    pasts: tuple[Tensor, ...]  # of each layer: (batch, 2 · gap, dim)


class CompactEncoder(ChunkedEncoder):
    """Streamed exactly by nature: nothing sees the future, each frame is computed once.

    Args:
        hop: frames that are computed at once; it changes what they cost and when they come, not
            what they are.
    """

    trunk: Trunk

    def __init__(
        self, spec: EncoderSpec, hop: int = 4, output_layers: tuple[int, ...] = ()
    ) -> None:
        super().__init__(spec, output_layers)
        if not 0 < hop <= 1500:
            raise ConfigError(f"hop {hop}: expected 1 to 1500 frames.")
        self.hop_frames, self.first_features, self.look_ahead_ms = hop, hop * FEATURES, 0.0
        self.trunk = Trunk(spec)

    def forward(
        self, x: Tensor, state: _State | None = None, *, start: int = 0, stop: int | None = None
    ) -> tuple[Tensor, _State]:
        """(batch, T, mels) → (batch, U, taps · dim), U a multiple of the hop, 25 a second."""
        if state is None:
            state = self._begin(x)
        if start == self.depth:
            return x, state
        layers = self.between(start, stop)
        waiting, before, pasts = state.waiting, state.before, list(state.pasts)
        if start == 0:
            x, waiting, before = self._stem(x, waiting, before)
        layer_outputs: list[Tensor] = []
        for i in layers:
            x, pasts[i] = self.trunk.layers[i](x, pasts[i])
            if i + 1 in self.output_layers:
                layer_outputs.append(x)
        if stop in (None, self.depth):
            x = (
                torch.cat(layer_outputs, dim=2)
                if layer_outputs
                else x.repeat(1, 1, len(self.output_layers))
            )
        return x, _State(waiting, before, tuple(pasts))

    def _begin(self, x: Tensor) -> _State:
        silence = x.new_zeros(len(x), FEATURES, self.spec.mels)
        gaps = [cast(Layer, layer).gap for layer in self.trunk.layers]
        pasts = tuple(x.new_zeros(len(x), (SEEN - 1) * gap, self.dim) for gap in gaps)
        return _State(silence[:, :0], silence, pasts)

    def _stem(self, x: Tensor, waiting: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Whole hops of features, each frame with the four features before its own four."""
        size = self.hop_frames * FEATURES
        x = torch.cat([before, waiting, x], dim=1)
        whole = (x.shape[1] - FEATURES) // size * size
        groups = x[:, : FEATURES + whole].reshape(len(x), -1, FEATURES * self.spec.mels)
        frames = F.relu(self.trunk.stem(torch.cat([groups[:, :-1], groups[:, 1:]], dim=2)))
        return frames, x[:, FEATURES + whole :], x[:, whole : FEATURES + whole]

    def layer_groups(self) -> list[list[nn.Module]]:
        return [[self.trunk.stem], *([layer] for layer in self.trunk.layers)]

    def settings(self) -> Settings:
        return {"hop": self.hop_frames, "output_layers": self.output_layers}


FAMILY = Family(
    SPECS,
    ("chunked",),
    lambda spec, streaming, settings: CompactEncoder(spec, **settings),
    strip,
    ("safetensors",),
    "what recipes/pretrain writes",
)
