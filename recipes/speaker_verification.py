"""Speaker verification: how often it rejects the enrolled speaker, and accepts other speakers.

    pip install --no-deps resemblyzer==0.1.4
    python recipes/speaker_verification.py CORPUS MODEL
    python recipes/speaker_verification.py CORPUS MODEL --split train \\
        --similarity 0.65 --similarity 0.7 --similarity 0.75

The last command is how the similarity threshold was chosen.

Data: any layout that `wakeword train` reads, with speakers. Each speaker of the split with seven or
more clips of the keyword is enrolled once, with four of the clips, drawn with a fixed seed. The
speaker's other clips, and all clips of everybody else, go through the detector in quiet and in
noise. Prints how many of the speaker's keywords are missed by the detector and rejected by the
second stage, and how many of the others' are accepted. README.md has the results.

Here a speaker's recordings come from one evening and one microphone, which is easier than real use.
MODEL was trained on the train split, so misses without the second stage say nothing there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np

from wakeword.audio.samples import Samples
from wakeword.cli import detector_factory
from wakeword.cli.console import TeachingCommand
from wakeword.cli.options import option
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.detection.speaker_verification import SIMILARITY_THRESHOLD, SpeakerVerifier
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.evaluation.test_streams import Stream, StreamReader, positive_stream

ENROLMENT_CLIPS = 4
MIN_TEST_CLIPS = 3


@dataclass
class Trials:
    """Outcomes under one condition.

    Attributes:
        undetected: clips of enrolled speakers that the detector missed.
        own: similarity of each detected clip of an enrolled speaker.
        others: similarity of each clip of another speaker; -1 where it was not detected.
    """

    undetected: int = 0
    own: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("file", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True)
@option(
    "--similarity",
    "thresholds",
    aliases=["--like"],
    multiple=True,
    default=(SIMILARITY_THRESHOLD,),
    show_default=True,
    type=float,
    help="Cosine from which a voice is accepted. Repeatable.",
)
def main(corpus: Path, file: Path, split: str, thresholds: tuple[float, ...]) -> None:
    """Enrol each speaker of CORPUS in turn and play all clips of the keyword to MODEL."""
    (keyword,) = detector_factory.open_detector(file, None).model.keywords
    part = select_keywords(assign_splits(read_dataset(corpus)), [keyword]).subset(split)
    enrolled = enrol_speakers(part)
    print("| condition | threshold | own: missed and rejected | others: accepted |")
    print("|---|---|---|---|")
    for condition in (CLEAN, noisy(10.0), noisy(0.0)):
        trials = Trials()
        detections = detect_clips(file, positive_stream(part, condition))
        for speaker, (enrolment, verifier) in enrolled.items():
            for clip, samples in detections:
                if clip in enrolment:
                    continue
                similarity = -1.0 if samples is None else verifier.identify(samples)[1]
                if clip.speaker != speaker:
                    trials.others.append(similarity)
                elif samples is None:
                    trials.undetected += 1
                else:
                    trials.own.append(similarity)
        for threshold in thresholds:
            rejected = sum(similarity < threshold for similarity in trials.own)
            accepted = sum(similarity >= threshold for similarity in trials.others)
            own, others = trials.undetected + len(trials.own), len(trials.others)
            print(
                f"| {condition.name} | {threshold:g} | {trials.undetected} and {rejected} of {own} "
                f"| {accepted} of {others} ({accepted / others:.1%}) |",
                flush=True,
            )


def enrol_speakers(part: Dataset) -> dict[str, tuple[list[Clip], SpeakerVerifier]]:
    """Return, for each speaker with enough clips, the enrolment clips and a verifier."""
    by_speaker: dict[str | None, list[Clip]] = defaultdict(list)
    for clip in part.keywords:
        by_speaker[clip.speaker].append(clip)
    rng = np.random.default_rng(0)
    enrolled = {}
    for speaker, clips in sorted(by_speaker.items(), key=str):
        if speaker and len(clips) >= ENROLMENT_CLIPS + MIN_TEST_CLIPS:
            enrolment = [clips[i] for i in rng.permutation(len(clips))[:ENROLMENT_CLIPS]]
            samples = [clip.load() for clip in enrolment]
            enrolled[speaker] = enrolment, SpeakerVerifier({speaker: samples})
    return enrolled


def detect_clips(file: Path, stream: Stream) -> list[tuple[Clip, Samples | None]]:
    """Return each clip with the samples that a second stage would get; None: not detected."""
    verified: list[Samples] = []

    def accept(samples: Samples) -> bool:
        verified.append(samples)
        return True

    detector = detector_factory.open_detector(file, None, verify=accept)
    reader = StreamReader(stream, ClipLoader())
    detections = [each for samples in reader for each in detector.feed(samples)]
    detections += detector.flush()
    results: list[tuple[Clip, Samples | None]] = []
    for (_, clip), segment in zip(reader.pieces, reader.segments, strict=True):
        in_clip = (
            samples
            for detection, samples in zip(detections, verified, strict=True)
            if segment.start_s <= detection.time <= segment.end_s + HIT_TOLERANCE_S
        )
        results.append((clip, next(in_clip, None)))
    return results


if __name__ == "__main__":
    main()
