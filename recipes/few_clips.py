"""How few clips are enough: N training clips a word, drawn several times.

    python recipes/few_clips.py CORPUS OUT --clips 10 --draws 5

Each draw takes N clips of a word from the train split and trains with every other setting at its
default; the recordings without the word stay all there. Measured on the whole dev split, clean and
at 10 dB together, at no more than 0.5 false accepts per hour of its negatives.

With so few clips the encoder stays as it is, so its frames of the dev streams are computed once per
word, in the blocks of `wakeword eval`, and kept in half precision under OUT; so are the scenes
without the word, which all draws share.

Models and frames of each way to stream are kept apart, in a folder of OUT named after it.

Prints one line per draw, then the mean of each word and of all. A run that is cut off goes on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from wakeword import model as models
from wakeword.cli import show
from wakeword.data import Dataset, assign_splits, for_keywords, read_dataset
from wakeword.data.library import Library
from wakeword.encoders import ways_to_stream
from wakeword.evaluation import evaluate, metrics
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.metrics import Point
from wakeword.evaluation.streams import negative_stream, positive_stream
from wakeword.model import WakeWordModel
from wakeword.training.features import FeatureStore
from wakeword.training.scenes import SceneConfig
from wakeword.training.train import TrainConfig, train
from wakeword.work import Progress


@click.command(cls=show.Command)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--clips", default=10, show_default=True)
@click.option("--draws", default=5, show_default=True)
@click.option("--word", "words", multiple=True, help="Only this one; may be repeated.")
@click.option(
    "--hours", default=SceneConfig().hours, show_default=True, help="Of training audio to make."
)
@click.option(
    "--spoken",
    type=click.Path(path_type=Path),
    help="Folder of speak.py: learn from its <word>.jsonl too.",
)
@click.option("--encoder", default=TrainConfig.encoder, show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Its checkpoint, if you have one.")
@click.option("--streaming", default="", help="exact or window.  [default: the encoder's best]")
@click.option("--hop-ms", type=int, help="Sound taken in at once.  [default: the encoder's]")
def main(
    corpus: Path,
    out: Path,
    clips: int,
    draws: int,
    words: tuple[str, ...],
    hours: float,
    spoken: Path | None,
    encoder: str,
    weights: Path | None,
    streaming: str,
    hop_ms: int | None,
) -> None:
    """Train on a few clips of each word of CORPUS, again and again."""
    data = assign_splits(read_dataset(corpus))
    streaming = streaming or ways_to_stream(encoder)[0]
    out = out / f"{encoder}-{streaming}-{hop_ms or 'default'}{'-spoken' if spoken else ''}"
    scenes = SceneConfig().of_hours(hours)
    config = TrainConfig(
        encoder=encoder, streaming=streaming, hop_ms=hop_ms, strategy="head", scenes=scenes
    )
    rates: list[float] = []
    for word in words or data.words():
        task = for_keywords(data, [word])
        of_word: list[float] = []
        for draw in range(draws):
            file = out / f"{word}-{clips}-{draw}.wakeword"
            with show.progress() as progress:
                if not file.is_file():
                    trained = train(
                        drawn(task, clips, draw),
                        [word],
                        config,
                        more=read_dataset(spoken / f"{word}.jsonl") if spoken else None,
                        weights=weights,
                        work=out / "work",
                        progress=progress,
                    )
                    models.save(trained.model, file)
                points = measured(models.load(file), task.subset("dev"), out / "dev", progress)
            of_word.append(sum(p.missed for p in points) / sum(p.spoken for p in points))
            cells = " | ".join(f"{p.missed} of {p.spoken}" for p in points)
            print(f"| {word} | {draw} | {cells} | {of_word[-1]:.1%} |", flush=True)
        rates += of_word
        print(summary(word, of_word), flush=True)
    print(summary("all", rates))


def drawn(task: Dataset, clips: int, draw: int) -> Dataset:
    """The train split with a few of its keyword clips."""
    part = task.subset("train")
    chosen = np.random.default_rng(draw).permutation(len(part.keywords))[:clips]
    return replace(part, keywords=tuple(part.keywords[i] for i in sorted(chosen)))


def measured(
    model: WakeWordModel, part: Dataset, folder: Path, progress: Progress | None
) -> list[Point]:
    """Clean and at 10 dB, at the threshold where both together miss fewest at 0.5 per hour."""
    store = FeatureStore(folder, model.frontend, model.encoder, model.encoder.depth)
    library = Library([], [], [], {})
    wanted = [negative_stream(part), *(positive_stream(part, c) for c in (CLEAN, noisy(10.0)))]
    negatives, *tracks = [store.stream(each, library, progress).track(model) for each in wanted]
    curves = [evaluate.curve(model, 0, track, negatives) for track in tracks]
    best = metrics.at_false_accepts(metrics.merged(curves), 0.5)
    assert best is not None
    return [point for curve in curves for point in curve if point.threshold == best.threshold]


def summary(name: str, rates: list[float]) -> str:
    return (
        f"{name}: mean {np.mean(rates):.2%} missed at 0.5 false accepts per hour; "
        f"draws from {min(rates):.1%} to {max(rates):.1%}, standard deviation {np.std(rates):.1%}"
    )


if __name__ == "__main__":
    main()
