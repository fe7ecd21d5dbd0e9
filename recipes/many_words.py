"""Several keywords in one model: what they cost, what they miss, and how often they are confused.

    python recipes/many_words.py CORPUS OUT --single MODELS

Data: any layout that `wakeword train` reads, with a train and a dev split. One model of all
keywords, OUT/all.wakeword, is trained with every setting at its default, unless it is there. It is
measured on the dev split next to the models of one keyword each, MODELS/<keyword>.wakeword, which
`recipes/four_words.py` trains with the same settings. The encoder runs once for all keywords; a
further keyword is one more output of the head.

Prints three tables: misses at no more than 0.5 false accepts per hour; at the same thresholds, how
many clips of each keyword trigger each keyword; and the real-time factor of models of one to eight
keywords, on one thread, in turn in one run (with untrained heads, which cost the same). README.md
has the results. Duration: one training, and a few minutes to measure.
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
from wakeword.evaluation.results import HIT_TOLERANCE_S, Evaluation, KeywordResult
from wakeword.evaluation.scoring import score_streams
from wakeword.evaluation.test_streams import positive_stream
from wakeword.heads import build_head
from wakeword.model.file import load_model, save_model
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.parallel import single_threaded
from wakeword.training.config import TrainConfig
from wakeword.training.train import train

FALSE_ACCEPTS_PER_HOUR = 0.5
COUNTS = (1, 2, 4, 8)
ROUNDS = 5


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--single", type=click.Path(path_type=Path), help="Folder of <keyword>.wakeword.")
@click.option("--encoder", default=TrainConfig.encoder, show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint of the encoder.")
@click.option("--strategy", default=TrainConfig.strategy, show_default=True)
@click.option("--seconds", default=60, show_default=True, help="Audio per timed run.")
def main(
    corpus: Path,
    out: Path,
    single: Path | None,
    encoder: str,
    weights: Path | None,
    strategy: str,
    seconds: int,
) -> None:
    """Train all keywords of CORPUS in one model and compare it with models of one keyword."""
    data = assign_splits(read_dataset(corpus))
    file = out / "all.wakeword"
    with progress_display() as progress:
        if not file.is_file():
            config = TrainConfig(encoder=encoder, strategy=strategy)
            trained = train(data, data.labels(), config, weights=weights, progress=progress)
            save_model(trained.model, file)
        model = load_model(file)
        joint = evaluate(model, data, progress=progress)
        separate = {
            keyword: evaluate(load_model(single / f"{keyword}.wakeword"), data, progress=progress)
            for keyword in (model.keywords if single else ())
        }
    tables = [
        format_misses(joint, separate),
        format_confusion(model, joint, data),
        format_cost(model, seconds),
    ]
    print("\n\n".join(tables))


def format_misses(joint: Evaluation, separate: dict[str, Evaluation]) -> str:
    """Return misses by keyword and condition: of the joint model, and of the keyword's own."""
    lines = ["| keyword | condition | misses, joint | misses, separate |", "|---" * 4 + "|"]
    own = {
        (result.keyword, result.condition): format_point(result)
        for evaluation in separate.values()
        for result in evaluation.results
    }
    for result in joint.results:
        key = result.keyword, result.condition
        lines.append(f"| {' | '.join((*key, format_point(result), own.get(key, '–')))} |")
    return "\n".join(lines)


def format_point(result: KeywordResult) -> str:
    """Return the misses with their interval: "1 of 4 (4.6%–69.9%)"."""
    point = result.operating_points[FALSE_ACCEPTS_PER_HOUR]
    if point is None:
        return "no threshold"
    rate = point.miss_rate_estimate
    return f"{point.misses} of {point.spoken} ({rate.low:.1%}–{rate.high:.1%})"


def format_confusion(model: WakeWordModel, joint: Evaluation, data: Dataset) -> str:
    """Return how many clips of each keyword, in quiet, trigger each keyword."""
    points = {
        result.keyword: result.operating_points[FALSE_ACCEPTS_PER_HOUR]
        for result in joint.results
        if result.condition == "clean"
    }
    thresholds = [point.threshold if point else 1.0 for point in map(points.get, model.keywords)]
    part = select_keywords(data, model.keywords).subset("dev")
    (scored,) = score_streams(model, [positive_stream(part)], ClipLoader())
    events, _ = trigger_for(model, thresholds).run(scored.logits)
    lines = [f"| spoken | {' | '.join(f'detected {each}' for each in model.keywords)} |"]
    lines.append("|---" * (1 + len(model.keywords)) + "|")
    for keyword in model.keywords:
        segments = scored.segments_of(keyword)
        cells = []
        for k in range(len(model.keywords)):
            times = [(event.frame + 1) * model.frame_s for event in events if event.keyword == k]
            hits = int(metrics.detected(times, segments, HIT_TOLERANCE_S).sum())
            cells.append(f"{hits} of {len(segments)}")
        lines.append(f"| {keyword} | {' | '.join(cells)} |")
    return "\n".join(lines)


def with_keywords(model: WakeWordModel, count: int) -> WakeWordModel:
    """Return the same encoder with an untrained head of the same kind for `count` keywords."""
    encoder, keywords = model.encoder, [f"keyword {number}" for number in range(count)]
    head = build_head(
        model.origin.head, encoder.dim, count, len(encoder.output_layers), encoder.frame_rate_hz
    )
    point = OperatingPoint(dict.fromkeys(keywords, 1.0))
    return WakeWordModel(encoder, head, keywords, replace(model.origin, training={}), point).eval()


def format_cost(model: WakeWordModel, seconds: int) -> str:
    """Return real-time factors: the lowest of some rounds, since other load only adds to one."""
    noise = 0.05 * np.random.default_rng(0).standard_normal(seconds * SAMPLE_RATE)
    samples = noise.astype(np.float32)
    lowest = dict.fromkeys(COUNTS, np.inf)
    with single_threaded():
        models = {count: with_keywords(model, count) for count in COUNTS}
        for _ in range(ROUNDS):
            for count, each in models.items():
                cost = benchmark.measure_engine(str(count), Detector(each).feed, samples)
                lowest[count] = min(lowest[count], cost.real_time_factor)
    lines = ["| keywords | real-time factor | relative to one |", "|---" * 3 + "|"]
    lines += [f"| {count} | {rtf:.4f} | {rtf / lowest[1]:.2f} |" for count, rtf in lowest.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
