"""TODO."""

from __future__ import annotations

from dataclasses import dataclass, field

from wakeword.encoders.registry import (
    DEFAULT_ENCODER,
)
from wakeword.training.examples import ExampleConfig


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a training makes of its data."""

    encoder: str = DEFAULT_ENCODER
    streaming: str = ""  # "chunked" or "window"; "" is the best that the encoder can
    hop_ms: int | None = None  # of sound that the encoder takes in at once; None: its own default
    layers: tuple[int, ...] = ()  # of the encoder, mixed by learned weights; () is the top three
    head: str = "conv"
    loss: str = "bce"
    strategy: str = "auto"
    seed: int = 0
    epochs: int = 6
    patience: int = 5
    batch: int = 64  # scenes in a step; a quarter of it where layers of the encoder learn
    learning_rate: float = 2e-3
    averaging: float = 0.99  # of the weights over the steps: what is measured and kept is the mean
    weight_decay: float = 0.02
    validation_share: float = 0.1
    false_accepts_per_hour: float = 0.5
    scenes: ExampleConfig = field(default_factory=ExampleConfig)
