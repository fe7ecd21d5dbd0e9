"""Moonshine's second make: a recogniser that streams by nature, with attention over a short window.

Sound is cut into 5 ms, each normed by itself; two causal convolutions make 50 frames a second of
it; in every layer a frame attends to itself and 15 before it, in some to 3 more that follow. There
are no positions, so a stream never runs out of them.

Source: Kudlur et al. 2026, "Moonshine v2: ergodic streaming encoder ASR for latency-critical speech
applications".
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.attention import attend
from wakeword.encoders.base import ChunkedEncoder, Encoder, Family
from wakeword.encoders.convolution import convolve_valid
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.moonshine import Attention, Mlp
from wakeword.encoders.spec import EncoderSpec, Settings, Source, StripReport
from wakeword.errors import ConfigError

_PIECE = 80  # samples that are normed together
_LEFT = 15  # frames before a frame that it attends to
_AHEAD = (3, 3, 0, 0, 3, 3)  # frames after it, layer by layer
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
        trained_on="English speech; its card does not say how many hours",
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
    """Keep the encoder of a recogniser that Hugging Face holds; drop its decoder.

    Raises CheckpointError where tensors are missing or of another size than the spec says.
    """
    prefix = r"^(model\.)?encoder\."
    found = {re.sub(prefix, "", key): t for key, t in tensors.items() if re.match(prefix, key)}
    dropped = [tensor for key, tensor in tensors.items() if not re.match(prefix, key)]
    kept = select_tensors(found, _Trunk(spec, "meta").state_dict(), spec.name, name)
    return kept, StripReport.of(kept.values(), dropped)


# ---------------------------------------------------------------- the network


class _Norm(nn.Module):
    """Layer norm whose scale is 1 + gamma."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:]) * (1 + self.gamma)


class _Compression(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.log_k = nn.Parameter(torch.tensor(0.75).log())

    def forward(self, x: Tensor) -> Tensor:
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
    waiting: Tensor  # (batch, ahead, dim): frames that still wait for what follows them
    keys: Tensor  # (batch, _LEFT + ahead, dim)
    values: Tensor
    seen: Tensor  # (batch, 1): frames that came in


class _State(NamedTuple):
    features: Tensor  # (batch, T, 160): sound of a hop that is not full yet
    pieces: Tensor  # (batch, 4, dim): what the first convolution still needs
    halves: Tensor  # (batch, 4, 2 · dim): what the second still needs
    layers: tuple[_LayerState | None, ...]  # None: nothing came in yet
    held: tuple[Tensor | None, ...]  # of each tap: (batch, n, dim) that wait for the top one


class MoonshineStreamingEncoder(ChunkedEncoder):
    """Streamed exactly by nature: each frame is computed once.

    Args:
        hop: frames that are computed at once; it changes what they cost and when they come, not
            what they are.
    """

    trunk: _Trunk

    def __init__(
        self, spec: EncoderSpec, hop: int = 8, output_layers: tuple[int, ...] = ()
    ) -> None:
        super().__init__(spec, output_layers)
        if not 0 < hop <= 1500:
            raise ConfigError(f"hop {hop}: expected 1 to 1500 frames.")
        self.trunk = _Trunk(spec)
        self.ahead = [_AHEAD[i % len(_AHEAD)] for i in range(spec.layers)]
        self._waits = sum(self.ahead[: max(self.output_layers)])
        self.hop_frames, self.first_features = hop, 2 * (hop + self._waits)
        self.look_ahead_ms = (hop - 1 + self._waits) * 1000 / self.frame_rate_hz

    def forward(
        self, x: Tensor, state: _State | None = None, *, start: int = 0, stop: int | None = None
    ) -> tuple[Tensor, _State]:
        """(batch, T, 160) samples → (batch, U, taps · dim), U a multiple of the hop.

        Stopped at a layer, it gives what that layer has ready: more frames to begin with, for later
        layers wait for frames that follow.
        """
        if state is None:
            state = self._begin(x)
        if start == self.depth:
            return x, state
        numbers = self.between(start, stop)
        features, pieces, halves = state.features, state.pieces, state.halves
        if start == 0:
            x, features, pieces, halves = self._embed(x, state)
        layers, held = list(state.layers), list(state.held)
        outputs: dict[int, Tensor] = {}
        for i in numbers if x.shape[1] else ():
            x, layers[i] = self._layer(i, x, layers[i])
            outputs[i + 1] = self.trunk.final_norm(x) if i + 2 == self.depth else x
        if stop in (None, self.depth):
            layer_outputs = []
            for number, tap in enumerate(self.output_layers):
                before = held[number]
                ready = outputs.get(tap, x)
                ready = ready if before is None else torch.cat([before, ready], dim=1)
                layer_outputs.append(ready[:, : x.shape[1]])
                held[number] = ready[:, x.shape[1] :]
            x = torch.cat(layer_outputs, dim=2)
        return x, _State(features, pieces, halves, tuple(layers), tuple(held))

    def _begin(self, x: Tensor) -> _State:
        def nothing(frames: int, width: int) -> Tensor:
            return x.new_zeros(len(x), frames, width)

        pieces, halves = nothing(4, self.dim), nothing(4, 2 * self.dim)
        none = (None,) * (self.depth - 1)
        return _State(
            nothing(0, 2 * _PIECE), pieces, halves, none, (None,) * len(self.output_layers)
        )

    def _embed(self, x: Tensor, state: _State) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Whole hops of frames; to begin with, those more that the layers wait for."""
        x = torch.cat([state.features, x], dim=1)
        begin = self.first_features if state.layers[0] is None else 0
        size = 2 * self.hop_frames
        whole = x.shape[1] // size * size
        if begin:
            whole = 0 if x.shape[1] < begin else begin + (x.shape[1] - begin) // size * size
        features, x = x[:, whole:], x[:, :whole]
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
        """(batch, n, dim) more frames in → as many out, which lie `ahead` frames back."""
        layer, ahead = cast(_Layer, self.trunk.layers[number]), self.ahead[number]
        first = state is None
        if state is None:
            past = x.new_zeros(len(x), _LEFT + ahead, self.dim)
            seen = torch.zeros(len(x), 1, dtype=torch.long, device=x.device)
            state = _LayerState(past[:, :ahead], past, past, seen)
        attn, frames = layer.self_attn, x.shape[1]
        y = layer.input_layernorm(x)
        keys = torch.cat([state.keys, attn.k_proj(y)], dim=1)
        values = torch.cat([state.values, attn.v_proj(y)], dim=1)
        x = torch.cat([state.waiting, x], dim=1)
        waiting, x = x[:, frames:], x[:, :frames]
        queries = attn.q_proj(layer.input_layernorm(x))
        masks = [
            _window(min(_SEGMENT, frames - at), ahead, state.seen + at, x.device)
            for at in range(0, frames, _SEGMENT)
        ]
        size = _LEFT + ahead
        x = x + attn.o_proj(attend(queries, keys, values, masks, _SEGMENT, size, attn.heads))
        x = x + layer.mlp(layer.post_attention_layernorm(x))
        new = _LayerState(waiting, keys[:, -size:], values[:, -size:], state.seen + frames)
        return x[:, ahead:] if first else x, new

    def layer_groups(self) -> list[list[nn.Module]]:
        layers: list[list[nn.Module]] = [[layer] for layer in self.trunk.layers]
        layers[-1].append(self.trunk.final_norm)
        return [[self.trunk.embedder], *layers]

    def settings(self) -> Settings:
        return {"hop": self.hop_frames, "output_layers": self.output_layers}


def _window(size: int, ahead: int, seen: Tensor, device: torch.device) -> Tensor:
    """(batch, 1, size, size + _LEFT + ahead): which keys each frame sees; none before the start."""
    query = torch.arange(size, device=device)[:, None]
    key = torch.arange(size + _LEFT + ahead, device=device)
    near = (key >= query) & (key <= query + _LEFT + ahead)
    real = key + seen >= _LEFT + ahead  # (batch, keys)
    # a frame before the start, of which nothing comes out, still sees itself
    return (near & real[:, None] | (key == query + _LEFT))[:, None]


def _build(spec: EncoderSpec, streaming: str, settings: dict[str, Any]) -> Encoder:
    return MoonshineStreamingEncoder(spec, **settings)


FAMILY = Family(SPECS, ("chunked",), _build, strip, ("safetensors",), "Hugging Face safetensors")
