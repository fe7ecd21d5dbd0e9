"""Whose word it was: how often a detector hears those it is to hear, and how often the others.

    pip install --no-deps resemblyzer==0.1.4
    python recipes/only_voices.py CORPUS MODEL
    python recipes/only_voices.py CORPUS MODEL --split train --like 0.65 --like 0.7 --like 0.75

By the second line the cosine was chosen from which on a voice counts.

Each speaker of the split with seven clips of the word or more is the one to be heard once: four of
the clips say how the voice sounds, by chance of a fixed seed, and the others and all clips of
everybody else go through the detector that ships, in quiet and in noise. Prints how many of the
speaker's words are missed, without the second stage and with it, and how many of the others' are
heard. Recordings of one speaker here come from one evening and one microphone, which is easier than
life; MODEL learned from the train split, so what is missed there without the second stage tells
nothing.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import click
import numpy as np

from wakeword.audio.samples import Samples
from wakeword.cli import detector_factory
from wakeword.cli.console import TeachingCommand
from wakeword.data.clip import Clip
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.detection.speaker_verification import SIMILARITY_THRESHOLD, SpeakerVerifier
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.evaluation.test_streams import Stream, StreamReader, positive_stream

KNOWN = 4  # clips by which a voice is known


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("file", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True)
@click.option(
    "--like", multiple=True, default=(SIMILARITY_THRESHOLD,), show_default=True, type=float
)
def main(corpus: Path, file: Path, split: str, like: tuple[float, ...]) -> None:
    """Hear the words of CORPUS with MODEL, each speaker once as the one to be heard."""
    (word,) = detector_factory.open_detector(file, None).model.keywords
    part = select_keywords(assign_splits(read_dataset(corpus)), [word]).subset(split)
    by_speaker: dict[str | None, list[Clip]] = defaultdict(list)
    for clip in part.keywords:
        by_speaker[clip.speaker].append(clip)
    rng = np.random.default_rng(0)
    known: dict[str, tuple[list[Clip], SpeakerVerifier]] = {}
    for speaker, clips in sorted(by_speaker.items(), key=str):
        if speaker and len(clips) > KNOWN + 2:
            heard = [clips[i] for i in rng.permutation(len(clips))[:KNOWN]]
            known[speaker] = heard, SpeakerVerifier({speaker: [clip.load() for clip in heard]})
    print("| heard | like | own words missed, before and by the voice | others' words heard |")
    print("|---|---|---|---|")
    for condition in (CLEAN, noisy(10.0), noisy(0.0)):
        asked = questions(file, positive_stream(part, condition))
        unheard, own, others = 0, [], []
        for speaker, (clips, voices) in known.items():
            for clip, samples in asked:
                if clip in clips:
                    continue
                cosine = -1.0 if samples is None else voices.identify(samples)[1]
                if clip.speaker != speaker:
                    others.append(cosine)
                elif samples is None:
                    unheard += 1
                else:
                    own.append(cosine)
        for least in like:
            missed = sum(cosine < least for cosine in own)
            through = sum(cosine >= least for cosine in others)
            print(
                f"| {condition.name} | {least:g} | {unheard} and {missed} of {unheard + len(own)} "
                f"| {through} of {len(others)} ({through / len(others):.1%}) |",
                flush=True,
            )


def questions(file: Path, stream: Stream) -> list[tuple[Clip, Samples | None]]:
    """Each clip with the sound that a second stage would be asked about; None: not detected."""
    asked: list[Samples] = []

    def stands(samples: Samples) -> bool:
        asked.append(samples)
        return True

    detector = detector_factory.open_detector(file, None, verify=stands)
    listened = StreamReader(stream, ClipLoader())
    found = [each for piece in listened for each in detector.feed(piece)] + detector.flush()
    answers: list[tuple[Clip, Samples | None]] = []
    for (_, clip), segment in zip(listened.pieces, listened.segments, strict=True):
        during = (
            samples
            for each, samples in zip(found, asked, strict=True)
            if segment.start_s <= each.time <= segment.end_s + HIT_TOLERANCE_S
        )
        answers.append((clip, next(during, None)))
    return answers


if __name__ == "__main__":
    main()
