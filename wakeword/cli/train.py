"""`wakeword train`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from wakeword import storage
from wakeword.cli import options, output_file, speech, training_options
from wakeword.cli.console import print_note, progress_display
from wakeword.data.corpora.other_audio import with_other_audio
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.errors import ConfigError, ManifestError
from wakeword.evaluation.report.format import format_calibration_advice, format_file_size
from wakeword.model.languages import normalise_language
from wakeword.progress import ProgressCallback
from wakeword.training.config import FEW_CLIPS, METHODS, TrainConfig

if TYPE_CHECKING:
    from wakeword.synthetic.plan import Phrase
    from wakeword.synthetic.training import TrainingInput
    from wakeword.training.distributed import ProcessGroup
    from wakeword.training.method import MadeModel
    from wakeword.training.result import TrainResult, TransferGain


@click.command()
@click.argument("data", required=False, type=options.PATH)
@options.output_model
@options.option(
    "--say",
    metavar="PHRASE",
    help="Train on this phrase in synthetic voices, and on DATA if given; needs the extra 'demo'.",
)
@speech.language
@speech.phonemes
@options.option(
    "--speak-dir",
    type=options.PATH,
    help="Folder of the synthetic clips for --say.  [default: a folder in the cache]",
)
@options.keywords("the only label in DATA")
@options.negatives(
    "More recordings without the keyword, such as `wakeword mine` collects; of a corpus also its "
    "noise and its room impulse responses"
)
@options.option(
    "--extra-data",
    multiple=True,
    type=options.PATH,
    help="More clips with or without the keyword, such as synthetic voices: a manifest or folder "
    "to train on, of which nothing is held out; may be repeated.",
)
@options.option(
    "--synthetic-negatives/--no-synthetic-negatives",
    default=None,
    help="Whether to add a few minutes of synthetic speech in several languages as further "
    "negatives, which needs the extra 'demo'.  [default: with less than an hour of other speech, "
    "if the extra is installed]",
)
@options.option(
    "--method",
    type=click.Choice(METHODS),
    default="auto",
    show_default=True,
    help="train; enroll, which compares audio with the clips and trains nothing; or auto: both "
    f"with fewer than {FEW_CLIPS} clips of a single keyword, of which the better one on held-out "
    "clips is kept, and else train.",
)
@training_options.train_config
@training_options.languages
@options.option(
    "--compare-scratch",
    is_flag=True,
    help="Train the same network from random weights too, and report the gain from pretraining; "
    "of two stages, that of the gate alone.",
)
@training_options.work_dir
@options.option(
    "--omit-encoder",
    is_flag=True,
    help="Leave encoders that training does not change out of the file, which is then small, and "
    "needs their weights on each machine that loads it.",
)
@options.option(
    "--report",
    type=options.PATH,
    help="Evaluate the model on what is held out, and write that as one HTML page.  "
    "[default: with --say, the name of the model with .html]",
)
@output_file.force
@options.option(
    "--dry-run",
    is_flag=True,
    help="Show clips, hours, encoders, strategies and an estimate of the time; write nothing.",
)
@options.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def train(
    data: Path | None,
    output: Path,
    say: str | None,
    language: str,
    phonemes: str,
    speak_dir: Path | None,
    keywords: tuple[str, ...],
    negatives: tuple[Path, ...],
    extra_data: tuple[Path, ...],
    synthetic_negatives: bool | None,
    method: str,
    config: TrainConfig,
    weights: Path | None,
    languages: tuple[str, ...],
    compare_scratch: bool,
    work_dir: Path | None,
    omit_encoder: bool,
    report: Path | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a model from recordings, or from a typed phrase.

    DATA is a data set: a folder with one folder per keyword, or a manifest (JSONL, CSV, Kaldi).

    The model has two stages: a small gate, which always runs, and a verifier, which computes the
    last seconds of audio where the gate's score is high. With --verifier none, or with another
    --encoder than the gate's, it has one.

    With --say, synthetic voices speak the phrase (see `wakeword speak`), and DATA may be left out.
    People are missed more often than synthetic voices; with 40 of their clips in DATA, people alone
    decide epoch and threshold. At the end, the model is evaluated on what is held out (--report).

    With less than an hour of other speech, synthetic voices add some (--synthetic-negatives): what
    a model was not taught to leave alone sets it off.

    The model records the languages of its keywords: --language or, with --say, that of --lang.

    Few clips of a keyword are enrolled as well, and the better model is kept (--method).

    Where DATA states no splits, a fifth of its speakers is held out, always the same ones:
    `wakeword eval` measures on them.

    An interrupted run resumes when the same command is given again. An existing model of other
    keywords or recordings is replaced with --force alone. Started by torchrun, several processes
    share the work; on several machines they must share the folder --work-dir too.

    \b
    Examples:
      wakeword train recordings/ -o alexa.wakeword
      wakeword train recordings/ -o alexa.wakeword --dry-run
      wakeword train recordings/ -o two.wakeword --keyword alexa --keyword computer
      wakeword train manifest.jsonl -o a.wakeword --keyword alexa --verifier-strategy top:1
      wakeword train recordings/ -o alexa.wakeword --encoder whisper-tiny.en --strategy top:1
      wakeword train recordings/ -o alexa.wakeword --negatives librispeech-dev-clean
      wakeword train recordings/ -o alexa.wakeword --compare-scratch
      wakeword train --say "hey computer" -o hey-computer.wakeword
      wakeword train --say "hey computer" recordings/ -o hey-computer.wakeword
      torchrun --nproc-per-node 4 -m wakeword train recordings/ -o alexa.wakeword
    """
    from wakeword.cli.synthetic_negatives import add_languages
    from wakeword.cli.training_plan import announce_slow_strategies
    from wakeword.model.file import save_model
    from wakeword.model.languages import record_languages
    from wakeword.synthetic.plan import Phrase
    from wakeword.training.distributed import process_group
    from wakeword.training.method import train_or_enroll
    from wakeword.training.result import TransferGain
    from wakeword.training.train import train as run_training

    group = click.get_current_context().with_resource(process_group())
    if report is None and say is not None:
        report = output.with_suffix(".html")
    if group.is_main:
        _check_options(output, report, method, compare_scratch)
    gain = None
    training = _training_data(
        data, negatives, extra_data, keywords, group, dry_run,
        phrase=None if say is None else Phrase(" ".join(say.split()), language, phonemes),
        speak_dir=speak_dir, seed=config.seed,
    )  # fmt: skip
    if training is None:  # a dry run of clips that are not synthesised yet
        return
    maker = _made_by(training.data, training.extra)
    if group.is_main and not dry_run:
        output_file.check_replaceable(output, training.keywords, maker, force=force)
    if method != "enroll" or synthetic_negatives:
        training = add_languages(training, synthetic_negatives, group, dry_run)
    dataset, extra, chosen = training.data, training.extra, list(training.keywords)
    if dry_run:
        _print_plan(dataset, chosen, config, extra, weights, as_json)
        return
    if group.is_main:
        announce_slow_strategies(dataset, chosen, config, extra)
    with _progress(group.is_main) as progress:
        given: Any = dict(extra_data=extra, weights=weights, work_dir=work_dir, progress=progress)
        made = train_or_enroll(dataset, chosen, config, method=method, **given)
        if group.is_main:
            record_languages(made.model, languages or _spoken_language(say, language))
            save_model(made.model, output, made_by=maker, with_encoder=not omit_encoder)
        if compare_scratch and made.trained:
            scratch = replace(config, strategy="scratch", verifier=None)
            gain = TransferGain.of(made.trained, run_training(dataset, chosen, scratch, **given))
    if group.is_main:
        _report(made, gain, output, training, report, as_json)


def _training_data(
    data: Path | None,
    negatives: tuple[Path, ...],
    extra_data: tuple[Path, ...],
    keywords: tuple[str, ...],
    group: ProcessGroup,
    dry_run: bool,
    *,
    phrase: Phrase | None,
    speak_dir: Path | None,
    seed: int,
) -> TrainingInput | None:
    """Return what to train on; None for a dry run of clips that are not synthesised yet.

    Args:
        phrase: of --say; all others are options of the command.
    """
    from wakeword.cli.say import spoken_training
    from wakeword.synthetic.training import TrainingInput

    if phrase and keywords:
        raise ConfigError("--say trains a model of its phrase alone: leave --keyword out.")
    if not phrase and data is None:
        raise ConfigError("nothing to train on. Give DATA, a folder or manifest, or --say PHRASE.")
    extra = read_datasets(extra_data)
    recordings = _read_data(data, negatives, is_main=group.is_main)
    if phrase:
        return spoken_training(phrase, speak_dir, recordings, extra, seed, group, dry_run)
    assert recordings is not None and data is not None
    chosen = keywords or tuple(_only_keyword(recordings, data))
    return TrainingInput(recordings, chosen, extra)


def _spoken_language(say: str | None, code: str) -> tuple[str, ...]:
    """Return the language of a typed phrase; () without one, or where its code is no BCP 47 tag."""
    try:
        return () if say is None else (normalise_language(code),)
    except ConfigError:
        return ()


def _check_options(output: Path, report: Path | None, method: str, compare_scratch: bool) -> None:
    """Raise ConfigError for what would fail after the training."""
    if compare_scratch and method == "enroll":
        raise ConfigError("--compare-scratch compares trainings, and --method enroll trains none.")
    for file in filter(None, (output, report)):
        storage.check_writable(file)


def _print_plan(
    dataset: Dataset,
    keywords: list[str],
    config: TrainConfig,
    extra: Dataset | None,
    weights: Path | None,
    as_json: bool,
) -> None:
    from wakeword.cli.training_plan import plan_as_dict, render_plan
    from wakeword.training.plan import plan_training

    with progress_display() as progress:
        plan = plan_training(dataset, keywords, config, extra_data=extra, progress=progress)
    if as_json:
        click.echo(json.dumps(plan_as_dict(plan), indent=2))
        return
    second = config.verifier.weights if config.verifier else None
    for line in render_plan(plan, own_weights=bool(weights or second)):
        click.echo(line)


def _read_data(data: Path | None, negatives: tuple[Path, ...], *, is_main: bool) -> Dataset | None:
    """Read the data set with the splits that `wakeword eval` uses, and other audio to train on."""
    if data is None and not negatives:
        return None
    dataset = Dataset(Path(), "recordings")
    if data is not None:
        with _progress(is_main) as progress:
            dataset = assign_splits(read_dataset(data), progress=progress)
    return with_other_audio(dataset, negatives, "train")


def _made_by(data: Dataset, extra: Dataset | None) -> dict[str, Any]:
    """Return what the model file stores about this command: it trains on these clips."""
    part = data.subset("train").with_clips_of(extra or Dataset(Path(), "no extra data"))
    return output_file.made_by(
        "train", (clip for clips in part.by_role().values() for clip in clips)
    )


def _only_keyword(dataset: Dataset, data: Path) -> list[str]:
    labels = dataset.labels()
    if len(labels) == 1:
        return labels
    if not labels:
        raise ManifestError(
            f"{data}: holds no clips of a keyword. Put them into a folder named after it, or give "
            "them its name as label."
        )
    raise ManifestError(
        f"{data}: holds clips of {len(labels)} words ({', '.join(labels[:8])}). "
        "Name those to learn: --keyword WORD, once or more."
    )


def _progress(is_main: bool) -> AbstractContextManager[ProgressCallback | None]:
    return progress_display() if is_main else nullcontext()


def _report(
    made: MadeModel,
    gain: TransferGain | None,
    output: Path,
    training: TrainingInput,
    report: Path | None,
    as_json: bool,
) -> None:
    held_out: list[str] = []
    if report:
        from wakeword.cli.training_report import report_on_held_out_clips  # it loads the plots

        held_out = report_on_held_out_clips(made.model, output, training, report)
    for note in (*(made.trained.notes if made.trained else ()), *training.notes):
        print_note(note)
    if as_json:
        summary = {**_summary(made, gain, output), "notes": training.notes, "verdict": held_out}
        click.echo(json.dumps(summary, indent=2))
        return
    console, point = Console(stderr=True), made.model.operating_point
    two_stages = made.trained is not None and made.trained.verifier is not None
    lines = [
        *(_stage_lines(made.trained) if made.trained else []),
        *([_enrolled(made.model.origin.training)] if made.method == "enroll" else []),
        *([made.summary] if made.summary else []),
        *(
            f"'{keyword}' is detected at scores of {threshold:.4f} or more ({point.provenance})"
            for keyword, threshold in point.thresholds.items()
        ),
        *([format_calibration_advice(output)] if point.provisional else []),
        *([f"{'the gate alone: ' if two_stages else ''}{gain}"] if gain else []),
        *(f"held out: {line}" for line in held_out),
        f"wrote {output} ({format_file_size(output.stat().st_size)})",
        *([f"wrote {report}"] if held_out else []),
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _summary(made: MadeModel, gain: TransferGain | None, output: Path) -> dict[str, Any]:
    """Return what --json prints."""
    point, result = made.model.operating_point, made.trained
    summary: dict[str, Any] = {
        "model": str(output),
        "method": made.method,
        "methods_compared": made.summary,
        "keywords": list(made.model.keywords),
        "thresholds": dict(point.thresholds),
        "threshold_provenance": point.provenance,
        "threshold_provisional": point.provisional,
        "training": dict(made.model.origin.training),
        "history": [asdict(epoch) for epoch in result.history] if result else [],
        "compared_with_scratch": asdict(gain) if gain else None,
    }
    if result and result.verifier and made.method == "train":
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


def _enrolled(training: Mapping[str, Any]) -> str:
    return f"enrolled: {training['keyword_clips']} clips serve as examples; nothing is trained"


def _trained(training: Mapping[str, Any]) -> str:
    return (
        f"strategy {training['strategy']} ({training['reason']}); {training['trainable']:,} of "
        f"{training['parameters']:,} parameters trained, {training['epochs']} epochs"
    )
