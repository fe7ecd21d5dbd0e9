"""Several words in one model: what they cost, what they miss, and which are taken for another.

    python recipes/many_words.py CORPUS OUT --single MODELS

Data: any layout that `wakeword train` reads, with a train and a dev split. One model of all words,
OUT/all.wakeword, is trained with every setting at its default unless it is there, and measured on
the dev split beside the models of one word each, MODELS/<word>.wakeword, which
`recipes/four_words.py` makes with the same settings. The encoder runs once for all words; a word
more is one more output of the head.

Prints three tables: missed at no more than 0.5 false accepts per hour; at the same thresholds, how
many clips of each word set off each keyword; and the real-time factor of models of one to eight
words, one thread, in turn in one run (their heads are not trained, which costs the same).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import trigger_for
from wakeword.evaluation import benchmark, metrics
from wakeword.evaluation.evaluator import evaluate
from wakeword.evaluation.results import HIT_TOLERANCE_S, Evaluation
from wakeword.evaluation.scoring import score_streams
from wakeword.evaluation.test_streams import positive_stream
from wakeword.heads import build_head
from wakeword.model.file import load_model, save_model
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.parallel import single_threaded
from wakeword.training.config import TrainConfig
from wakeword.training.train import train

PER_HOUR = 0.5
COUNTS = (1, 2, 4, 8)
ROUNDS = 5


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--single", type=click.Path(path_type=Path), help="Folder of <word>.wakeword.")
@click.option("--encoder", default=TrainConfig.encoder, show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Its checkpoint, if you have one.")
@click.option("--strategy", default=TrainConfig.strategy, show_default=True)
@click.option("--seconds", default=60, show_default=True, help="Of sound to time, each time.")
def main(
    corpus: Path,
    out: Path,
    single: Path | None,
    encoder: str,
    weights: Path | None,
    strategy: str,
    seconds: int,
) -> None:
    """Train all words of CORPUS together and measure what that changes."""
    data = assign_splits(read_dataset(corpus))
    file = out / "all.wakeword"
    with progress_display() as progress:
        if not file.is_file():
            config = TrainConfig(encoder=encoder, strategy=strategy)
            save_model(
                train(data, data.labels(), config, weights=weights, progress=progress).model, file
            )
        model = load_model(file)
        together = evaluate(model, data, progress=progress)
        alone = {
            word: evaluate(load_model(single / f"{word}.wakeword"), data, progress=progress)
            for word in (model.keywords if single else ())
        }
    print(missed(together, alone))
    print()
    print(confusion(model, together, data))
    print()
    print(cost(model, seconds))


def missed(together: Evaluation, alone: dict[str, Evaluation]) -> str:
    """By word and condition: in the model of all words, and in that of the word alone."""
    lines = ["| word | heard | missed by the model of all | missed by its own |", "|---" * 4 + "|"]
    for row in together.results:
        own = {each.condition: each for each in alone[row.keyword].results} if alone else {}
        cells = [told(row.operating_points[PER_HOUR])]
        cells.append(told(own[row.condition].operating_points[PER_HOUR]) if own else "–")
        lines.append(f"| {row.keyword} | {row.condition} | {' | '.join(cells)} |")
    return "\n".join(lines)


def told(point: metrics.DetPoint | None) -> str:
    if point is None:
        return "no threshold"
    rate = metrics.wilson(point.missed, point.spoken)
    return f"{point.missed} of {point.spoken} ({rate.low:.1%}–{rate.high:.1%})"


def confusion(model: WakeWordModel, found: Evaluation, data: Dataset) -> str:
    """Clips of each word, in quiet, that set off each keyword."""
    clean = {
        row.keyword: row.operating_points[PER_HOUR]
        for row in found.results
        if row.condition == "clean"
    }
    thresholds = [point.threshold if point else 1.0 for point in map(clean.get, model.keywords)]
    part = select_keywords(data, model.keywords).subset("dev")
    (track,) = score_streams(model, [positive_stream(part)], ClipLoader())
    events, _ = trigger_for(model, thresholds).run(track.logits)
    lines = [f"| said | {' | '.join(f'heard {word}' for word in model.keywords)} |"]
    lines.append("|---" * (1 + len(model.keywords)) + "|")
    for word in model.keywords:
        segments = track.segments_of(word)
        cells = []
        for k in range(len(model.keywords)):
            times = [(event.frame + 1) * model.frame_s for event in events if event.keyword == k]
            hits = int(metrics.detected(times, segments, HIT_TOLERANCE_S).sum())
            cells.append(f"{hits} of {len(segments)}")
        lines.append(f"| {word} | {' | '.join(cells)} |")
    return "\n".join(lines)


def of_words(model: WakeWordModel, count: int) -> WakeWordModel:
    """The same encoder under an untrained head of the same kind for so many words."""
    encoder, words = model.encoder, [f"word {number}" for number in range(count)]
    head = build_head(
        model.origin.head, encoder.dim, count, len(encoder.output_layers), encoder.frame_rate_hz
    )
    point = OperatingPoint(dict.fromkeys(words, 1.0))
    return WakeWordModel(encoder, head, words, replace(model.origin, training={}), point).eval()


def cost(model: WakeWordModel, seconds: int) -> str:
    """Real-time factors, the least of some rounds in turn: what else runs only adds to one."""
    noise = 0.05 * np.random.default_rng(0).standard_normal(seconds * SAMPLE_RATE)
    samples = noise.astype(np.float32)
    least = dict.fromkeys(COUNTS, np.inf)
    with single_threaded():
        several = {count: of_words(model, count) for count in COUNTS}
        for _ in range(ROUNDS):
            for count, each in several.items():
                spent = benchmark.measure_engine(
                    str(count), Detector(each).feed, samples
                ).real_time_factor
                least[count] = min(least[count], spent)
    lines = ["| words | real-time factor | times that of one |", "|---" * 3 + "|"]
    lines += [
        f"| {count} | {spent:.4f} | {spent / least[1]:.2f} |" for count, spent in least.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
