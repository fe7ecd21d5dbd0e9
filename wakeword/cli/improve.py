"""`wakeword improve`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from wakeword import model as models
from wakeword import storage
from wakeword.cli import options, show
from wakeword.data import assign_splits, read_dataset
from wakeword.errors import ConfigError
from wakeword.evaluation.evaluate import evaluate
from wakeword.evaluation.pictures import det_picture
from wakeword.training.improve import changes, side_by_side
from wakeword.training.scenes import SceneConfig
from wakeword.training.train import TrainConfig, train


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("reviewed", metavar="REVIEWED", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="What the model was trained on; its held-out part decides.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The better model."
)
@click.option("--strategy", default="auto", show_default=True, help="As of `wakeword train`.")
@options.epochs
@options.hours
@options.seed
@options.work
def improve(
    file: Path,
    reviewed: Path,
    data: Path,
    output: Path,
    strategy: str,
    epochs: int,
    hours: float,
    seed: int,
    work: Path | None,
) -> None:
    """Go on training a model with clips that you labelled, if that makes it no worse.

    REVIEWED is the folder of `wakeword review`, or any manifest of clips with and without the word.
    The model learns from them and from --data; both models are then measured on the held-out part
    of --data. Where the new one is certainly worse in misses or false accepts, nothing is written
    but the picture of both, and the exit code is 1: look at the labels.

    \b
    Examples:
      wakeword listen alexa.wakeword --save-triggers heard/
      wakeword review heard/
      wakeword improve alexa.wakeword heard/ --data recordings/ -o better.wakeword
    """
    storage.check_writable(output)
    if output.resolve() == file.resolve():
        raise ConfigError(f"{output}: is the model itself. Write the better one beside it.")
    before = models.load(file)
    dataset = assign_splits(read_dataset(data))
    manifest = reviewed / "reviewed" / "reviewed.jsonl"
    more = read_dataset(manifest if manifest.is_file() else reviewed)
    config = TrainConfig(
        strategy=strategy, epochs=epochs, seed=seed, scenes=SceneConfig().of_hours(hours)
    )
    with show.progress() as progress:
        old = evaluate(before, dataset, progress=progress)
        trained = train(
            dataset,
            list(before.keywords),
            config,
            more=more,
            start=before,
            work=work,
            progress=progress,
        )
        new = evaluate(trained.model, dataset, progress=progress)
    found = changes(old, new)
    picture = output.with_suffix(".png")
    det_picture(side_by_side(old, new), picture)
    for change in found:
        click.echo(str(change))
    click.echo(f"DET curves of both: {picture}")
    if any(change.worse for change in found):
        click.echo(
            f"Refused: the new model is worse on held-out speech. {file} stays as it is, and "
            f"{output} was not written. Are the labels in {reviewed} right?",
            err=True,
        )
        sys.exit(1)
    models.save(trained.model, output)
    click.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")
