"""Train and measure one model for each keyword of a corpus: the table and picture of the README.

    python recipes/four_words.py CORPUS OUT
    python recipes/four_words.py CORPUS OUT/single --encoder whisper-tiny.en
    python recipes/four_words.py CORPUS OUT/scratch --encoder whisper-tiny.en --strategy scratch \\
        --hours 0.8 --epochs 6

The second command makes models of a single stage. The third is their baseline: the same network
from random weights, trained for about as many minutes.

Data: any layout that `wakeword train` reads, with a train and a dev split (or speakers, from whom
splits are made). Each keyword is trained on the train split with every setting at its default
(`--strategy auto`) and measured on the dev split: its clips in quiet and at 10 dB, and everything
else as negatives. An interrupted run resumes; models that are there are not trained again.

Duration: about ten minutes per keyword on two cores. Prints one row per keyword and condition with
the training time, writes OUT/<keyword>.wakeword and OUT/det.png. README.md has the results.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.options import option
from wakeword.cli.training_options import choose_stages, examples_of, verifier_config
from wakeword.data.readers import read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.evaluation.evaluator import evaluate
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.report.plots import save_det_plot
from wakeword.evaluation.results import Evaluation, KeywordResult
from wakeword.legacy import streaming_mode
from wakeword.model.file import load_model, save_model
from wakeword.parallel import available_cores
from wakeword.synthetic.dataset import slug
from wakeword.training.config import TrainConfig
from wakeword.training.train import train

FALSE_ACCEPTS_PER_HOUR = 0.5


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@option(
    "--keyword",
    "keywords",
    aliases=["--word"],
    multiple=True,
    help="Only this keyword. Repeatable.",
)
@click.option("--strategy", default="auto", show_default=True)
@option(
    "--synthetic",
    aliases=["--spoken"],
    type=click.Path(path_type=Path),
    help="Folder of `wakeword speak`, whose <keyword>.jsonl is trained on as well.",
)
@option(
    "--extra-data",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Data to train on in addition to CORPUS, such as that of mandarin.py. Repeatable.",
)
@click.option("--encoder", help="As for `wakeword train`.")
@click.option("--verifier", default="auto", show_default=True, help="As for `wakeword train`.")
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint of the encoder.")
@click.option("--streaming", default="", help="chunked or window.  [default: the encoder's best]")
@click.option("--hop-ms", type=int, help="Audio per chunk.  [default: the encoder's]")
@click.option("--hours", type=float, help="Hours of training examples, as for `wakeword train`.")
@click.option("--epochs", default=TrainConfig.epochs, show_default=True)
def main(
    corpus: Path,
    out: Path,
    keywords: tuple[str, ...],
    strategy: str,
    synthetic: Path | None,
    extra_data: tuple[Path, ...],
    encoder: str | None,
    verifier: str,
    weights: Path | None,
    streaming: str,
    hop_ms: int | None,
    hours: float | None,
    epochs: int,
) -> None:
    """Train on the train split of CORPUS and measure on its dev split, keyword by keyword."""
    data = assign_splits(read_dataset(corpus))
    encoder, second = choose_stages(encoder, verifier, weights, streaming=streaming)
    config = TrainConfig(
        encoder=encoder,
        verifier=verifier_config(second),
        streaming=streaming_mode(streaming),
        hop_ms=hop_ms,
        strategy=strategy,
        epochs=epochs,
        examples=examples_of(hours, two_stages=second is not None),
    )
    results: list[KeywordResult] = []
    negative_hours: list[float] = []
    for keyword in keywords or data.labels():
        file = out / f"{keyword}.wakeword"
        with progress_display() as progress:
            if not file.exists():
                started = time.monotonic()
                extra = [
                    *extra_data,
                    *([synthetic / f"{slug(keyword)}.jsonl"] if synthetic else []),
                ]
                trained = train(
                    data,
                    [keyword],
                    config,
                    extra_data=read_datasets(extra),
                    weights=weights,
                    progress=progress,
                )
                save_model(trained.model, file)
                minutes = (time.monotonic() - started) / 60
                print(f"{keyword}: trained in {minutes:.1f} min on {available_cores()} cores")
            evaluation = evaluate(load_model(file), data, progress=progress)
        results += evaluation.results
        negative_hours.append(evaluation.negative_hours)
        for result in evaluation.results:
            print(format_result(result, evaluation.negative_hours), flush=True)
    for condition in dict.fromkeys(result.condition for result in results):
        points = [operating_point(r) for r in results if r.condition == condition]
        mean = sum(point.miss_rate if point else 1.0 for point in points) / len(points)
        print(f"mean of {len(points)} keywords, {condition}: miss rate {mean:.2%}")
    save_det_plot(Evaluation(tuple(results), min(negative_hours), ()), out / "det.png")


def operating_point(result: KeywordResult) -> DetPoint | None:
    """Return the point at no more than `FALSE_ACCEPTS_PER_HOUR`."""
    return result.operating_points[FALSE_ACCEPTS_PER_HOUR]


def format_result(result: KeywordResult, hours: float) -> str:
    """Return a row of the table."""
    point = operating_point(result)
    name = f"| {result.keyword} | {result.condition} |"
    if point is None:
        return f"{name} no threshold within {FALSE_ACCEPTS_PER_HOUR:g} false accepts per hour |"
    rate = point.miss_rate_estimate
    return (
        f"{name} {point.misses} of {point.spoken} | {rate.value:.1%} "
        f"({rate.low:.1%}–{rate.high:.1%}) | {point.false_accepts} in {hours:.2f} h |"
    )


if __name__ == "__main__":
    main()
