"""Train and measure one model for each word of a corpus: the table and the picture of the README.

    python recipes/four_words.py CORPUS OUT
    python recipes/four_words.py CORPUS OUT/scratch --strategy scratch --hours 0.8 --epochs 6

The second line is the baseline: the same network from random weights, for about as many minutes.

Data: any layout that `wakeword train` reads, with a train and a dev split (or speakers, from whom
splits are made). Each word is trained on the train split with every default (`--strategy auto`)
and measured on the dev split: its clips in quiet and at 10 dB, and everything else as negatives.
A run that is cut off goes on where it stopped; models that are there are not trained again.

Prints one line per word and condition with the time that training took, writes
OUT/<word>.wakeword and OUT/det.png.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.readers import read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.evaluation.evaluator import evaluate
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.report.plots import save_det_plot
from wakeword.evaluation.results import Evaluation, KeywordResult
from wakeword.model.file import load_model, save_model
from wakeword.parallel import available_cores
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig
from wakeword.training.train import train


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--word", "words", multiple=True, help="Only this one; may be repeated.")
@click.option("--strategy", default="auto", show_default=True)
@click.option(
    "--spoken",
    type=click.Path(path_type=Path),
    help="Folder of speak.py: learn from its <word>.jsonl too.",
)
@click.option(
    "--more",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Clips to learn from beside CORPUS, such as mandarin.py makes; may be repeated.",
)
@click.option("--encoder", default=TrainConfig.encoder, show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Its checkpoint, if you have one.")
@click.option("--streaming", default="", help="exact or window.  [default: the encoder's best]")
@click.option("--hop-ms", type=int, help="Sound taken in at once.  [default: the encoder's]")
@click.option(
    "--hours", default=ExampleConfig().hours, show_default=True, help="Of training audio to make."
)
@click.option("--epochs", default=TrainConfig.epochs, show_default=True)
def main(
    corpus: Path,
    out: Path,
    words: tuple[str, ...],
    strategy: str,
    spoken: Path | None,
    more: tuple[Path, ...],
    encoder: str,
    weights: Path | None,
    streaming: str,
    hop_ms: int | None,
    hours: float,
    epochs: int,
) -> None:
    """Train on the train split of CORPUS, measure on its dev split, word by word."""
    data = assign_splits(read_dataset(corpus))
    examples = ExampleConfig().with_hours(hours)
    config = TrainConfig(
        encoder=encoder,
        streaming=streaming,
        hop_ms=hop_ms,
        strategy=strategy,
        epochs=epochs,
        examples=examples,
    )
    rows: list[KeywordResult] = []
    negatives: list[float] = []
    for word in words or data.labels():
        file = out / f"{word}.wakeword"
        with progress_display() as progress:
            if not file.exists():
                began = time.monotonic()
                of_word = [spoken / f"{word}.jsonl"] if spoken else []
                trained = train(
                    data,
                    [word],
                    config,
                    extra_data=read_datasets([*more, *of_word]),
                    weights=weights,
                    progress=progress,
                )
                save_model(trained.model, file)
                took = time.monotonic() - began
                print(f"{word}: trained in {took / 60:.1f} min on {available_cores()} cores")
            result = evaluate(load_model(file), data, progress=progress)
        rows += result.results
        negatives.append(result.negative_hours)
        for row in result.results:
            print(line(row, result.negative_hours), flush=True)
    for condition in dict.fromkeys(row.condition for row in rows):
        points = [at_half(row) for row in rows if row.condition == condition]
        mean = sum(point.miss_rate if point else 1.0 for point in points) / len(points)
        print(f"mean of {len(points)} words, {condition}: {mean:.2%} missed")
    save_det_plot(Evaluation(tuple(rows), min(negatives), ()), out / "det.png")


def at_half(row: KeywordResult) -> DetPoint | None:
    """The point at no more than 0.5 false accepts per hour."""
    return row.operating_points[0.5]


def line(row: KeywordResult, hours: float) -> str:
    point = at_half(row)
    if point is None:
        return f"| {row.keyword} | {row.condition} | no threshold within 0.5 per hour |"
    rate = point.miss_rate_estimate
    return (
        f"| {row.keyword} | {row.condition} | {point.missed} of {point.spoken} | "
        f"{rate.value:.1%} ({rate.low:.1%}–{rate.high:.1%}) | "
        f"{point.false_accepts} in {hours:.2f} h |"
    )


if __name__ == "__main__":
    main()
