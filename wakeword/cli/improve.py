"""`wakeword improve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from wakeword import storage
from wakeword.cli import options, training_options
from wakeword.cli.console import progress_display
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.devices import choose_device
from wakeword.errors import ConfigError
from wakeword.evaluation.report.format import format_file_size
from wakeword.training.config import TrainConfig

if TYPE_CHECKING:
    from wakeword.training.improve import Improvement


@click.command()
@options.model_argument
@click.argument("reviewed", type=options.PATH)
@options.option(
    "--data",
    required=True,
    type=options.PATH,
    help="The data set that the model was trained on; its held-out part decides.",
)
@options.option("-o", "--output", required=True, type=options.PATH, help="New model file.")
@training_options.strategy
@training_options.verifier_strategy
@training_options.epochs
@training_options.hours
@options.seed
@training_options.work_dir
@options.compute_device
def improve(
    file: Path,
    reviewed: Path,
    data: Path,
    output: Path,
    strategy: str,
    verifier_strategy: str | None,
    epochs: int,
    hours: float | None,
    seed: int,
    work_dir: Path | None,
    device: str,
) -> None:
    """Continue training a model with labelled clips, and keep the result if it is not worse.

    Of a two-stage model both stages are trained.

    REVIEWED is the folder of `wakeword review`, or any manifest of clips with and without the
    keyword. The model is trained on them and on --data; both models are then evaluated on the
    held-out part of --data. Where the new one is significantly worse in misses or false accepts,
    only the DET plot of both is written and the exit code is 1: check the labels.

    \b
    Examples:
      wakeword listen alexa.wakeword --save-triggers captured/
      wakeword review captured/
      wakeword improve alexa.wakeword captured/ --data recordings/ -o better.wakeword
    """
    from wakeword.cli.training_plan import announce_slow_strategies
    from wakeword.model.file import load_model, save_model
    from wakeword.model.two_stage import TwoStageModel
    from wakeword.training.improve import improve_model, read_reviewed
    from wakeword.training.strategy import check_strategy

    storage.check_writable(output)
    if output.resolve() == file.resolve():
        raise ConfigError(f"{output} is the model itself. Give the new model a name of its own.")
    model = load_model(file).to(choose_device(device))
    second = model.verifier.origin.encoder if isinstance(model, TwoStageModel) else None
    first = model.gate if isinstance(model, TwoStageModel) else model
    check_strategy(strategy, first.encoder.spec)  # an error before any clip is read
    config = TrainConfig(
        strategy=strategy,
        epochs=epochs,
        seed=seed,
        examples=training_options.examples_of(hours, two_stages=isinstance(model, TwoStageModel)),
        verifier=training_options.verifier_config(second, strategy=verifier_strategy),
        device=device,
    )
    with progress_display() as progress:
        dataset = assign_splits(read_dataset(data), progress=progress)
    extra = read_reviewed(reviewed)
    announce_slow_strategies(dataset, model.keywords, config, extra, start=model)
    with progress_display() as progress:
        result = improve_model(model, dataset, extra, config, work_dir=work_dir, progress=progress)
    _show_changes(result, output.with_suffix(".png"))
    if result.worse:
        _refuse(file, reviewed, output)
    save_model(result.trained.model, output, made_by={"command": "improve"})
    click.echo(f"wrote {output} ({format_file_size(output.stat().st_size)})")


def _show_changes(result: Improvement, plot: Path) -> None:
    """Print the differences of both models and save their DET curves."""
    from wakeword.evaluation.report.plots import save_det_plot
    from wakeword.training.improve import merge_for_plot

    save_det_plot(merge_for_plot(result.before, result.after), plot)
    for change in result.changes:
        click.echo(str(change))
    click.echo(f"DET curves of both: {plot}")


def _refuse(file: Path, reviewed: Path, output: Path) -> NoReturn:
    click.echo(
        f"Refused: the new model is worse on held-out speech. {file} is unchanged, and "
        f"{output} was not written. Are the labels in {reviewed} right?",
        err=True,
    )
    sys.exit(1)
