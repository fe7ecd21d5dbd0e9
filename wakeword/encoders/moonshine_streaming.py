"""Moonshine's second version: a recogniser that was trained to stream, with local attention.

Samples are cut into pieces of 5 ms, each normalised by itself; two causal convolutions make 50
frames a second of them. In every layer a frame attends to itself and to the 15 frames before it, in
some layers also to the 3 after it. There are no positions, so a stream may be of any length.

Source: Kudlur et al. 2026, "Moonshine v2: ergodic streaming encoder ASR for latency-critical speech
applications".
"""

from __future__ import annotations

import re
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.attention import attend
from wakeword.encoders.base import ChunkedEncoder, Family, require_frame_counts
from wakeword.encoders.convolution import convolve_valid
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.moonshine import Attention, Mlp
from wakeword.encoders.spec import EncoderSpec, Settings, Source, StripReport

_PIECE = 80  # samples that are normalised together
_LEFT = 15  # frames before a frame that it attends to
_RIGHT = (3, 3, 0, 0, 3, 3)  # frames after it that it attends to, layer by layer
_SEGMENT = 64  # frames that are attended to at once when many are there

SPECS = (
    EncoderSpec(
        name="moonshine-streaming-tiny",
        family="moonshine-streaming",
        sources=(
            Source(
                "url",
                "https://huggingface.co/UsefulSensors/moonshine-streaming-tiny/resolve/main/"
                "model.safetensors",
                "",  # the publisher states no hash
                "safetensors",
            ),
        ),
        licence="MIT",
        trained_on="English speech; its model card does not say how many hours",
        hours=0,
        mels=0,
        dim=320,
        layers=6,
        heads=8,
        frame_rate_hz=50.0,
        front_end="waveform",
    ),
)


def strip(
    tensors: Tensors, format: str, spec: EncoderSpec, name: str
) -> tuple[Tensors, StripReport]:
    """Keep the encoder of a Hugging Face checkpoint; drop its decoder.

    Raises:
        CheckpointError: tensors are missing or of another shape than the spec says.
    """
    prefix = r"^(model\.)?encoder\."
    named = {re.sub(prefix, "", key): t for key, t in tensors.items() if re.match(prefix, key)}
    dropped = [tensor for key, tensor in tensors.items() if not re.match(prefix, key)]
    kept = select_tensors(named, _Trunk(spec, "meta").state_dict(), spec.name, name)
    return kept, StripReport.of(kept.values(), dropped)


# ---------------------------------------------------------------- the network


class _Norm(nn.Module):
    """Layer norm whose scale is 1 + gamma."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        return F.layer_norm(x, x.shape[-1:]) * (1 + self.gamma)


class _Compression(nn.Module):
    """asinh with a learned gain."""

    def __init__(self) -> None:
        super().__init__()
        self.log_k = nn.Parameter(torch.tensor(0.75).log())

    def forward(self, x: Tensor) -> Tensor:
        """Compress every value."""
        return torch.asinh(self.log_k.exp() * x)


class _Embedder(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.comp = _Compression()
        self.linear = nn.Linear(_PIECE, dim, bias=False)
        self.conv1 = nn.Conv1d(dim, 2 * dim, 5, stride=2)
        self.conv2 = nn.Conv1d(2 * dim, dim, 5, stride=2)


class _Layer(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.mlp = Mlp(dim)
        self.input_layernorm = _Norm(dim)
        self.post_attention_layernorm = _Norm(dim)


class _Trunk(nn.Module):
    """The layers, under Hugging Face's names."""

    def __init__(self, spec: EncoderSpec, device: str = "cpu") -> None:
        super().__init__()
        with torch.device(device):
            self.embedder = _Embedder(spec.dim)
            self.layers = nn.ModuleList(_Layer(spec.dim, spec.heads) for _ in range(spec.layers))
            self.final_norm = _Norm(spec.dim)


# ---------------------------------------------------------------- the stream


class _LayerState(NamedTuple):
    pending: Tensor  # (batch, right, dim): frames that wait for the frames after them
    keys: Tensor  # (batch, _LEFT + right, dim)
    values: Tensor
    past_frames: Tensor  # (batch, 1): frames that came in


class _State(NamedTuple):
    features: Tensor  # (batch, T, 160): samples of an incomplete hop
    pieces: Tensor  # (batch, 4, dim): what the first convolution still needs
    halves: Tensor  # (batch, 4, 2 · dim): what the second convolution still needs
    layers: tuple[_LayerState | None, ...]  # None before the first frame
    pending: tuple[
        Tensor | None, ...
    ]  # of each output layer: (batch, n, dim) that wait for the top


class MoonshineStreamingEncoder(ChunkedEncoder):
    """An encoder that was trained to be streamed: each frame is computed once.

    Args:
        spec: constants of the encoder.
        hop: frames that are computed at once; it changes their cost and when they come, but not
            their values.
        output_layers: layers whose outputs are concatenated.

    Attributes:
        right: frames after it that a frame attends to, of each layer.
    """

    hop_setting = "hop"
    trunk: _Trunk

    def __init__(
        self, spec: EncoderSpec, hop: int = 8, output_layers: tuple[int, ...] = ()
    ) -> None:
        super().__init__(spec, output_layers)
        require_frame_counts(hop=hop)
        self.trunk = _Trunk(spec)
        self.right = [_RIGHT[i % len(_RIGHT)] for i in range(spec.layers)]
        delay = sum(self.right[: max(self.output_layers)])
        self.hop_frames, self.first_features = hop, 2 * (hop + delay)
        self.look_ahead_ms = (hop - 1 + delay) * 1000 / self.frame_rate_hz

    def forward(
        self, x: Tensor, state: _State | None = None, *, start: int = 0, stop: int | None = None
    ) -> tuple[Tensor, _State]:
        """Map (batch, T, 160) samples to 50 frames a second; U is a multiple of the hop.

        With `stop` at a layer, it returns the frames that this layer has ready: more of them at the
        start of a stream, because the layers above wait for later frames.
        """
        if state is None:
            state = self._silence(x)
        if start == self.depth:
            return x, state
        numbers = self.layer_range(start, stop)
        features, pieces, halves = state.features, state.pieces, state.halves
        if start == 0:
            x, features, pieces, halves = self._embed(x, state)
        layers, pending = list(state.layers), list(state.pending)
        outputs: dict[int, Tensor] = {}
        for i in numbers if x.shape[1] else ():
            x, layers[i] = self._layer(i, x, layers[i])
            outputs[i + 1] = self.trunk.final_norm(x) if i + 2 == self.depth else x
        if stop in (None, self.depth):
            aligned = []
            for number, layer in enumerate(self.output_layers):
                before = pending[number]
                ready = outputs.get(layer, x)
                ready = ready if before is None else torch.cat([before, ready], dim=1)
                aligned.append(ready[:, : x.shape[1]])
                pending[number] = ready[:, x.shape[1] :]
            x = self.join_outputs(aligned, x)
        return x, _State(features, pieces, halves, tuple(layers), tuple(pending))

    def _silence(self, x: Tensor) -> _State:
        """Return the state at the start of a stream."""

        def zeros(frames: int, width: int) -> Tensor:
            return x.new_zeros(len(x), frames, width)

        return _State(
            features=zeros(0, 2 * _PIECE),
            pieces=zeros(4, self.dim),
            halves=zeros(4, 2 * self.dim),
            layers=(None,) * (self.depth - 1),
            pending=(None,) * len(self.output_layers),
        )

    def _embed(self, x: Tensor, state: _State) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run the convolutions on complete hops; the first one also has the frames of the delay."""
        x = torch.cat([state.features, x], dim=1)
        first = self.first_features if state.layers[0] is None else 0
        size = 2 * self.hop_frames
        complete = x.shape[1] // size * size
        if first:
            complete = 0 if x.shape[1] < first else first + (x.shape[1] - first) // size * size
        features, x = x[:, complete:], x[:, :complete]
        embedder = self.trunk.embedder
        x = x.reshape(len(x), -1, _PIECE)
        x = x - x.mean(dim=2, keepdim=True)
        x = x * (x.square().mean(dim=2, keepdim=True) + 1e-6).rsqrt()
        pieces = torch.cat([state.pieces, F.silu(embedder.linear(embedder.comp(x)))], dim=1)
        halves = torch.cat([state.halves, F.silu(convolve_valid(embedder.conv1, pieces))], dim=1)
        frames = convolve_valid(embedder.conv2, halves)
        return frames, features, pieces[:, -4:], halves[:, -4:]

    def _layer(
        self, number: int, x: Tensor, state: _LayerState | None
    ) -> tuple[Tensor, _LayerState]:
        """Run one layer: (batch, n, dim) in, as many frames out, delayed by the layer's `right`."""
        layer, right = cast(_Layer, self.trunk.layers[number]), self.right[number]
        first = state is None
        if state is None:
            zeros = x.new_zeros(len(x), _LEFT + right, self.dim)
            past_frames = torch.zeros(len(x), 1, dtype=torch.long, device=x.device)
            state = _LayerState(zeros[:, :right], zeros, zeros, past_frames)
        attn, frames = layer.self_attn, x.shape[1]
        y = layer.input_layernorm(x)
        keys = torch.cat([state.keys, attn.k_proj(y)], dim=1)
        values = torch.cat([state.values, attn.v_proj(y)], dim=1)
        x = torch.cat([state.pending, x], dim=1)
        pending, x = x[:, frames:], x[:, :frames]
        queries = attn.q_proj(layer.input_layernorm(x))
        masks = [
            _mask(min(_SEGMENT, frames - offset), right, state.past_frames + offset, x.device)
            for offset in range(0, frames, _SEGMENT)
        ]
        size = _LEFT + right
        x = x + attn.o_proj(attend(queries, keys, values, masks, _SEGMENT, size, attn.heads))
        x = x + layer.mlp(layer.post_attention_layernorm(x))
        past_frames = state.past_frames + frames
        new_state = _LayerState(pending, keys[:, -size:], values[:, -size:], past_frames)
        return x[:, right:] if first else x, new_state

    def layer_groups(self) -> list[list[nn.Module]]:
        """The embedder, and each layer, the last one with the norm after it."""
        layers: list[list[nn.Module]] = [[layer] for layer in self.trunk.layers]
        layers[-1].append(self.trunk.final_norm)
        return [[self.trunk.embedder], *layers]

    def settings(self) -> Settings:
        """The hop in frames, and the output layers."""
        return {"hop": self.hop_frames, "output_layers": self.output_layers}


def _mask(size: int, right: int, past_frames: Tensor, device: torch.device) -> Tensor:
    """Return which keys each frame attends to, (batch, 1, size, size + _LEFT + right).

    Keys before the start of the stream are left out.
    """
    query = torch.arange(size, device=device)[:, None]
    key = torch.arange(size + _LEFT + right, device=device)
    near = (key >= query) & (key <= query + _LEFT + right)
    exists = key + past_frames >= _LEFT + right  # (batch, keys)
    # a frame before the start, which is never returned, still attends to itself
    return (near & exists[:, None] | (key == query + _LEFT))[:, None]


FAMILY = Family(
    specs=SPECS,
    chunked=MoonshineStreamingEncoder,
    formats=("safetensors",),
    strip=strip,
    weights="Hugging Face safetensors",
)
