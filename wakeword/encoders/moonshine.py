"""The Moonshine family: recognisers that take in the sound itself, of any length, for small boards.

Three convolutions make 41.7 frames a second of the samples, rotary positions say how far apart two
frames are. The first convolution's output is normed over all that is heard at once, so the encoder
is streamed by window.

Source: Jeffries et al. 2024, "Moonshine: speech recognition for live transcription and voice
commands".
"""

from __future__ import annotations

import re
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.audio import SAMPLE_RATE
from wakeword.encoders.base import (
    Encoder,
    EncoderSpec,
    Family,
    Full,
    Source,
    Stripped,
    check_taps,
)
from wakeword.encoders.formats import Tensors, fitting
from wakeword.encoders.window import WindowEncoder

_STRIDES = (64, 3, 2)
_FRAME = 64 * 3 * 2  # samples
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


def strip(tensors: Tensors, format: str, spec: EncoderSpec, name: str) -> tuple[Tensors, Stripped]:
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
    kept = fitting(named, expected, spec.name, name)
    return kept, Stripped.of(kept.values(), dropped.values())


class _Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(dim, dim, bias=False)
        self.k_proj = nn.Linear(dim, dim, bias=False)
        self.v_proj = nn.Linear(dim, dim, bias=False)
        self.o_proj = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor], last: int) -> Tensor:
        """(batch, U, dim) → (batch, last, dim): the last frames, each seeing all; 0 is all."""
        q = _turned(self._split(self.q_proj(x[:, -last:])), *(t[-last:] for t in turns))
        k = _turned(self._split(self.k_proj(x)), *turns)
        y = F.scaled_dot_product_attention(q, k, self._split(self.v_proj(x)))
        return cast(Tensor, self.o_proj(y.transpose(1, 2).flatten(2)))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class _Mlp(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fc2(F.gelu(self.fc1(x))))


class _Layer(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.self_attn = _Attention(dim, heads)
        self.mlp = _Mlp(dim)
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


def _turns(frames: int, size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary positions: (frames, size) each, pairs of numbers alike."""
    rates = 10_000.0 ** -(torch.arange(0, size, 2, device=like.device) / size)
    angles = torch.arange(frames, device=like.device)[:, None] * rates.repeat_interleave(2)
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(batch, heads, U, size): the first numbers of each head turned in pairs, the rest kept."""
    first, rest = x[..., : cos.shape[1]], x[..., cos.shape[1] :]
    across = torch.stack([-first[..., 1::2], first[..., 0::2]], dim=4).flatten(3)
    return torch.cat([first * cos + across * sin, rest], dim=3)


class MoonshineFull(Full):
    """Moonshine's encoder as it was trained: over all the samples that it is given."""

    most_frames = _MOST_FRAMES
    trunk: _Trunk

    def __init__(self, spec: EncoderSpec, taps: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.spec = spec
        self.dim, self.depth, self.taps = spec.dim, 1 + spec.layers, taps or (spec.layers,)
        self.frame_rate_hz = spec.frame_rate_hz
        self.trunk = _Trunk(spec)
        check_taps(self.taps, spec.layers)

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
        turned = int(self.dim // self.spec.heads * _ROTATED) // 2 * 2
        turns = _turns(x.shape[1], turned, x)
        top = top or self.spec.layers
        for i, layer in enumerate(trunk.layers[:top]):
            outputs.append(layer(outputs[-1], turns, last if i + 1 == top else 0))
        if top == self.spec.layers:
            outputs[-1] = trunk.layer_norm(outputs[-1])
        return outputs

    def tapped(self, features: Tensor, last: int = 0) -> Tensor:
        outputs = self.layers(features.flatten(1), max(self.taps), last)
        return torch.cat([outputs[tap][:, -last:] for tap in self.taps], dim=2)

    def stages(self) -> list[list[nn.Module]]:
        trunk = self.trunk
        layers: list[list[nn.Module]] = [[layer] for layer in trunk.layers]
        layers[-1].append(trunk.layer_norm)
        return [[trunk.conv1, trunk.conv2, trunk.conv3, trunk.groupnorm], *layers]


def _build(spec: EncoderSpec, streaming: str, settings: dict[str, Any]) -> Encoder:
    taps = settings.pop("taps", ())
    return WindowEncoder(MoonshineFull(spec, taps), **settings)


FAMILY = Family(
    SPECS,
    ("window",),
    _build,
    strip,
    ("safetensors", "onnx"),
    "Hugging Face safetensors, or an exported encoder_model.onnx",
)
