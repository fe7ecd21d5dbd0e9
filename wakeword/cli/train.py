"""`wakeword train`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from wakeword import storage
from wakeword.cli import options, training_options
from wakeword.cli.console import print_note, progress_display
from wakeword.cli.training_plan import announce_slow_strategies, plan_as_dict, render_plan
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers import find_recordings, read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.errors import ManifestError
from wakeword.evaluation.report.format import format_file_size
from wakeword.model.file import save_model
from wakeword.progress import ProgressCallback
from wakeword.training.config import TrainConfig
from wakeword.training.distributed import process_group
from wakeword.training.plan import plan_training
from wakeword.training.result import TrainResult, TransferGain
from wakeword.training.train import train as run_training


@click.command()
@click.argument("data", type=options.PATH)
@options.output_model
@options.keywords("the only label in DATA")
@options.negatives("More recordings without the keyword, such as `wakeword mine` collects")
@options.option(
    "--extra-data",
    multiple=True,
    type=options.PATH,
    help="More clips with or without the keyword, such as synthetic voices: a manifest or folder "
    "to train on, of which nothing is held out; may be repeated.",
)
@training_options.train_config
@options.option(
    "--compare-scratch",
    is_flag=True,
    help="Train the same network from random weights too, and report the gain from pretraining; "
    "of two stages, that of the gate alone.",
)
@training_options.work_dir
@options.option(
    "--dry-run",
    is_flag=True,
    help="Show clips, hours, encoders, strategies and an estimate of the time; write nothing.",
)
@options.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def train(
    data: Path,
    output: Path,
    keywords: tuple[str, ...],
    negatives: tuple[Path, ...],
    extra_data: tuple[Path, ...],
    config: TrainConfig,
    weights: Path | None,
    compare_scratch: bool,
    work_dir: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a model from recordings.

    DATA is a data set: a folder with one folder per keyword, or a manifest (JSONL, CSV, Kaldi).

    The model has two stages: a small gate, which always runs, and a verifier, which computes the
    last seconds of audio where the gate's score is high. With --verifier none, or with another
    --encoder than the gate's, it has one.

    Where DATA states no splits, a fifth of its speakers is held out, always the same ones:
    `wakeword eval` measures on them.

    An interrupted run resumes when the same command is given again. Started by torchrun, several
    processes share the work; on several machines they must share the folder --work-dir too.

    \b
    Examples:
      wakeword train recordings/ -o alexa.wakeword
      wakeword train recordings/ -o alexa.wakeword --dry-run
      wakeword train recordings/ -o two.wakeword --keyword alexa --keyword computer
      wakeword train manifest.jsonl -o a.wakeword --keyword alexa --verifier-strategy top:1
      wakeword train recordings/ -o alexa.wakeword --encoder whisper-tiny.en --strategy top:1
      wakeword train recordings/ -o alexa.wakeword --compare-scratch
      torchrun --nproc-per-node 4 -m wakeword train recordings/ -o alexa.wakeword
    """
    group = click.get_current_context().with_resource(process_group())
    if group.is_main:
        storage.check_writable(output)
    dataset = _read_data(data, negatives)
    chosen = list(keywords) or _only_keyword(dataset, data)
    extra, gain = read_datasets(extra_data), None
    if dry_run:
        _print_plan(dataset, chosen, config, extra, weights, as_json)
        return
    if group.is_main:
        announce_slow_strategies(dataset, chosen, config, extra)
    with _progress(group.is_main) as progress:
        train_with = partial(
            run_training, dataset, chosen, extra_data=extra, work_dir=work_dir, progress=progress
        )
        result = train_with(config, weights=weights)
        if group.is_main:
            save_model(result.model, output)
        if compare_scratch:
            scratch = replace(config, strategy="scratch", verifier=None)
            gain = TransferGain.of(result, train_with(scratch, weights=weights))
    if group.is_main:
        _report(result, gain, output, as_json)


def _print_plan(
    dataset: Dataset,
    keywords: list[str],
    config: TrainConfig,
    extra: Dataset | None,
    weights: Path | None,
    as_json: bool,
) -> None:
    with progress_display() as progress:
        plan = plan_training(dataset, keywords, config, extra_data=extra, progress=progress)
    if as_json:
        click.echo(json.dumps(plan_as_dict(plan), indent=2))
        return
    second = config.verifier.weights if config.verifier else None
    for line in render_plan(plan, own_weights=bool(weights or second)):
        click.echo(line)


def _read_data(data: Path, negatives: tuple[Path, ...]) -> Dataset:
    """Read the data set with the splits that `wakeword eval` uses, and more negatives."""
    dataset = assign_splits(read_dataset(data))
    more = (Clip(path, split="train") for place in negatives for path in find_recordings(place))
    return replace(dataset, negatives=(*dataset.negatives, *more))


def _only_keyword(dataset: Dataset, data: Path) -> list[str]:
    labels = dataset.labels()
    if len(labels) == 1:
        return labels
    raise ManifestError(
        f"{data}: holds clips of {len(labels)} words ({', '.join(labels[:8])}). "
        "Name those to learn: --keyword WORD, once or more."
    )


def _progress(is_main: bool) -> AbstractContextManager[ProgressCallback | None]:
    return progress_display() if is_main else nullcontext()


def _report(result: TrainResult, gain: TransferGain | None, output: Path, as_json: bool) -> None:
    for note in result.notes:
        print_note(note)
    if as_json:
        click.echo(json.dumps(_summary(result, gain, output), indent=2))
        return
    console, point = Console(stderr=True), result.model.operating_point
    lines = [
        *_stage_lines(result),
        *(
            f"'{keyword}' is detected at scores of {threshold:.4f} or more ({point.provenance})"
            for keyword, threshold in point.thresholds.items()
        ),
        *([f"{'the gate alone: ' if result.verifier else ''}{gain}"] if gain else []),
        f"wrote {output} ({format_file_size(output.stat().st_size)})",
    ]
    for line in lines:
        console.print(line, highlight=False)


def _summary(result: TrainResult, gain: TransferGain | None, output: Path) -> dict[str, Any]:
    """Return what --json prints."""
    summary: dict[str, Any] = {
        "model": str(output),
        "keywords": list(result.model.keywords),
        "thresholds": dict(result.model.operating_point.thresholds),
        "training": dict(result.model.origin.training),
        "history": [asdict(epoch) for epoch in result.history],
        "compared_with_scratch": asdict(gain) if gain else None,
    }
    if result.verifier:
        summary["cascade"] = asdict(result.verifier.model.cascade.config)
        summary["verifier_history"] = [asdict(epoch) for epoch in result.verifier.history]
    return summary


def _stage_lines(result: TrainResult) -> list[str]:
    """Return what was stripped and trained: of the model, or of each of its stages."""
    if result.verifier is None:
        return [result.stripped, _trained(result.model.origin.training)]
    model = result.verifier.model
    thresholds = model.cascade.config.gate_thresholds.items()
    called = ", ".join(f"{threshold:.4f} for '{keyword}'" for keyword, threshold in thresholds)
    return [
        f"gate, {model.gate.origin.encoder}: {result.stripped}",
        f"gate: {_trained(model.gate.origin.training)}",
        f"verifier, {model.verifier.origin.encoder}: {result.verifier.stripped}",
        f"verifier: {_trained(model.verifier.origin.training)}",
        f"the verifier is called at gate scores of {called}",
    ]


def _trained(training: Mapping[str, Any]) -> str:
    return (
        f"strategy {training['strategy']} ({training['reason']}); {training['trainable']:,} of "
        f"{training['parameters']:,} parameters trained, {training['epochs']} epochs"
    )
