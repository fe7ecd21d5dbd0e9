"""Settings of a training run. Needs no torch: the help of the commands shows the defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wakeword.encoders.defaults import DEFAULT_ENCODER
from wakeword.errors import ConfigError
from wakeword.training.examples import ExampleConfig

if TYPE_CHECKING:
    from wakeword.model.network import WakeWordModel

STRATEGIES = ("auto", "head", "top:N", "lora:R", "full", "layerwise", "gradual", "scratch")
"""Names of the strategies; N is a number of layer groups, R a rank."""
HEAD_NAMES = ("linear", "conv", "depthwise", "gru", "attention")
"""Names of the heads, those of `heads.HEADS`."""
LOSS_NAMES = ("bce", "max-pooling")
"""Names of the losses, those of `training.losses.LOSSES`."""
METHODS = ("auto", "train", "enroll")
"""How a model is made; see `training.method.train_or_enroll`."""
FEW_CLIPS = 40
"""With fewer clips, "auto" trains and enrolls: training was measured to be better with 45."""

SAY_HOURS = 4.0
"""Hours of examples from a typed phrase, so that all of it takes about a quarter of an hour."""


@dataclass(frozen=True)
class VerifierConfig:
    """The second stage of a model: what determines it besides data and gate.

    Attributes:
        encoder: name of the pretrained encoder; it must offer "window".
        strategy: how much of it is trained; see `training.strategy.choose_strategy`.
        window_s: seconds of audio that it computes at once.
        candidates_per_hour: events per hour and keyword at which the gate calls it, at least.
        max_candidates_per_hour: the same, at most.
        gate_recall: share of the held-out keyword clips, under all conditions, at which the gate is
            to call it.
        weights: a checkpoint to load instead of the encoder's own sources.
    """

    encoder: str = "whisper-tiny.en"
    strategy: str = "head"
    window_s: float = 1.92
    candidates_per_hour: float = 60.0
    max_candidates_per_hour: float = 120.0
    gate_recall: float = 0.99
    weights: Path | str | None = None


@dataclass(frozen=True)
class TrainConfig:
    """Everything that determines a model besides its data and its start.

    Attributes:
        encoder: name of the pretrained encoder; see `encoders.registry.list_encoders`.
        streaming: streaming mode, "chunked" or "window"; "" is the best mode of the encoder.
        hop_ms: milliseconds of audio that the encoder takes at once; None is its default.
        layers: encoder layers that the head mixes by learned weights; () is the top three, or as
            many as the encoder's family has by default.
        head: name of the head, one of `HEAD_NAMES`; "" is the default of the encoder's family.
        loss: name of the loss; one of `LOSS_NAMES`.
        strategy: how much of the network is trained; see `training.strategy.choose_strategy`.
        seed: determines examples, initial weights and the order of training.
        epochs: passes over the examples, at most.
        patience: epochs clearly worse than the best one after which training stops.
        batch: examples per step; a quarter of it where layers of the encoder are trained.
        learning_rate: of the head; see `training.strategy.Strategy` for the encoder's.
        averaging: decay per step of the exponential moving average of the weights, which is what
            is validated and kept.
        weight_decay: of AdamW.
        validation_share: share of the speakers of the training data that are held out.
        false_accepts_per_hour: rate that the stored threshold aims at.
        examples: number and kinds of the training examples.
        verifier: the second stage; None trains a single one.
        device: that computes; see `wakeword.devices.choose_device`. On the processor the same
            settings give the same model, byte for byte; on a GPU, one that differs by rounding.
    """

    encoder: str = DEFAULT_ENCODER
    streaming: str = ""
    hop_ms: int | None = None
    layers: tuple[int, ...] = ()
    head: str = ""
    loss: str = "bce"
    strategy: str = "auto"
    seed: int = 0
    epochs: int = 6
    patience: int = 5
    batch: int = 64
    learning_rate: float = 2e-3
    averaging: float = 0.99
    weight_decay: float = 0.02
    validation_share: float = 0.1
    false_accepts_per_hour: float = 0.5
    examples: ExampleConfig = field(default_factory=ExampleConfig)
    verifier: VerifierConfig | None = None
    device: str = "auto"

    def continuing(self, start: WakeWordModel, keywords: Sequence[str]) -> TrainConfig:
        """Return the config that continues the training of a model: its encoder and its head.

        Raises:
            ConfigError: the model has other keywords.
        """
        if list(keywords) != list(start.keywords):
            raise ConfigError(
                f"the model to continue from detects {', '.join(start.keywords)}, not "
                f"{', '.join(keywords)}. Train on its own keywords, or train a new model."
            )
        origin = start.origin
        return replace(
            self,
            encoder=origin.encoder,
            streaming=origin.streaming,
            head=origin.head,
            layers=start.encoder.output_layers,
            hop_ms=None,
        )
