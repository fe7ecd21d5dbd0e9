"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from wakeword.training.scenes import SceneConfig
from wakeword.training.train import TrainConfig

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
work = click.option(
    "--work", type=click.Path(path_type=Path), help="Folder for features, checkpoints."
)
