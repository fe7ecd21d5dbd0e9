"""The project's own encoder: small and causal, pretrained as a recogniser by `recipes/pretrain`.

Four features of 10 ms make a frame of 40 ms. Every layer takes three frames, the newest and two
earlier ones, and adds its output to the newest. It has nothing but linear layers: where a stream
brings a few frames at a time, the fixed cost of a norm or a convolution outweighs its arithmetic.
(Pretraining puts a batch norm after the first matrix of each layer, which speeds up learning; the
norms are folded into the matrices that ship.)

Source: Waibel et al. 1989, "Phoneme recognition using time-delay neural networks"; Povey et al.
2018, "Semi-orthogonal low-rank matrix factorization for deep neural networks".
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.base import Family
from wakeword.encoders.causal import CausalEncoder, strip_head
from wakeword.encoders.convolution import gather_windows, newest_frames
from wakeword.encoders.formats import Tensors
from wakeword.encoders.spec import EncoderSpec, Source, StripReport

FEATURES_PER_FRAME = 4
CONTEXT = 3
"""Frames that a layer takes."""
GAPS = (1, 1, 2, 3, 4, 5)
"""Frames between those, layer by layer."""

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

    Raises:
        CheckpointError: tensors are missing or of another shape than the spec says.
    """
    return strip_head(tensors, Trunk(spec, "meta"), spec, name)


class Layer(nn.Module):
    """x + second(relu(first(the frames at 0, -gap and -2 · gap)))."""

    def __init__(self, dim: int, gap: int) -> None:
        super().__init__()
        self.gap = gap
        self.first = nn.Linear(CONTEXT * dim, dim)
        self.second = nn.Linear(dim, dim)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Map (batch, U, dim), given the 2 · gap frames before, to (batch, U, dim).

        Returns:
            The frames, and the past of the next call.
        """
        padded = torch.cat([past, x], dim=1)
        frames = x.shape[1]
        if torch.compiler.is_exporting():
            context = gather_windows(padded, frames, CONTEXT, dilation=self.gap)
        else:
            starts = range(0, CONTEXT * self.gap, self.gap)
            context = torch.cat([padded[:, at : at + frames] for at in starts], dim=2)
        return x + self.second(F.relu(self.first(context))), padded[:, frames:]


class Trunk(nn.Module):
    """The linear layers, independent of how they are streamed or trained."""

    def __init__(self, spec: EncoderSpec, device: str = "cpu") -> None:
        super().__init__()
        with torch.device(device):
            self.stem = nn.Linear(2 * FEATURES_PER_FRAME * spec.mels, spec.dim)
            gaps = [GAPS[i % len(GAPS)] for i in range(spec.layers)]
            self.layers = nn.ModuleList(Layer(spec.dim, gap) for gap in gaps)


class _State(NamedTuple):
    pending: Tensor  # (batch, T < hop, mels): features of an incomplete hop
    previous: Tensor  # (batch, FEATURES_PER_FRAME, mels): features before those
    pasts: Tensor  # (batch, sum of 2 · gap over the layers, dim): frames before, layer by layer


class CompactEncoder(CausalEncoder):
    """A stack of `Layer` over a stem; see `CausalEncoder` for the arguments."""

    features_per_frame = FEATURES_PER_FRAME
    trunk: Trunk

    def __init__(
        self, spec: EncoderSpec, hop: int = 6, output_layers: tuple[int, ...] = ()
    ) -> None:
        super().__init__(spec, hop, output_layers)
        self.trunk = Trunk(spec)

    def forward(
        self, x: Tensor, state: _State | None = None, *, start: int = 0, stop: int | None = None
    ) -> tuple[Tensor, _State]:
        """Map (batch, T, mels) to 25 frames a second; U is a multiple of the hop."""
        if state is None:
            state = self._silence(x)
        if start == self.depth:
            return x, state
        layers = self.layer_range(start, stop)
        pending, previous = state.pending, state.previous
        sizes = self._past_frames()
        pasts = list(torch.split(state.pasts, sizes, dim=1))
        if start == 0:
            x, pending, previous = self._stem(x, pending, previous)
        inputs: list[Tensor] = []
        outputs: list[Tensor] = []
        for i in layers:
            inputs.append(x)
            x, pasts[i] = self.trunk.layers[i](x, pasts[i])
            if i + 1 in self.output_layers:
                outputs.append(x)
        if stop in (None, self.depth):
            x = self.join_outputs(outputs, x)
        if torch.compiler.is_exporting() and len(layers) == len(sizes):
            return x, _State(pending, previous, newest_frames(state.pasts, sizes, inputs))
        return x, _State(pending, previous, torch.cat(pasts, dim=1))

    def _silence(self, x: Tensor) -> _State:
        """Return the state at the start of a stream."""
        silence = x.new_zeros(len(x), FEATURES_PER_FRAME, self.spec.mels)
        pasts = x.new_zeros(len(x), sum(self._past_frames()), self.dim)
        return _State(silence[:, :0], silence, pasts)

    def _past_frames(self) -> list[int]:
        """Return the number of earlier frames that each layer takes."""
        return [(CONTEXT - 1) * cast(Layer, layer).gap for layer in self.trunk.layers]

    def _stem(self, x: Tensor, pending: Tensor, previous: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Make frames of complete hops, each of its own four features and the four before."""
        size = self.hop_frames * FEATURES_PER_FRAME
        x = torch.cat([previous, pending, x], dim=1)
        complete = (x.shape[1] - FEATURES_PER_FRAME) // size * size
        end = FEATURES_PER_FRAME + complete
        groups = x[:, :end].reshape(len(x), -1, FEATURES_PER_FRAME * self.spec.mels)
        if torch.compiler.is_exporting():
            groups = gather_windows(groups, groups.shape[1] - 1, 2)
        else:
            groups = torch.cat([groups[:, :-1], groups[:, 1:]], dim=2)
        frames = F.relu(self.trunk.stem(groups))
        return frames, x[:, end:], x[:, complete:end]


FAMILY = Family(
    specs=SPECS,
    chunked=CompactEncoder,
    formats=("safetensors",),
    strip=strip,
    weights="what recipes/pretrain writes",
    how_to_get="train it: recipes/pretrain",
)
