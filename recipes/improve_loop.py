"""From the false accepts of a weak model to a better model, and the refusal of wrong labels.

    python recipes/improve_loop.py CORPUS OUT --keyword snowboy

A deliberately weak model, its head alone, learns the keyword from a tenth of the train split's
negatives, for two epochs. One half of the dev split is then played to it like an evening at home.
Detections and near-threshold scores are captured like `wakeword listen --save-triggers` does, and
get their true labels, like in `wakeword review`. `wakeword improve` continues from there: all
layers are trained, on these clips and on what the weak model had; the other half of the dev split,
by other speakers, decides whether the new model is accepted. Finally the better model is offered
the same clips with every label swapped: that batch should be refused.

Data: any layout that `wakeword train` reads. Prints how many clips were captured, and the report of
`wakeword improve` on both batches. README.md has the result for 'snowboy'.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli import main as wakeword_command
from wakeword.cli.console import TeachingCommand
from wakeword.cli.options import option
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.data.writer import write_manifest
from wakeword.detection.capture import TriggerCapture, captured_clips, label_clip
from wakeword.detection.detector import Detector
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.evaluation.test_streams import Stream, render
from wakeword.model.file import load_model, save_model
from wakeword.model.network import WakeWordModel
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig
from wakeword.training.train import train

NEGATIVES_SHARE = 0.1  # of the train split's negatives, for the weak model
MIN_NEGATIVES = 6
BLOCK = 1280


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@option("--keyword", aliases=["--word"], default="snowboy", show_default=True)
@click.option("--encoder", default="wakeword-stream", show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint of the encoder.")
@click.option("--hours", default=1.6, show_default=True, help="Hours of training examples.")
def main(
    corpus: Path, out: Path, keyword: str, encoder: str, weights: Path | None, hours: float
) -> None:
    """Train a weak model on CORPUS, play an evening to it, and improve it with two batches."""
    data = select_keywords(assign_splits(read_dataset(corpus)), [keyword])
    evening, rest = split_dev_by_speaker(with_few_negatives(data))
    write_manifest(rest, out / "rest.jsonl")
    weak, better = out / "weak.wakeword", out / "reviewed.wakeword"
    if not weak.is_file():
        save_model(train_weak_model(rest, keyword, encoder, weights, hours), weak)
    for name, correct in (("reviewed", True), ("poisoned", False)):
        folder = out / name
        if not folder.is_dir():
            counts = capture_evening(load_model(weak), evening, folder, keyword, correct)
            print(f"{name}: {counts[0]} clips with the keyword, {counts[1]} without")
        model = better if better.is_file() else weak
        command = ["improve", model, folder, "--data", out / "rest.jsonl"]
        command += ["-o", out / f"{name}.wakeword", "--hours", hours, "--strategy", "full"]
        try:
            wakeword_command([str(part) for part in command], standalone_mode=False)
        except SystemExit as end:
            print(f"{name}: exit code {end.code}", flush=True)


def with_few_negatives(data: Dataset) -> Dataset:
    """Return the data set with a tenth of the negatives of its train split, but at least six."""
    negatives = data.subset("train").negatives
    order = np.random.default_rng(0).permutation(len(negatives))
    kept = max(MIN_NEGATIVES, round(NEGATIVES_SHARE * len(negatives)))
    dropped = {negatives[i] for i in order[kept:]}
    return replace(data, negatives=tuple(c for c in data.negatives if c not in dropped))


def train_weak_model(
    data: Dataset, keyword: str, encoder: str, weights: Path | None, hours: float
) -> WakeWordModel:
    """Train the head alone, for two epochs."""
    examples = ExampleConfig().with_hours(hours / 2)
    config = TrainConfig(encoder=encoder, strategy="head", epochs=2, examples=examples)
    return train(data, [keyword], config, weights=weights).model


def split_dev_by_speaker(data: Dataset) -> tuple[Dataset, Dataset]:
    """Return half of the dev split's speakers (and of its recordings by nobody), and the rest."""
    dev = data.subset("dev")
    by_speaker: dict[object, list[Clip]] = {}
    for clip in (*dev.keywords, *dev.negatives):
        by_speaker.setdefault(clip.speaker or clip, []).append(clip)
    groups = list(by_speaker.values())
    np.random.default_rng(0).shuffle(groups)
    groups.sort(key=lambda clips: -sum(clip.label is not None for clip in clips))
    evening = {clip for clips in groups[1::2] for clip in clips}  # about half of the keyword clips
    return (
        data.map(lambda clips: tuple(clip for clip in clips if clip in evening)),
        data.map(lambda clips: tuple(clip for clip in clips if clip not in evening)),
    )


def capture_evening(
    model: WakeWordModel, evening: Dataset, folder: Path, keyword: str, correct: bool
) -> tuple[int, int]:
    """Play a data set, capture what is or nearly is detected, and label it.

    Args:
        model: the weak model.
        evening: clips to play, in random order.
        folder: where the captured clips go.
        keyword: the keyword.
        correct: whether the labels are right; otherwise all are swapped.

    Returns:
        How many clips were labelled as the keyword, and how many not.
    """
    detector = Detector(model)
    capture = TriggerCapture(folder, SAMPLE_RATE, detector.thresholds, max_clips=100_000)
    clips = (*evening.keywords, *evening.negatives)
    order = np.random.default_rng(1).permutation(len(clips))
    segments: list[KeywordSegment] = []
    fed = 0
    for part in render(Stream("evening", tuple(clips[i] for i in order)), ClipLoader()):
        if part.segment:
            segments.append(part.segment.shifted(fed / SAMPLE_RATE))
        fed += len(part.samples)
        for i in range(0, len(part.samples), BLOCK):
            block = part.samples[i : i + BLOCK]
            capture.feed(block, detector.feed(block), detector.scores)
    capture.finish()
    counts = [0, 0]
    for clip, moment in captured_clips(folder):
        is_keyword = any(
            segment.start_s <= moment.time <= segment.end_s + HIT_TOLERANCE_S
            for segment in segments
        )
        label_clip(clip, keyword if is_keyword == correct else "")
        counts[is_keyword != correct] += 1
    return counts[0], counts[1]


if __name__ == "__main__":
    main()
