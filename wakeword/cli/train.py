"""`wakeword train`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import click
from rich.console import Console

from wakeword import storage
from wakeword.cli import options
from wakeword.cli.console import progress_display
from wakeword.data.clip import Clip
from wakeword.data.readers import find_recordings, read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.errors import ConfigError, ManifestError
from wakeword.heads import HEADS
from wakeword.model.file import save_model
from wakeword.training.config import TrainConfig
from wakeword.training.distributed import process_group
from wakeword.training.examples import ExampleConfig
from wakeword.training.losses import LOSSES
from wakeword.training.result import TrainResult, TransferGain
from wakeword.training.strategy import STRATEGIES
from wakeword.training.train import train as run_training


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@options.model_file
@click.option(
    "-k", "--keyword", "keywords", multiple=True, help="A word to learn; may be repeated."
)
@click.option(
    "--negatives",
    multiple=True,
    type=click.Path(path_type=Path),
    help="More recordings without the keyword, such as `wakeword mine` collects; may be repeated.",
)
@click.option(
    "--more",
    multiple=True,
    type=click.Path(path_type=Path),
    help="More clips with or without the keyword, such as synthetic voices: a manifest or folder "
    "to learn from, of which nothing is held out; may be repeated.",
)
@options.encoder
@options.weights
@click.option(
    "--streaming", default="", help="chunked or window.  [default: the best that the encoder can]"
)
@click.option(
    "--hop-ms",
    type=int,
    help="Sound taken in at once, such as 320: more costs less, but fires "
    "later.  [default: the encoder's]",
)
@click.option("--strategy", default="auto", show_default=True, help=", ".join(STRATEGIES))
@click.option("--head", default="conv", show_default=True, help=", ".join(HEADS))
@click.option("--loss", default="bce", show_default=True, help=", ".join(LOSSES))
@click.option("--layers", help="Encoder layers to mix, such as 2,3,4.  [default: the top three]")
@options.seed
@options.epochs
@options.hours
@options.false_accepts("False accepts per hour that the stored threshold aims at.")
@click.option(
    "--compare-scratch",
    is_flag=True,
    help="Train the same network from random weights too, and say what the recogniser is worth.",
)
@options.work
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def train(
    data: Path,
    output: Path,
    keywords: tuple[str, ...],
    negatives: tuple[Path, ...],
    more: tuple[Path, ...],
    encoder: str | None,
    weights: Path | None,
    streaming: str,
    hop_ms: int | None,
    strategy: str,
    head: str,
    loss: str,
    layers: str | None,
    seed: int,
    epochs: int,
    hours: float,
    fa_per_hour: float,
    compare_scratch: bool,
    work: Path | None,
    as_json: bool,
) -> None:
    """Train a model from recordings: DATA is a folder of folders, a manifest, or a corpus.

    Where DATA states no splits, a fifth of its speakers is left out, always the same ones: they are
    what `wakeword eval` measures on.

    A killed training goes on where it stopped when the same command is given again. Started by
    torchrun, several processes share the work and make one model; on several machines --work has to
    be a folder that all of them see.

    \b
    Examples:
      wakeword train recordings/ -o alexa.wakeword
      wakeword train recordings/ -o two.wakeword --keyword alexa --keyword computer
      wakeword train manifest.jsonl -o a.wakeword --keyword alexa --strategy top:1
      wakeword train recordings/ -o alexa.wakeword --compare-scratch
      torchrun --nproc-per-node 4 -m wakeword train recordings/ -o alexa.wakeword
    """
    console = Console(stderr=True)
    team = click.get_current_context().with_resource(process_group())
    if team.is_main:
        storage.check_writable(output)
    dataset = assign_splits(read_dataset(data))  # as eval does: what it will hear is not learned
    without = tuple(
        Clip(path, split="train") for part in negatives for path in find_recordings(part)
    )
    dataset = replace(dataset, negatives=(*dataset.negatives, *without))
    words = list(keywords) or _only_word(dataset.labels(), data)
    config = TrainConfig(
        encoder=options.chosen(encoder, weights),
        streaming=streaming,
        hop_ms=hop_ms,
        strategy=strategy,
        head=head,
        loss=loss,
        layers=_numbers(layers),
        seed=seed,
        epochs=epochs,
        false_accepts_per_hour=fa_per_hour,
        examples=ExampleConfig().with_hours(hours),
    )
    others = read_datasets(more)
    gain = None
    with progress_display() if team.is_main else nullcontext() as progress:

        def trained_with(config: TrainConfig) -> TrainResult:
            return run_training(
                dataset,
                words,
                config,
                extra_data=others,
                weights=weights,
                work_dir=work,
                progress=progress,
            )

        trained = trained_with(config)
        if team.is_main:
            save_model(trained.model, output)
        if compare_scratch:
            gain = TransferGain.of(trained, trained_with(replace(config, strategy="scratch")))
    if not team.is_main:
        return
    for note in trained.notes:
        console.print(f"[yellow]note:[/yellow] {note}", highlight=False)
    about = trained.model.origin.training
    if as_json:
        summary = {
            "model": str(output),
            "keywords": words,
            "thresholds": dict(trained.model.operating_point.thresholds),
            "training": dict(about),
            "history": [asdict(epoch) for epoch in trained.history],
            "compared_with_scratch": asdict(gain) if gain else None,
        }
        click.echo(json.dumps(summary, indent=2))
        return
    console.print(trained.stripped, highlight=False)
    console.print(
        f"strategy {about['strategy']} ({about['reason']}); "
        f"{about['trainable']:,} of {about['parameters']:,} parameters learned, "
        f"{about['epochs']} epochs",
        highlight=False,
    )
    for word, threshold in trained.model.operating_point.thresholds.items():
        console.print(
            f"'{word}' fires from a score of {threshold:.4f} "
            f"({trained.model.operating_point.provenance})",
            highlight=False,
        )
    if gain:
        console.print(str(gain), highlight=False)
    console.print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)", highlight=False)


def _only_word(words: list[str], data: Path) -> list[str]:
    if len(words) == 1:
        return words
    raise ManifestError(
        f"{data}: holds clips of {len(words)} words ({', '.join(words[:8])}). "
        "Say which to learn: --keyword WORD, once or more."
    )


def _numbers(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ConfigError(f"--layers {text}: expected numbers such as 2,3,4.") from None
