"""`wakeword improve`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from wakeword import storage
from wakeword.cli import options
from wakeword.cli.console import progress_display
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.errors import ConfigError
from wakeword.evaluation.evaluate import evaluate
from wakeword.evaluation.report.plots import save_det_plot
from wakeword.model.file import load_model, save_model
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig
from wakeword.training.improve import compare_models, merge_for_plot
from wakeword.training.train import train


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
    before = load_model(file)
    dataset = assign_splits(read_dataset(data))
    manifest = reviewed / "reviewed" / "reviewed.jsonl"
    more = read_dataset(manifest if manifest.is_file() else reviewed)
    config = TrainConfig(
        strategy=strategy, epochs=epochs, seed=seed, examples=ExampleConfig().with_hours(hours)
    )
    with progress_display() as progress:
        old = evaluate(before, dataset, progress=progress)
        trained = train(
            dataset,
            list(before.keywords),
            config,
            extra_data=more,
            start=before,
            work_dir=work,
            progress=progress,
        )
        new = evaluate(trained.model, dataset, progress=progress)
    found = compare_models(old, new)
    picture = output.with_suffix(".png")
    save_det_plot(merge_for_plot(old, new), picture)
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
    save_model(trained.model, output)
    click.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")
