"""Emformer: the transcriber of torchaudio's RNN transducer, which was trained to be streamed.

Four features of 10 ms make a frame of 40 ms. Frames come in segments of four; in every layer a
segment attends to itself, to the 30 frames before it and to one frame after it, which each layer
computes anew for the segment that it follows.

Source: Shi et al. 2021, "Emformer: efficient memory transformer based acoustic model for low
latency streaming speech recognition"; torchaudio.pipelines.EMFORMER_RNNT_BASE_LIBRISPEECH.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.attention import split_heads
from wakeword.encoders.base import ChunkedEncoder, Encoder, Family
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.spec import EncoderSpec, Settings, Source, StripReport
from wakeword.errors import CheckpointError

_FEATURES = 4  # to a frame
_SEGMENT, _AHEAD, _LEFT = 4, 1, 30  # frames
_PREFIX = "transcriber."
_STATISTICS = "global_stats_rnnt_librispeech.json"  # mean and inverse deviation of each feature
_HOME = "https://download.pytorch.org/torchaudio"

SPECS = (
    EncoderSpec(
        name="emformer-base-960h",
        family="emformer",
        sources=(
            Source(
                "url",
                f"{_HOME}/models/emformer_rnnt_base_librispeech.pt",
                "",  # the publisher states no hash
                "pytorch",
                beside=f"{_HOME}/pipeline-assets/{_STATISTICS}",
            ),
        ),
        licence="not stated (torchaudio itself: BSD-2-Clause)",
        trained_on="960 h of read English (LibriSpeech)",
        hours=960,
        mels=80,
        dim=512,
        layers=20,
        heads=8,
        frame_rate_hz=25.0,
        front_end="piecewise-log-mel",
    ),
)


def strip(
    tensors: Tensors, format: str, spec: EncoderSpec, name: str
) -> tuple[Tensors, StripReport]:
    """Keep the layers of a transducer's transcriber; drop what turns them into its outputs, the
    predictor and the joiner. The statistics of its features are read from the file beside it.

    Raises CheckpointError where tensors are missing or of another size than the spec says, or where
    there are no statistics.
    """
    found = {key.removeprefix(_PREFIX): t for key, t in tensors.items() if key.startswith(_PREFIX)}
    found |= _statistics(Path(name).with_name(_STATISTICS), spec.mels)
    kept = select_tensors(found, _Trunk(spec, "meta").state_dict(), spec.name, name)
    dropped = [tensor for key, tensor in tensors.items() if key.removeprefix(_PREFIX) not in kept]
    return kept, StripReport.of(kept.values(), dropped)


def _statistics(file: Path, mels: int) -> Tensors:
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        found = {key: torch.tensor(read[key], dtype=torch.float32) for key in ("mean", "invstddev")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{file}: no statistics of features ({type(error).__name__}). Expected the JSON file "
            f"that torchaudio publishes beside the checkpoint: {SPECS[0].sources[0].beside}"
        ) from error
    if any(each.shape != (mels,) or not each.isfinite().all() for each in found.values()):
        raise CheckpointError(f"{file}: expected {mels} numbers of each kind. Fetch it again.")
    return found


# ---------------------------------------------------------------- the network


class _Attention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.emb_to_key_value = nn.Linear(dim, 2 * dim)
        self.emb_to_query = nn.Linear(dim, dim)
        self.out_proj = nn.Linear(dim, dim)


class _Layer(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.attention = _Attention(dim)
        self.pos_ff = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Dropout(0.0),
            nn.Linear(4 * dim, dim),
        )
        self.layer_norm_input = nn.LayerNorm(dim)
        self.layer_norm_output = nn.LayerNorm(dim)


class _Transformer(nn.Module):
    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        self.emformer_layers = nn.ModuleList(_Layer(dim) for _ in range(layers))


class _Trunk(nn.Module):
    """The layers, under torchaudio's names, and the statistics of their features."""

    mean: Tensor
    invstddev: Tensor

    def __init__(self, spec: EncoderSpec, device: str = "cpu") -> None:
        super().__init__()
        with torch.device(device):
            self.register_buffer("mean", torch.zeros(spec.mels))
            self.register_buffer("invstddev", torch.ones(spec.mels))
            self.input_linear = nn.Linear(spec.mels, spec.dim // _FEATURES, bias=False)
            self.transformer = _Transformer(spec.dim, spec.layers)


# ---------------------------------------------------------------- the stream


class _LayerState(NamedTuple):
    keys: Tensor  # (batch, _LEFT, dim)
    values: Tensor


class _State(NamedTuple):
    features: Tensor  # (batch, T, mels): of a segment that is not full yet, and of what follows it
    layers: tuple[_LayerState, ...]
    seen: Tensor  # (batch, 1): frames that came out


class EmformerEncoder(ChunkedEncoder):
    """Streamed exactly by nature: a segment of four frames is computed once."""

    trunk: _Trunk

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        self.trunk = _Trunk(spec)
        self.hop_frames = _SEGMENT
        self.first_features = _FEATURES * (_SEGMENT + _AHEAD)
        self.look_ahead_ms = (_SEGMENT - 1 + _AHEAD) * 1000 / spec.frame_rate_hz

    def forward(
        self, x: Tensor, state: _State | None = None, *, start: int = 0, stop: int | None = None
    ) -> tuple[Tensor, _State]:
        """(batch, T, mels) → (batch, U, taps · dim), U a multiple of four, 25 a second."""
        if start not in (0, self.depth) or stop not in (None, self.depth):
            raise ValueError("an emformer keeps features or finished frames only")
        if state is None:
            nothing = x.new_zeros(len(x), _LEFT, self.dim)
            seen = torch.zeros(len(x), 1, dtype=torch.long, device=x.device)
            layers = (_LayerState(nothing, nothing),) * self.spec.layers
            state = _State(x.new_zeros(len(x), 0, self.spec.mels), layers, seen)
        if start == self.depth:
            return x, state
        features = torch.cat([state.features, x], dim=1)
        size = _FEATURES * _SEGMENT
        segments = max(0, (features.shape[1] - _FEATURES * _AHEAD) // size)
        rest = features[:, segments * size :]
        if not segments:
            return x.new_zeros(len(x), 0, self.dim * len(self.output_layers)), state._replace(
                features=rest
            )
        y = self._segments(features[:, : segments * size + _FEATURES * _AHEAD])
        mask = _mask(segments, state.seen)
        states = list(state.layers)
        layer_outputs: list[Tensor] = []
        for i in self.between(start, stop):
            y, states[i] = self._layer(
                cast(_Layer, self.trunk.transformer.emformer_layers[i]), y, states[i], mask
            )
            if i + 1 in self.output_layers:
                layer_outputs.append(y[:, :, _AHEAD:].flatten(1, 2))
        seen = state.seen + segments * _SEGMENT
        return torch.cat(layer_outputs, dim=2), _State(rest, tuple(states), seen)

    def _segments(self, features: Tensor) -> Tensor:
        """(batch, T, mels) → (batch, segments, _AHEAD + _SEGMENT, dim), what follows in front."""
        x = self.trunk.input_linear((features - self.trunk.mean) * self.trunk.invstddev)
        frames = x.reshape(len(x), -1, self.dim)
        own = frames[:, :-_AHEAD].unflatten(1, (-1, _SEGMENT))
        after = frames[:, _SEGMENT:].unfold(1, _AHEAD, _SEGMENT).mT
        return torch.cat([after, own], dim=2)

    def _layer(
        self, layer: _Layer, x: Tensor, state: _LayerState, mask: Tensor
    ) -> tuple[Tensor, _LayerState]:
        """(batch, segments, _AHEAD + _SEGMENT, dim), through one layer."""
        attention, heads = layer.attention, self.spec.heads
        normed = layer.layer_norm_input(x)
        queries = attention.emb_to_query(normed)
        pasts: list[Tensor] = []
        around: list[Tensor] = []
        both = attention.emb_to_key_value(normed).chunk(2, dim=3)
        for of, past in zip(both, state, strict=True):
            whole = torch.cat([past, of[:, :, _AHEAD:].flatten(1, 2)], dim=1)
            near = whole.unfold(1, _LEFT + _SEGMENT, _SEGMENT).mT
            around.append(torch.cat([of[:, :, :_AHEAD], near], dim=2))
            pasts.append(whole[:, -_LEFT:])
        q, k, v = (split_heads(each.flatten(0, 1), heads) for each in (queries, *around))
        heard = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + attention.out_proj(heard.transpose(1, 2).flatten(2).reshape(x.shape))
        return layer.layer_norm_output(x + layer.pos_ff(x)), _LayerState(*pasts)

    def layer_groups(self) -> list[list[nn.Module]]:
        layers: list[list[nn.Module]] = [
            [layer] for layer in self.trunk.transformer.emformer_layers
        ]
        return [[self.trunk.input_linear], *layers]

    def splits(self) -> list[int]:
        return [0, self.depth]  # between layers a frame has two values: its own, and before it

    def settings(self) -> Settings:
        return {"output_layers": self.output_layers}


def _mask(segments: int, seen: Tensor) -> Tensor:
    """(batch · segments, 1, 1, keys): which keys a segment sees; none before the start."""
    first = seen + torch.arange(segments, device=seen.device) * _SEGMENT  # (batch, segments)
    key = torch.arange(_LEFT + _SEGMENT, device=seen.device)
    real = first[..., None] + key >= _LEFT
    return F.pad(real, (_AHEAD, 0), value=True).flatten(0, 1)[:, None, None]


def _build(spec: EncoderSpec, streaming: str, settings: dict[str, Any]) -> Encoder:
    return EmformerEncoder(spec, **settings)


FAMILY = Family(
    SPECS,
    ("chunked",),
    _build,
    strip,
    ("pytorch",),
    f"the .pt file that torchaudio publishes, with {_STATISTICS} beside it",
)
