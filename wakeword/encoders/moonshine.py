"""The Moonshine family: recognisers for small boards that take samples, of any length.

Three convolutions make 41.7 frames a second of the samples. Rotary positions encode how far apart
two frames are, so a stream may be of any length. Chunked (`MoonshineChunked`), a frame attends to
its own chunk and to a number of frames before it, and the first convolution's output is normalised
over the last seconds instead of over the whole recording. Over a sliding window
(`encoders.window`), the unchanged encoder runs again at every hop.

Source: Jeffries et al. 2024, "Moonshine: speech recognition for live transcription and voice
commands".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.encoders.attention import SEGMENT, attend, chunk_masks, split_heads
from wakeword.encoders.base import (
    ChunkedEncoder,
    Encoder,
    Family,
    OfflineEncoder,
    require_frame_counts,
)
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.frontend import HOP
from wakeword.encoders.spec import EncoderSpec, Settings, Source, StripReport
from wakeword.errors import ConfigError

_STRIDES = (64, 3, 2)
_FRAME = 64 * 3 * 2  # samples
_OVERLAP = 511  # samples after the start of the next frame that a frame covers
_ROTATED_SHARE = 0.9  # of a head's values
_MAX_FRAMES = 1250  # 30 s, the longest recordings of its training
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
    """Keep the encoder of a recogniser (Hugging Face), or all of an exported encoder (ONNX).

    Raises:
        CheckpointError: tensors are missing or of another shape than the spec says.
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
    """Multi-head self-attention with rotary positions."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(dim, dim, bias=False)
        self.k_proj = nn.Linear(dim, dim, bias=False)
        self.v_proj = nn.Linear(dim, dim, bias=False)
        self.o_proj = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], last: int) -> Tensor:
        """Attend to all frames from the last ones: (batch, U, dim) → (batch, last, dim).

        Args:
            x: frames.
            rotary: cosines and sines of their positions.
            last: number of frames to compute, counted from the end; 0 computes all.
        """
        projected = (self.q_proj(x[:, -last:]), self.k_proj(x), self.v_proj(x))
        q, k, v = (split_heads(each, self.heads) for each in projected)
        q, k = _rotate(q, *(table[-last:] for table in rotary)), _rotate(k, *rotary)
        y = F.scaled_dot_product_attention(q, k, v)
        return cast(Tensor, self.o_proj(y.transpose(1, 2).flatten(2)))


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, U, dim) frame by frame."""
        return cast(Tensor, self.fc2(F.gelu(self.fc1(x))))


class _Layer(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.mlp = Mlp(dim)
        self.input_layernorm = nn.LayerNorm(dim, bias=False)
        self.post_attention_layernorm = nn.LayerNorm(dim, bias=False)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], last: int) -> Tensor:
        """See `Attention.forward`."""
        x = x[:, -last:] + self.self_attn(self.input_layernorm(x), rotary, last)
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
    """Return cosines and sines of rotary positions, (frames, size) each, equal in pairs."""
    rates = 10_000.0 ** -(torch.arange(0, size, 2, device=like.device) / size)
    angles = torch.arange(frames, device=like.device)[:, None] * rates.repeat_interleave(2)
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs of the first values of each head of (batch, heads, U, size); keep the rest."""
    first, rest = x[..., : cos.shape[1]], x[..., cos.shape[1] :]
    orthogonal = torch.stack([-first[..., 1::2], first[..., 0::2]], dim=4).flatten(3)
    return torch.cat([first * cos + orthogonal * sin, rest], dim=3)


class _MoonshineEncoder(Encoder):
    """What both streaming modes share: the trunk and its layer groups."""

    trunk: _Trunk

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        self.trunk = _Trunk(spec)
        self._rotated = int(spec.dim // spec.heads * _ROTATED_SHARE) // 2 * 2

    def layer_groups(self) -> list[list[nn.Module]]:
        """The convolutions, and each layer, the last one with the norm after it."""
        trunk = self.trunk
        layers: list[list[nn.Module]] = [[layer] for layer in trunk.layers]
        layers[-1].append(trunk.layer_norm)
        return [[trunk.conv1, trunk.conv2, trunk.conv3, trunk.groupnorm], *layers]


class MoonshineOffline(_MoonshineEncoder, OfflineEncoder):
    """Moonshine's encoder as it was trained: over all of its samples at once."""

    max_frames = _MAX_FRAMES
    trailing_frames_lost = -(-_OVERLAP // _FRAME)

    def layers(self, samples: Tensor, top: int = 0, last: int = 0) -> list[Tensor]:
        """Compute the frames of the stem and of each layer, the last layer normalised.

        Frame u begins at sample 384 u and covers 895 samples; incomplete frames are left out.

        Args:
            samples: (batch, samples).
            top: highest layer to compute; 0 computes all.
            last: number of frames of that layer to compute, counted from the end; 0 computes all.

        Returns:
            One (batch, U, dim) for the stem and one for each layer.
        """
        trunk = self.trunk
        x = trunk.groupnorm(torch.tanh(trunk.conv1(samples[:, None])))
        x = F.gelu(trunk.conv3(F.gelu(trunk.conv2(x)))).mT
        outputs = [x]
        rotary = _rotary_tables(x.shape[1], self._rotated, x)
        top = top or self.spec.layers
        for i, layer in enumerate(trunk.layers[:top]):
            outputs.append(layer(outputs[-1], rotary, last if i + 1 == top else 0))
        if top == self.spec.layers:
            outputs[-1] = trunk.layer_norm(outputs[-1])
        return outputs

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        """Encode (batch, T, 160) samples; see `OfflineEncoder.forward_layers`."""
        outputs = self.layers(features.flatten(1), max(self.output_layers), last)
        return torch.cat([outputs[layer][:, -last:] for layer in self.output_layers], dim=2)


class _ChunkedState(NamedTuple):
    samples: Tensor  # (batch, n) that the next chunk still needs
    moments: Tensor  # (batch, norm_chunks - 1, 2): sums of values and squares of the last chunks
    past_frames: Tensor  # (batch, 1): frames that went through the layers
    caches: tuple[tuple[Tensor, Tensor], ...]  # keys, values of each layer: (batch, left, dim)


class MoonshineChunked(_MoonshineEncoder, ChunkedEncoder):
    """Moonshine with chunked attention: each frame is computed once, any chunking equals offline.

    In every layer a frame (24 ms) attends to its own chunk and to `left` frames before that chunk.
    The first convolution's output is normalised over the newest `norm_chunks` chunks, where the
    original normalises it over the whole recording.

    Args:
        spec: constants of the encoder.
        chunk: frames that are computed at once, a multiple of 5 (120 ms).
        left: frames before its chunk that a frame attends to.
        norm_chunks: chunks over which the first convolution's output is normalised.
        output_layers: layers whose outputs are concatenated.
    """

    hop_setting = "chunk"

    def __init__(
        self,
        spec: EncoderSpec,
        chunk: int = 10,
        left: int = 60,
        norm_chunks: int = 8,
        output_layers: tuple[int, ...] = (),
    ) -> None:
        super().__init__(spec, output_layers)
        require_frame_counts(chunk=chunk, left=left, norm_chunks=norm_chunks)
        if chunk % 5:
            raise ConfigError(f"chunk of {chunk}: expected a multiple of 5 frames (120 ms).")
        self.chunk, self.left, self.norm_chunks = chunk, left, norm_chunks
        self.hop_frames = chunk
        self.first_features = -(-(chunk * _FRAME + _OVERLAP) // HOP)
        self.look_ahead_ms = 1000 * ((chunk - 1) * _FRAME + _OVERLAP) / SAMPLE_RATE

    def forward(
        self,
        x: Tensor,
        state: _ChunkedState | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> tuple[Tensor, _ChunkedState]:
        """Map (batch, T, 160) samples to 41.7 frames a second; U is a multiple of the chunk."""
        if state is None:
            state = self._silence(x)
        if start == self.depth:
            return x, state
        layers = self.layer_range(start, stop)
        samples, moments = state.samples, state.moments
        if start == 0:
            x, samples, moments = self._stem(x.flatten(1), state)
        caches = list(state.caches)
        outputs: list[Tensor] = []
        if x.shape[1]:
            masks = chunk_masks(state.past_frames, x.shape[1], self.chunk, self.left)
            rotary = _rotary_tables(
                self.left + min(SEGMENT * self.chunk, x.shape[1]), self._rotated, x
            )
            for i in layers:
                layer = cast(_Layer, self.trunk.layers[i])
                x, caches[i] = self._layer(layer, x, caches[i], masks, rotary)
                if i + 1 in self.output_layers:
                    outputs.append(self.trunk.layer_norm(x) if i + 2 == self.depth else x)
        past_frames = state.past_frames + x.shape[1]
        if stop in (None, self.depth):
            x = self.join_outputs(outputs, x)
        return x, _ChunkedState(samples, moments, past_frames, tuple(caches))

    def _silence(self, x: Tensor) -> _ChunkedState:
        """Return the state at the start of a stream."""
        zeros = x.new_zeros(len(x), self.left, self.dim)
        return _ChunkedState(
            x.new_zeros(len(x), 0),
            x.new_zeros(len(x), self.norm_chunks - 1, 2),
            torch.zeros(len(x), 1, dtype=torch.long, device=x.device),
            ((zeros, zeros),) * (self.depth - 1),
        )

    def _stem(self, samples: Tensor, state: _ChunkedState) -> tuple[Tensor, Tensor, Tensor]:
        """Run the convolutions on complete chunks.

        Returns:
            Frames, the samples that the next chunk needs, and the moments of the last chunks.
        """
        samples = torch.cat([state.samples, samples], dim=1)
        hop, size = self.chunk * _FRAME, self.chunk * _FRAME + _OVERLAP
        count = max(0, (samples.shape[1] - size) // hop + 1)
        if count == 0:
            return samples.new_zeros(len(samples), 0, self.dim), samples, state.moments
        chunks = samples.unfold(1, size, hop).flatten(0, 1)
        y = torch.tanh(self.trunk.conv1(chunks[:, None]))
        own = y[:, :, : hop // _STRIDES[0]]  # the rest belongs to the next chunk as well
        sums = torch.stack([own.sum(dim=(1, 2)), own.square().sum(dim=(1, 2))], dim=1)
        moments = torch.cat([state.moments, sums.reshape(len(samples), count, 2)], dim=1)
        total = moments.unfold(1, self.norm_chunks, 1).sum(dim=3).reshape(-1, 2)
        past_chunks = state.past_frames // self.chunk
        past_chunks = past_chunks + torch.arange(1, count + 1, device=samples.device)
        values = past_chunks.clamp(max=self.norm_chunks).reshape(-1, 1) * own[0].numel()
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
        rotary: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run one layer.

        Keys are cached without positions, which count from the start of each segment's context.
        """
        attn = layer.self_attn
        y = layer.input_layernorm(x)
        keys = torch.cat([cache[0], attn.k_proj(y)], dim=1)
        values = torch.cat([cache[1], attn.v_proj(y)], dim=1)

        def rotate(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
            first, size = self.left, q.shape[2]
            return (
                _rotate(q, *(table[first : first + size] for table in rotary)),
                _rotate(k, *(table[: first + size] for table in rotary)),
            )

        queries, segment = attn.q_proj(y), SEGMENT * self.chunk
        attended = attend(queries, keys, values, masks, segment, self.left, attn.heads, rotate)
        x = x + attn.o_proj(attended)
        x = x + layer.mlp(layer.post_attention_layernorm(x))
        return x, (keys[:, -self.left :], values[:, -self.left :])

    def settings(self) -> Settings:
        """Chunk and context in frames, chunks of the norm, and the output layers."""
        sizes = {"chunk": self.chunk, "left": self.left, "norm_chunks": self.norm_chunks}
        return {**sizes, "output_layers": self.output_layers}


FAMILY = Family(
    specs=SPECS,
    chunked=MoonshineChunked,
    offline=MoonshineOffline,
    formats=("safetensors", "onnx"),
    strip=strip,
    weights="Hugging Face safetensors, or an exported encoder_model.onnx",
)
