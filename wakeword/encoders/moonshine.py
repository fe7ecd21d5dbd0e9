"""The Moonshine family: recognisers that take in the sound itself, of any length, for small boards.

Three convolutions make 41.7 frames a second of the samples, rotary positions say how far apart two
frames are, whatever came before. Streamed exactly (`MoonshineExact`), a frame attends to its own
chunk and a stretch to the left, and the first convolution's output is normed over the last seconds
instead of over all; by window (`encoders.window`), the untouched encoder runs again at every hop.

Source: Jeffries et al. 2024, "Moonshine: speech recognition for live transcription and voice
commands".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.encoders.attention import SEGMENT, attend, chunk_masks, split_heads
from wakeword.encoders.base import ChunkedEncoder, Encoder, Family, OfflineEncoder
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.frontend import HOP
from wakeword.encoders.spec import EncoderSpec, Settings, Source, StripReport
from wakeword.encoders.window import windowed
from wakeword.errors import ConfigError

_STRIDES = (64, 3, 2)
_FRAME = 64 * 3 * 2  # samples
_BEYOND = 511  # samples that a frame sees beyond the start of the next one
_ROTATED = 0.9  # share of a head's numbers that positions turn
_MOST_FRAMES = 1250  # 30 s: its training heard no more
_SIZES = {"tiny": (288, 6), "base": (416, 8)}


_PUBLISHED = {
    "tiny": Source(
        "url",
        "https://cdn.jsdelivr.net/npm/@moonshine-ai/moonshine-js@0.1.29/dist/model/tiny/quantized/"
        "encoder_model.onnx",
        "c6fc4b7bc5af75c0591fd157a1f3829b533d18e9769a888fd95a62e470dd4f4a",
        "onnx",
    )
}


def _spec(size: str) -> EncoderSpec:
    dim, layers = _SIZES[size]
    return EncoderSpec(
        name=f"moonshine-{size}",
        family="moonshine",
        sources=(_PUBLISHED[size],) if size in _PUBLISHED else (),
        licence="MIT",
        trained_on="200,000 h of transcribed and pseudo-transcribed English speech",
        hours=200_000,
        mels=0,
        dim=dim,
        layers=layers,
        heads=8,
        frame_rate_hz=SAMPLE_RATE / _FRAME,
        front_end="waveform",
    )


SPECS = tuple(_spec(size) for size in _SIZES)


def strip(
    tensors: Tensors, format: str, spec: EncoderSpec, name: str
) -> tuple[Tensors, StripReport]:
    """Keep the encoder of a whole recogniser (Hugging Face), or take an exported encoder's (ONNX).

    Raises CheckpointError where tensors are missing or of another size than the spec says.
    """
    expected = _Trunk(spec, "meta").state_dict()
    named: Tensors = {}
    dropped: Tensors = {}
    for key, tensor in tensors.items():
        ours = re.sub(r"^(model\.)?encoder\.", "", key)
        ours = ours.replace(".self_attn.dense.", ".self_attn.o_proj.")
        if ours in expected and (ours != key or format == "onnx"):
            # an exported norm has a second axis
            named[ours] = tensor.reshape(-1) if expected[ours].dim() == 1 else tensor
        else:
            dropped[key] = tensor
    kept = select_tensors(named, expected, spec.name, name)
    return kept, StripReport.of(kept.values(), dropped.values())


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(dim, dim, bias=False)
        self.k_proj = nn.Linear(dim, dim, bias=False)
        self.v_proj = nn.Linear(dim, dim, bias=False)
        self.o_proj = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor], last: int) -> Tensor:
        """(batch, U, dim) → (batch, last, dim): the last frames, each seeing all; 0 is all."""
        given = (self.q_proj(x[:, -last:]), self.k_proj(x), self.v_proj(x))
        q, k, v = (split_heads(each, self.heads) for each in given)
        q, k = _rotate(q, *(each[-last:] for each in turns)), _rotate(k, *turns)
        y = F.scaled_dot_product_attention(q, k, v)
        return cast(Tensor, self.o_proj(y.transpose(1, 2).flatten(2)))


class Mlp(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fc2(F.gelu(self.fc1(x))))


class _Layer(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.mlp = Mlp(dim)
        self.input_layernorm = nn.LayerNorm(dim, bias=False)
        self.post_attention_layernorm = nn.LayerNorm(dim, bias=False)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor], last: int) -> Tensor:
        x = x[:, -last:] + self.self_attn(self.input_layernorm(x), turns, last)
        return cast(Tensor, x + self.mlp(self.post_attention_layernorm(x)))


class _Trunk(nn.Module):
    """The layers, under Hugging Face's names."""

    def __init__(self, spec: EncoderSpec, device: str = "cpu") -> None:
        super().__init__()
        dim = spec.dim
        with torch.device(device):
            self.conv1 = nn.Conv1d(1, dim, 127, stride=_STRIDES[0], bias=False)
            self.conv2 = nn.Conv1d(dim, 2 * dim, 7, stride=_STRIDES[1])
            self.conv3 = nn.Conv1d(2 * dim, dim, 3, stride=_STRIDES[2])
            self.groupnorm = nn.GroupNorm(1, dim)
            self.layers = nn.ModuleList(_Layer(dim, spec.heads) for _ in range(spec.layers))
            self.layer_norm = nn.LayerNorm(dim, bias=False)


def _rotary_tables(frames: int, size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary positions: (frames, size) each, pairs of numbers alike."""
    rates = 10_000.0 ** -(torch.arange(0, size, 2, device=like.device) / size)
    angles = torch.arange(frames, device=like.device)[:, None] * rates.repeat_interleave(2)
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(batch, heads, U, size): the first numbers of each head turned in pairs, the rest kept."""
    first, rest = x[..., : cos.shape[1]], x[..., cos.shape[1] :]
    across = torch.stack([-first[..., 1::2], first[..., 0::2]], dim=4).flatten(3)
    return torch.cat([first * cos + across * sin, rest], dim=3)


class _MoonshineEncoder(Encoder):
    """What both ways of streaming share: the trunk and its stages."""

    trunk: _Trunk

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        self.trunk = _Trunk(spec)
        self._turned = int(spec.dim // spec.heads * _ROTATED) // 2 * 2

    def layer_groups(self) -> list[list[nn.Module]]:
        trunk = self.trunk
        layers: list[list[nn.Module]] = [[layer] for layer in trunk.layers]
        layers[-1].append(trunk.layer_norm)
        return [[trunk.conv1, trunk.conv2, trunk.conv3, trunk.groupnorm], *layers]


class MoonshineOffline(_MoonshineEncoder, OfflineEncoder):
    """Moonshine's encoder as it was trained: over all the samples that it is given."""

    most_frames = _MOST_FRAMES

    def layers(self, samples: Tensor, top: int = 0, last: int = 0) -> list[Tensor]:
        """(batch, samples) → (batch, U, dim) of the stem and each layer, the last one normed.

        Frame u begins at sample 384 u and sees 895 samples; what lacks its samples does not come.

        Args:
            top: the last layer that is wanted; 0 is all of them.
            last: of that layer, the last frames that are wanted; 0 is all of them.
        """
        trunk = self.trunk
        x = trunk.groupnorm(torch.tanh(trunk.conv1(samples[:, None])))
        x = F.gelu(trunk.conv3(F.gelu(trunk.conv2(x)))).mT
        outputs = [x]
        turns = _rotary_tables(x.shape[1], self._turned, x)
        top = top or self.spec.layers
        for i, layer in enumerate(trunk.layers[:top]):
            outputs.append(layer(outputs[-1], turns, last if i + 1 == top else 0))
        if top == self.spec.layers:
            outputs[-1] = trunk.layer_norm(outputs[-1])
        return outputs

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        outputs = self.layers(features.flatten(1), max(self.output_layers), last)
        return torch.cat([outputs[tap][:, -last:] for tap in self.output_layers], dim=2)


class _ChunkedState(NamedTuple):
    samples: Tensor  # (batch, n): what the next chunk still needs
    moments: Tensor  # (batch, past, 2): sums of values and squares of each chunk, newest last
    seen: Tensor  # (batch, 1): frames that went through the layers
    caches: tuple[tuple[Tensor, Tensor], ...]  # keys, values of each layer: (batch, left, dim)


class MoonshineChunked(_MoonshineEncoder, ChunkedEncoder):
    """Moonshine streamed exactly: each frame is computed once, any chunking equals offline.

    In every layer a frame (24 ms) attends to its own chunk and `left` frames before that chunk.
    What the first convolution gives is normed over the newest `normed` chunks, where the original
    norms it over the whole recording.

    Args:
        chunk: frames that are computed at once, a multiple of 5 (120 ms).
        left: frames.
        normed: chunks.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        chunk: int = 10,
        left: int = 60,
        normed: int = 8,
        output_layers: tuple[int, ...] = (),
    ) -> None:
        super().__init__(spec, output_layers)
        if not (chunk > 0 and left > 0 and normed > 0) or chunk % 5:
            raise ConfigError(
                f"chunk {chunk}, left {left}, normed {normed}: expected numbers above 0, the chunk "
                "a multiple of 5 frames (120 ms)."
            )
        self.chunk, self.left, self.normed = chunk, left, normed
        self.hop_frames = chunk
        self.first_features = -(-(chunk * _FRAME + _BEYOND) // HOP)
        self.look_ahead_ms = 1000 * ((chunk - 1) * _FRAME + _BEYOND) / SAMPLE_RATE

    def forward(
        self,
        x: Tensor,
        state: _ChunkedState | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> tuple[Tensor, _ChunkedState]:
        """(batch, T, 160) samples → (batch, U, taps · dim), U a multiple of the chunk."""
        if state is None:
            state = self._begin(x)
        if start == self.depth:
            return x, state
        layers = self.between(start, stop)
        samples, moments = state.samples, state.moments
        if start == 0:
            x, samples, moments = self._stem(x.flatten(1), state)
        caches = list(state.caches)
        layer_outputs: list[Tensor] = []
        if x.shape[1]:
            masks = chunk_masks(state.seen, x.shape[1], self.chunk, self.left)
            turns = _rotary_tables(
                self.left + min(SEGMENT * self.chunk, x.shape[1]), self._turned, x
            )
            for i in layers:
                layer = cast(_Layer, self.trunk.layers[i])
                x, caches[i] = self._layer(layer, x, caches[i], masks, turns)
                if i + 1 in self.output_layers:
                    layer_outputs.append(self.trunk.layer_norm(x) if i + 2 == self.depth else x)
        seen = state.seen + x.shape[1]
        if stop in (None, self.depth):
            x = (
                torch.cat(layer_outputs, dim=2)
                if layer_outputs
                else x.repeat(1, 1, len(self.output_layers))
            )
        return x, _ChunkedState(samples, moments, seen, tuple(caches))

    def _begin(self, x: Tensor) -> _ChunkedState:
        nothing = x.new_zeros(len(x), self.left, self.dim)
        return _ChunkedState(
            x.new_zeros(len(x), 0),
            x.new_zeros(len(x), self.normed - 1, 2),
            torch.zeros(len(x), 1, dtype=torch.long, device=x.device),
            ((nothing, nothing),) * (self.depth - 1),
        )

    def _stem(self, samples: Tensor, state: _ChunkedState) -> tuple[Tensor, Tensor, Tensor]:
        """Whole chunks of frames, the samples that the next one needs, and the newest moments."""
        samples = torch.cat([state.samples, samples], dim=1)
        hop, size = self.chunk * _FRAME, self.chunk * _FRAME + _BEYOND
        count = max(0, (samples.shape[1] - size) // hop + 1)
        if count == 0:
            return samples.new_zeros(len(samples), 0, self.dim), samples, state.moments
        chunks = samples.unfold(1, size, hop).flatten(0, 1)
        y = torch.tanh(self.trunk.conv1(chunks[:, None]))
        own = y[:, :, : hop // _STRIDES[0]]  # what follows is of the next chunk too
        sums = torch.stack([own.sum(dim=(1, 2)), own.square().sum(dim=(1, 2))], dim=1)
        moments = torch.cat([state.moments, sums.reshape(len(samples), count, 2)], dim=1)
        total = moments.unfold(1, self.normed, 1).sum(dim=3).reshape(-1, 2)
        past = state.seen // self.chunk + torch.arange(1, count + 1, device=samples.device)
        values = past.clamp(max=self.normed).reshape(-1, 1) * own[0].numel()
        mean, square = (total / values)[:, :, None].unbind(1)
        scale = (square - mean.square()).clamp_min(0).add(self.trunk.groupnorm.eps).rsqrt()
        y = (y - mean[:, None]) * scale[:, None]
        y = y * self.trunk.groupnorm.weight[:, None] + self.trunk.groupnorm.bias[:, None]
        frames = F.gelu(self.trunk.conv3(F.gelu(self.trunk.conv2(y)))).mT
        frames = frames.reshape(len(samples), count * self.chunk, self.dim)
        return frames, samples[:, count * hop :], moments[:, count:]

    def _layer(
        self,
        layer: _Layer,
        x: Tensor,
        cache: tuple[Tensor, Tensor],
        masks: Sequence[Tensor | None],
        turns: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Keys are kept unturned: positions count from the start of each segment's past."""
        attn = layer.self_attn
        y = layer.input_layernorm(x)
        keys = torch.cat([cache[0], attn.k_proj(y)], dim=1)
        values = torch.cat([cache[1], attn.v_proj(y)], dim=1)

        def turn(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
            first, size = self.left, q.shape[2]
            return (
                _rotate(q, *(each[first : first + size] for each in turns)),
                _rotate(k, *(each[: first + size] for each in turns)),
            )

        segment = SEGMENT * self.chunk
        heard = attend(attn.q_proj(y), keys, values, masks, segment, self.left, attn.heads, turn)
        x = x + attn.o_proj(heard)
        x = x + layer.mlp(layer.post_attention_layernorm(x))
        return x, (keys[:, -self.left :], values[:, -self.left :])

    def settings(self) -> Settings:
        sizes = {"chunk": self.chunk, "left": self.left, "normed": self.normed}
        return {**sizes, "output_layers": self.output_layers}


def _build(spec: EncoderSpec, streaming: str, settings: dict[str, Any]) -> Encoder:
    if streaming == "chunked":
        return MoonshineChunked(spec, **settings)
    return windowed(MoonshineOffline, spec, settings)


FAMILY = Family(
    SPECS,
    ("chunked", "window"),
    _build,
    strip,
    ("safetensors", "onnx"),
    "Hugging Face safetensors, or an exported encoder_model.onnx",
)
