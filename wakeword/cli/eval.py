"""`wakeword eval`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

import wakeword
from wakeword import storage
from wakeword.cli import options
from wakeword.cli.console import print_results, progress_display
from wakeword.cli.detector_factory import open_model
from wakeword.cli.trained_on import note_trained_on
from wakeword.data.corpora.other_audio import with_other_audio
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.parallel import executor_for

if TYPE_CHECKING:
    from wakeword.evaluation.conditions import Condition
    from wakeword.evaluation.report.subject import Subject
    from wakeword.evaluation.results import Evaluation


@click.command(name="eval")
@options.model_argument
@click.argument("data", type=options.PATH)
@options.option(
    "--split",
    default="dev",
    show_default=True,
    type=options.SPLIT,
    help="Split to use. `train` never uses dev: the epoch and the threshold are "
    "chosen on a part of train that it holds out.",
)
@options.negatives(
    "More recordings without the keyword to count false accepts on; of a corpus also its noise and "
    "its room impulse responses"
)
@options.option(
    "--condition",
    "names",
    multiple=True,
    help="Such as 'clean', '5 dB', 'far room'; may be repeated.  [default: all that the data "
    "holds noise and room responses for]",
)
@options.option("--by-noise", is_flag=True, help="Evaluate each noise source by itself, too.")
@options.option(
    "--compare",
    "other",
    type=options.PATH,
    help="A second model to evaluate on the same streams, with a paired test.",
)
@options.option("--det-plot", type=options.PATH, help="Write the DET curve as PNG.")
@options.option("--report", type=options.PATH, help="Write the evaluation as one HTML page.")
@options.compute_device
@options.as_json
@options.ray
def eval_(
    file: Path,
    data: Path,
    split: str,
    negatives: tuple[Path, ...],
    names: tuple[str, ...],
    by_noise: bool,
    other: Path | None,
    det_plot: Path | None,
    report: Path | None,
    device: str,
    as_json: bool,
    ray: str | None,
) -> None:
    """Evaluate a model on the held-out part of DATA, as streams, event by event.

    FILE is a model, or an exported one (.onnx); so is the model of --compare.

    Each keyword clip is tested clean, with added noise, with a competing talker, in simulated
    rooms, 30 dB quieter and band-limited. All other clips of the split make up the stream in which
    false accepts are counted. Confusable phrases (source "confusable") are counted separately.

    Of a two-stage model, the calls of the verifier and the candidates per hour are counted too, and
    the gate recall: the share of the keyword clips at which the verifier is called.

    The first lines say what was detected at the threshold in the model file, and whether that is
    good. The report holds the same with plots, light or dark.

    \b
    Examples:
      wakeword eval alexa.wakeword recordings/
      wakeword eval alexa.wakeword recordings/ --condition clean --condition "0 dB"
      wakeword eval alexa.wakeword recordings/ --negatives librispeech-test-clean
      wakeword eval alexa.wakeword recordings/ --report alexa.html
      wakeword eval new.wakeword recordings/ --compare old.wakeword
      wakeword eval alexa.onnx recordings/ --compare alexa.wakeword
    """
    from wakeword.evaluation.evaluator import evaluate
    from wakeword.evaluation.report.subject import describe_subject

    for path in filter(None, (det_plot, report)):
        storage.check_writable(path)
    if ray is not None and device == "auto":
        device = "cpu"  # the workers' own GPUs, if they have any, are not looked for
    models = [open_model(path, device) for path in (file, other) if path]
    for model in models:
        note_trained_on(model, negatives)
    with progress_display() as progress:
        dataset = assign_splits(read_dataset(data), progress=progress)
    dataset = with_other_audio(dataset, negatives, split)
    conditions = _conditions(dataset, split, names, by_noise)
    with executor_for(ray) as executor, progress_display() as progress:
        result, *second = [
            evaluate(
                model,
                dataset,
                split=split,
                conditions=conditions,
                progress=progress,
                executor=executor,
            )
            for model in models
        ]
    compared = (other.name, second[0]) if other else None
    subject = describe_subject(
        file, models[0], f"{split} split of {dataset.root}", wakeword.__version__
    )
    _write_files(subject, result, compared, det_plot, report)
    _print(subject, result, compared, as_json)
    if not as_json:
        print_results(*(f"wrote {path}" for path in (det_plot, report) if path))


def _print(
    subject: Subject, result: Evaluation, compared: tuple[str, Evaluation] | None, as_json: bool
) -> None:
    from wakeword.evaluation.compare import compare_evaluations
    from wakeword.evaluation.report.json import evaluation_as_dict
    from wakeword.evaluation.report.text import render_comparison, render_evaluation

    if as_json:
        comparisons = compare_evaluations(result, compared[1]) if compared else None
        click.echo(json.dumps(evaluation_as_dict(result, comparisons, subject), indent=2))
        return
    print_results(*render_evaluation(result))
    if compared:
        print_results(render_comparison(subject.file, result, *compared))


def _conditions(
    dataset: Dataset, split: str, names: tuple[str, ...], by_noise: bool
) -> tuple[Condition, ...]:
    from wakeword.evaluation.conditions import all_conditions, conditions_by_name

    if names:
        return conditions_by_name(names, dataset)
    return all_conditions(dataset.subset(split), by_noise=by_noise)


def _write_files(
    subject: Subject,
    result: Evaluation,
    compared: tuple[str, Evaluation] | None,
    det_plot: Path | None,
    report: Path | None,
) -> None:
    if det_plot:
        from wakeword.evaluation.report.plots import save_det_plot

        save_det_plot(result, det_plot)
    if report:
        from wakeword.evaluation.report.html import write_html_report

        write_html_report(subject, result, report, compared)
