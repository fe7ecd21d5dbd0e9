"""From a weak model's false accepts to a better model, and what happens when the labels are wrong.

    python recipes/improve_loop.py CORPUS OUT --word snowboy

A deliberately weak model, its head alone, learns the word from a tenth of the other sound of the
train split, for two epochs. It then hears one half of the dev split as an evening at home; what it
detects or nearly detects is kept as `wakeword listen --save-triggers` keeps it, and gets the true
labels, as `wakeword review` would give them. `wakeword improve` goes on from there, all layers
learning, with no more than what the weak model had; the other half of the dev split, by other
people, decides. To the better model the same clips are then offered with every label swapped: that
batch is to be refused.

Prints how many clips were kept, and what `wakeword improve` says of both batches.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli import main as wakeword_command
from wakeword.cli.console import TeachingCommand
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

WEAK = 0.1  # of the negatives to learn from
BLOCK = 1280


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--word", default="snowboy", show_default=True)
@click.option("--encoder", default="wakeword-stream", show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Its checkpoint, if you have one.")
@click.option("--hours", default=1.6, show_default=True, help="Of training audio to make.")
def main(
    corpus: Path, out: Path, word: str, encoder: str, weights: Path | None, hours: float
) -> None:
    """A weak model of a word of CORPUS, an evening, and two batches of labels."""
    data = select_keywords(assign_splits(read_dataset(corpus)), [word])
    evening, rest = halves(few_negatives(data))
    write_manifest(rest, out / "rest.jsonl")
    weak, better = out / "weak.wakeword", out / "reviewed.wakeword"
    if not weak.is_file():
        save_model(weak_model(rest, word, encoder, weights, hours), weak)
    for name, true in (("reviewed", True), ("poisoned", False)):
        folder = out / name
        if not folder.is_dir():
            kept = listen(load_model(weak), evening, folder, word, true)
            print(f"{name}: {kept[0]} clips with the word, {kept[1]} without, of an evening")
        model = better if better.is_file() else weak
        command = ["improve", model, folder, "--data", out / "rest.jsonl"]
        command += ["-o", out / f"{name}.wakeword", "--hours", hours, "--strategy", "full"]
        try:
            wakeword_command([str(part) for part in command], standalone_mode=False)
        except SystemExit as end:
            print(f"{name}: exit code {end.code}", flush=True)


def few_negatives(data: Dataset) -> Dataset:
    """The data set with a tenth, but no less than six, of what it has to learn without the word."""
    learnt = data.subset("train").negatives
    order = np.random.default_rng(0).permutation(len(learnt))
    left_out = {learnt[i] for i in order[max(6, round(WEAK * len(learnt))) :]}
    return replace(data, negatives=tuple(c for c in data.negatives if c not in left_out))


def weak_model(
    data: Dataset, word: str, encoder: str, weights: Path | None, hours: float
) -> WakeWordModel:
    examples = ExampleConfig().with_hours(hours / 2)
    config = TrainConfig(encoder=encoder, strategy="head", epochs=2, examples=examples)
    return train(data, [word], config, weights=weights).model


def halves(data: Dataset) -> tuple[Dataset, Dataset]:
    """What half of the dev split's people say (and half of what nobody is named for); and the data
    set without it."""
    dev = data.subset("dev")
    by_whom: dict[object, list[Clip]] = {}
    for clip in (*dev.keywords, *dev.negatives):
        by_whom.setdefault(clip.speaker or clip, []).append(clip)
    groups = list(by_whom.values())
    np.random.default_rng(0).shuffle(groups)
    groups.sort(key=lambda clips: -sum(clip.label is not None for clip in clips))
    heard = {clip for clips in groups[1::2] for clip in clips}  # about as many words as the rest

    def of(inside: bool):
        return lambda clips: tuple(clip for clip in clips if (clip in heard) == inside)

    return data.map(of(True)), data.map(of(False))


def listen(
    model: WakeWordModel, evening: Dataset, folder: Path, word: str, true: bool
) -> tuple[int, int]:
    """Hear all of it and keep what is or nearly is detected, labelled; how many of each label."""
    detector = Detector(model)
    capture = TriggerCapture(folder, SAMPLE_RATE, detector.thresholds, max_clips=100_000)
    order = np.random.default_rng(1).permutation(len(evening.keywords) + len(evening.negatives))
    clips = (*evening.keywords, *evening.negatives)
    stream = Stream("evening", tuple(clips[i] for i in order))
    segments: list[KeywordSegment] = []
    samples = 0
    for piece in render(stream, ClipLoader()):
        if piece.segment:
            segments.append(piece.segment.shifted(samples / SAMPLE_RATE))
        samples += len(piece.samples)
        for i in range(0, len(piece.samples), BLOCK):
            block = piece.samples[i : i + BLOCK]
            found = detector.feed(block)
            capture.feed(block, found, detector.scores)
    capture.finish()
    counts = [0, 0]
    for clip, moment in captured_clips(folder):
        is_word = any(s.start_s <= moment.time <= s.end_s + HIT_TOLERANCE_S for s in segments)
        label_clip(clip, word if is_word == true else "")
        counts[is_word != true] += 1
    return counts[0], counts[1]


if __name__ == "__main__":
    main()
