"""The model that training starts from: a pretrained encoder and a new head."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wakeword.encoders.base import Encoder
from wakeword.encoders.registry import resolve_encoder
from wakeword.encoders.resolved import ResolvedEncoder
from wakeword.heads import build_head
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.progress import ProgressCallback
from wakeword.training.config import TrainConfig
from wakeword.training.strategy import Strategy, add_low_rank, freeze


@dataclass(frozen=True)
class PretrainedEncoder:
    """The encoder that is trained, with its weights.

    Attributes:
        source: what determines the encoder; this is where its name is resolved, once.
        encoder: in evaluation mode.
        sha256: of the checkpoint that its weights come from.
        description: what loading it removed, in one sentence.
    """

    source: ResolvedEncoder
    encoder: Encoder
    sha256: str
    description: str

    @classmethod
    def load(
        cls,
        config: TrainConfig,
        *,
        start: WakeWordModel | None = None,
        weights: Path | str | None = None,
        source: ResolvedEncoder | None = None,
        progress: ProgressCallback | None = None,
    ) -> PretrainedEncoder:
        """Load the encoder of a config, or copy that of the model to continue from.

        Args:
            config: names the encoder, its streaming mode and layers.
            start: the model to continue from.
            weights: a checkpoint to load instead of the encoder's own sources.
            source: the encoder where its name is resolved already.
            progress: called while weights are downloaded.

        Raises:
            ConfigError: unknown encoder, streaming mode, hop or layers.
            CheckpointError: no weights, or weights of another encoder.
        """
        if start is not None:
            return cls._copied(config, start)
        source = source or resolve_encoder(
            config.encoder, streaming=config.streaming, hop_ms=config.hop_ms, weights=weights
        )
        source = _with_layers(source, config)
        encoder, report, sha256 = source.load(progress)
        return cls(source, encoder, sha256, str(report))

    @classmethod
    def without_weights(
        cls, config: TrainConfig, start: WakeWordModel | None, source: ResolvedEncoder | None = None
    ) -> PretrainedEncoder:
        """Build the encoder that `load` loads, with random weights; nothing is downloaded."""
        if start is not None:
            return cls._copied(config, start)
        source = source or resolve_encoder(
            config.encoder, streaming=config.streaming, hop_ms=config.hop_ms
        )
        source = _with_layers(source, config)
        return cls(source, source.build().eval(), "", "random weights")

    @classmethod
    def _copied(cls, config: TrainConfig, start: WakeWordModel) -> PretrainedEncoder:
        settings: dict[str, Any] = dict(start.encoder.settings())
        resolved = resolve_encoder(config.encoder, streaming=config.streaming, **settings)
        encoder, sha256 = copy.deepcopy(start.encoder).cpu(), start.origin.encoder_sha256
        return cls(resolved, encoder, sha256, "continues from a model")


def _with_layers(source: ResolvedEncoder, config: TrainConfig) -> ResolvedEncoder:
    """Return an encoder whose output layers are those of the config, or the top ones."""
    top = source.spec.layers
    layers = config.layers or tuple(range(max(1, top - source.family.head_layers + 1), top + 1))
    return source.with_settings(output_layers=layers)


def initial_model(
    keywords: Sequence[str],
    config: TrainConfig,
    pretrained: PretrainedEncoder,
    strategy: Strategy,
    start: WakeWordModel | None = None,
) -> WakeWordModel:
    """Return the model before its first step: a new head, and frozen what does not train.

    Args:
        keywords: what the logits stand for.
        config: head and seed.
        pretrained: the encoder, which becomes part of the model.
        strategy: how much of the network trains; a strategy that is not pretrained replaces the
            encoder by one with random weights.
        start: a model whose head is copied.
    """
    encoder = pretrained.encoder
    torch.manual_seed(config.seed)
    if not strategy.pretrained:
        encoder = pretrained.source.with_settings(**encoder.settings()).build()
    kind = config.head or pretrained.source.family.head
    head = build_head(
        kind,
        encoder.dim,
        len(keywords),
        len(encoder.output_layers),
        encoder.frame_rate_hz,
    )
    if start is not None:
        head.load_state_dict(start.head.state_dict())
    origin = Origin(
        encoder=config.encoder,
        streaming=config.streaming,
        encoder_sha256=pretrained.sha256 if strategy.pretrained else "",
        licence=encoder.spec.licence,
        head=kind,
    )
    point = OperatingPoint(dict.fromkeys(keywords, 0.5))
    model = WakeWordModel(encoder, head, keywords, origin, point)
    freeze(encoder, strategy.frozen)
    if strategy.rank:
        add_low_rank(encoder, strategy.rank)
    return model
