"""Emformer: the transcriber of torchaudio's RNN transducer, which was trained to be streamed.

Four features of 10 ms make a frame of 40 ms. Frames come in segments of four; in every layer a
segment attends to itself, to the 30 frames before it and to the one frame after it (the right
context), which each layer recomputes for the segment before it.

Source: Shi et al. 2021, "Emformer: efficient memory transformer based acoustic model for low
latency streaming speech recognition"; torchaudio.pipelines.EMFORMER_RNNT_BASE_LIBRISPEECH.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wakeword.encoders.attention import split_heads
from wakeword.encoders.base import ChunkedEncoder, Family
from wakeword.encoders.formats import Tensors, select_tensors
from wakeword.encoders.spec import EncoderSpec, Settings, Source, StripReport
from wakeword.errors import CheckpointError

_FEATURES_PER_FRAME = 4
_SEGMENT, _RIGHT, _LEFT = 4, 1, 30  # frames: a segment, after it, before it
_PREFIX = "transcriber."  # of the names of the encoder's tensors
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
                companion=f"{_HOME}/pipeline-assets/{_STATISTICS}",
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
    """Keep the layers of a transducer's transcriber; drop its output layers, predictor and joiner.

    The statistics of its features are read from the companion file in the same folder.

    Raises:
        CheckpointError: tensors are missing or of another shape than the spec says, or there are no
            statistics.
    """
    named = {key.removeprefix(_PREFIX): t for key, t in tensors.items() if key.startswith(_PREFIX)}
    named |= _read_statistics(Path(name).with_name(_STATISTICS), spec.mels)
    kept = select_tensors(named, _Trunk(spec, "meta").state_dict(), spec.name, name)
    dropped = [tensor for key, tensor in tensors.items() if key.removeprefix(_PREFIX) not in kept]
    return kept, StripReport.of(kept.values(), dropped)


def _read_statistics(file: Path, mels: int) -> Tensors:
    """Return the mean and inverse deviation of each feature. Raises CheckpointError."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        statistics = {
            key: torch.tensor(values[key], dtype=torch.float32) for key in ("mean", "invstddev")
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{file}: no statistics of features ({type(error).__name__}). Expected the JSON file "
            f"that torchaudio publishes with the checkpoint: {SPECS[0].sources[0].companion}"
        ) from error
    if any(each.shape != (mels,) or not each.isfinite().all() for each in statistics.values()):
        raise CheckpointError(f"{file}: expected {mels} numbers of each kind. Fetch it again.")
    return statistics


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
            self.input_linear = nn.Linear(spec.mels, spec.dim // _FEATURES_PER_FRAME, bias=False)
            self.transformer = _Transformer(spec.dim, spec.layers)


# ---------------------------------------------------------------- the stream


class _LayerState(NamedTuple):
    keys: Tensor  # (batch, _LEFT, dim)
    values: Tensor


class _State(NamedTuple):
    features: Tensor  # (batch, T, mels): of an incomplete segment and the frame after it
    layers: tuple[_LayerState, ...]
    past_frames: Tensor  # (batch, 1): frames that came out


class EmformerEncoder(ChunkedEncoder):
    """An encoder that was trained to be streamed: a segment of four frames is computed once.

    Its hop is fixed.
    """

    trunk: _Trunk

    def __init__(self, spec: EncoderSpec, output_layers: tuple[int, ...] = ()) -> None:
        super().__init__(spec, output_layers)
        self.trunk = _Trunk(spec)
        self.hop_frames = _SEGMENT
        self.first_features = _FEATURES_PER_FRAME * (_SEGMENT + _RIGHT)
        self.look_ahead_ms = (_SEGMENT - 1 + _RIGHT) * 1000 / spec.frame_rate_hz

    def forward(
        self, x: Tensor, state: _State | None = None, *, start: int = 0, stop: int | None = None
    ) -> tuple[Tensor, _State]:
        """Map (batch, T, mels) to 25 frames a second; U is a multiple of four.

        Raises:
            ValueError: `start` or `stop` asks for frames between layers, which are not kept.
        """
        if start not in (0, self.depth) or stop not in (None, self.depth):
            raise ValueError("an emformer keeps features or finished frames only")
        if state is None:
            zeros = x.new_zeros(len(x), _LEFT, self.dim)
            past_frames = torch.zeros(len(x), 1, dtype=torch.long, device=x.device)
            layers = (_LayerState(zeros, zeros),) * self.spec.layers
            state = _State(x.new_zeros(len(x), 0, self.spec.mels), layers, past_frames)
        if start == self.depth:
            return x, state
        features = torch.cat([state.features, x], dim=1)
        size, right = _FEATURES_PER_FRAME * _SEGMENT, _FEATURES_PER_FRAME * _RIGHT
        segments = max(0, (features.shape[1] - right) // size)
        rest = features[:, segments * size :]
        if not segments:
            empty = x.new_zeros(len(x), 0, self.dim * len(self.output_layers))
            return empty, state._replace(features=rest)
        y = self._segments(features[:, : segments * size + right])
        mask = _mask(segments, state.past_frames)
        states = list(state.layers)
        outputs: list[Tensor] = []
        for i in self.layer_range(start, stop):
            y, states[i] = self._layer(
                cast(_Layer, self.trunk.transformer.emformer_layers[i]), y, states[i], mask
            )
            if i + 1 in self.output_layers:
                outputs.append(y[:, :, _RIGHT:].flatten(1, 2))
        past_frames = state.past_frames + segments * _SEGMENT
        return self.join_outputs(outputs, y), _State(rest, tuple(states), past_frames)

    def _segments(self, features: Tensor) -> Tensor:
        """Map (batch, T, mels) to (batch, segments, _RIGHT + _SEGMENT, dim).

        The frames after a segment stand in front of its own.
        """
        x = self.trunk.input_linear((features - self.trunk.mean) * self.trunk.invstddev)
        frames = x.reshape(len(x), -1, self.dim)
        own = frames[:, :-_RIGHT].unflatten(1, (-1, _SEGMENT))
        right = frames[:, _SEGMENT:].unfold(1, _RIGHT, _SEGMENT).mT
        return torch.cat([right, own], dim=2)

    def _layer(
        self, layer: _Layer, x: Tensor, state: _LayerState, mask: Tensor
    ) -> tuple[Tensor, _LayerState]:
        """Run one layer on (batch, segments, _RIGHT + _SEGMENT, dim)."""
        attention, heads = layer.attention, self.spec.heads
        normed = layer.layer_norm_input(x)
        queries = attention.emb_to_query(normed)
        pasts: list[Tensor] = []
        contexts: list[Tensor] = []
        keys_values = attention.emb_to_key_value(normed).chunk(2, dim=3)
        for projected, past in zip(keys_values, state, strict=True):
            own = torch.cat([past, projected[:, :, _RIGHT:].flatten(1, 2)], dim=1)
            context = own.unfold(1, _LEFT + _SEGMENT, _SEGMENT).mT
            contexts.append(torch.cat([projected[:, :, :_RIGHT], context], dim=2))
            pasts.append(own[:, -_LEFT:])
        q, k, v = (split_heads(each.flatten(0, 1), heads) for each in (queries, *contexts))
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + attention.out_proj(attended.transpose(1, 2).flatten(2).reshape(x.shape))
        return layer.layer_norm_output(x + layer.pos_ff(x)), _LayerState(*pasts)

    def layer_groups(self) -> list[list[nn.Module]]:
        """The input projection, and each layer."""
        layers: list[list[nn.Module]] = [
            [layer] for layer in self.trunk.transformer.emformer_layers
        ]
        return [[self.trunk.input_linear], *layers]

    def cacheable_depths(self) -> list[int]:
        """Features and finished frames: between layers, right context has values of its own."""
        return [0, self.depth]

    def settings(self) -> Settings:
        """The output layers; the hop is fixed."""
        return {"output_layers": self.output_layers}


def _mask(segments: int, past_frames: Tensor) -> Tensor:
    """Return which keys a segment attends to, (batch · segments, 1, 1, keys).

    Keys before the start of the stream are left out.
    """
    device = past_frames.device
    first = past_frames + torch.arange(segments, device=device) * _SEGMENT  # (batch, segments)
    key = torch.arange(_LEFT + _SEGMENT, device=device)
    exists = first[..., None] + key >= _LEFT
    return F.pad(exists, (_RIGHT, 0), value=True).flatten(0, 1)[:, None, None]


FAMILY = Family(
    specs=SPECS,
    chunked=EmformerEncoder,
    formats=("pytorch",),
    strip=strip,
    weights=f"the .pt file that torchaudio publishes, with {_STATISTICS} in the same folder",
)
