"""Causal depthwise convolutions over the features of microcontrollers, for int8 arithmetic.

Three features of 10 ms make a frame of 30 ms. Each layer mixes a channel's own past by a depthwise
convolution and the channels of a frame by a matrix, and adds the result to its input. There is
nothing else: no norm, so that `wakeword.exporting.esphome` maps every layer to operators of
TensorFlow Lite Micro, and a ReLU after each convolution, because the kernels of different
processors round negative numbers differently. (Batch norms of pretraining are folded into the
weights.)

Source: the shape of microWakeWord's mixednet, which follows Majumdar and Ginsburg 2020,
"MatchboxNet: 1D time-channel separable convolutional neural network architecture for speech
commands recognition".
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.base import Family
from wakeword.encoders.causal import CausalEncoder, strip_head
from wakeword.encoders.formats import Tensors
from wakeword.encoders.micro_frontend import BANDS
from wakeword.encoders.spec import EncoderSpec, Source, StripReport

FEATURES_PER_FRAME = 3
FEATURES_BEFORE = 2
"""Features before a frame's own that the stem takes."""
KERNELS = (3, 5, 7, 9, 11, 13)
"""Frames that a layer takes, layer by layer: 1.3 s in all."""

SPECS = (
    EncoderSpec(
        name="wakeword-micro",
        family="micro",
        sources=(
            Source(
                "package",
                "wakeword.encoders:wakeword-micro.safetensors",
                "43faabdd5b27bc256775c72ced0ed44cd4f41a43355a76e614cd0a4d244fd6b1",
                "safetensors",
            ),
        ),
        licence="Apache-2.0",
        trained_on="8 h of Common Voice, most of it English, by wakeword-stream: recipes/pretrain",
        hours=8,
        mels=BANDS,
        dim=96,
        layers=6,
        heads=0,
        frame_rate_hz=100 / FEATURES_PER_FRAME,
        front_end="micro",
    ),
)


def strip(
    tensors: Tensors, format: str, spec: EncoderSpec, name: str
) -> tuple[Tensors, StripReport]:
    """Keep the encoder of a checkpoint; drop its transcription head, if it has one.

    Raises:
        CheckpointError: tensors are missing or of another shape than the spec says.
    """
    return strip_head(tensors, Trunk(spec, "meta"), spec, name)


class Layer(nn.Module):
    """x + relu(pointwise(relu(depthwise(the last frames of x))))."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.past_frames = kernel - 1
        self.depthwise = nn.Conv1d(dim, dim, kernel, groups=dim)
        self.pointwise = nn.Linear(dim, dim)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Map (batch, U, dim), given the frames before, to (batch, U, dim).

        Returns:
            The frames, and the past of the next call.
        """
        if not x.shape[1]:
            return x, past
        padded = torch.cat([past, x], dim=1)
        mixed = self.pointwise(F.relu(self.depthwise(padded.mT)).mT)
        return x + F.relu(mixed), padded[:, x.shape[1] :]


class Trunk(nn.Module):
    """The network, independent of how it is streamed or trained."""

    def __init__(self, spec: EncoderSpec, device: str = "cpu") -> None:
        super().__init__()
        size = FEATURES_BEFORE + FEATURES_PER_FRAME
        with torch.device(device):
            self.stem = nn.Conv1d(spec.mels, spec.dim, size, stride=FEATURES_PER_FRAME)
            kernels = [KERNELS[i % len(KERNELS)] for i in range(spec.layers)]
            self.layers = nn.ModuleList(Layer(spec.dim, kernel) for kernel in kernels)


class _State(NamedTuple):
    features: Tensor  # (batch, FEATURES_BEFORE + T, 40): features before the next hop and of it
    pasts: Tensor  # (batch, sum of kernel - 1 over the layers, dim): frames before, layer by layer


class MicroEncoder(CausalEncoder):
    """A stack of `Layer` over a stem; see `CausalEncoder` for the arguments."""

    features_per_frame = FEATURES_PER_FRAME
    trunk: Trunk

    def __init__(
        self, spec: EncoderSpec, hop: int = 8, output_layers: tuple[int, ...] = ()
    ) -> None:
        super().__init__(spec, hop, output_layers)
        self.trunk = Trunk(spec)

    def forward(
        self, x: Tensor, state: _State | None = None, *, start: int = 0, stop: int | None = None
    ) -> tuple[Tensor, _State]:
        """Map (batch, T, 40) to 33.3 frames a second; U is a multiple of the hop."""
        if state is None:
            state = self._silence(x)
        if start == self.depth:
            return x, state
        layers, features = self.layer_range(start, stop), state.features
        if start == 0:
            x, features = self._stem(torch.cat([features, x], dim=1))
        pasts = list(torch.split(state.pasts, self._past_frames(), dim=1))
        outputs: list[Tensor] = []
        for i in layers:
            x, pasts[i] = self.trunk.layers[i](x, pasts[i])
            if i + 1 in self.output_layers:
                outputs.append(x)
        if stop in (None, self.depth):
            x = self.join_outputs(outputs, x)
        return x, _State(features, torch.cat(pasts, dim=1))

    def _silence(self, x: Tensor) -> _State:
        """Return the state at the start of a stream."""
        features = x.new_zeros(len(x), FEATURES_BEFORE, self.spec.mels)
        return _State(features, x.new_zeros(len(x), sum(self._past_frames()), self.dim))

    def _past_frames(self) -> list[int]:
        """Return the number of earlier frames that each layer takes."""
        return [cast(Layer, layer).past_frames for layer in self.trunk.layers]

    def _stem(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Make frames of the complete hops; return them and the features for the next ones."""
        size = self.hop_frames * FEATURES_PER_FRAME
        complete = (features.shape[1] - FEATURES_BEFORE) // size * size
        if not complete:
            return features.new_zeros(len(features), 0, self.dim), features
        frames = F.relu(self.trunk.stem(features[:, : FEATURES_BEFORE + complete].mT)).mT
        return frames, features[:, complete:]


FAMILY = Family(
    specs=SPECS,
    chunked=MicroEncoder,
    formats=("safetensors",),
    strip=strip,
    weights="what recipes/pretrain writes",
    head="depthwise",
    head_layers=1,
)
