"""Does a detector that has run for a day still hear what it heard in its first minute?

    python recipes/soak.py alexa.wakeword evening.flac clip.wav --hours 24

The recording is fed over and over, faster than real time and 80 ms at a time, to one detector,
until it has heard HOURS; before and after, the clip is played to it. Memory is the process's.

Then a hundred streams at once, each beginning at another place of the recording, go through one
`DetectorPool`; beside them each is heard again by a detector of its own.

Prints memory and detections by the hour, the largest difference of a score of the clip between the
first day's start and end, and how many of the hundred streams were heard as by themselves.
Takes HOURS times the model's real-time factor (`wakeword bench`), on one core.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import click
import numpy as np

from wakeword.audio.files import load_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli.console import TeachingCommand
from wakeword.detection.detector import Detector
from wakeword.detection.pool import DetectorPool
from wakeword.detection.trigger import Detection
from wakeword.evaluation.benchmark import BLOCK_SAMPLES, memory_mb
from wakeword.model.file import load_model
from wakeword.model.network import WakeWordModel
from wakeword.parallel import single_threaded

STREAMS = 100
STREAM_S = 10
GRID = 160 * 320  # samples, 3.2 s: whole blocks, after which positions of Whisper start again too


@click.command(cls=TeachingCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@click.argument("clip", type=click.Path(path_type=Path))
@click.option("--hours", default=24.0, show_default=True)
def main(file: Path, recording: Path, clip: Path, hours: float) -> None:
    """Feed RECORDING to the model in FILE for HOURS; play CLIP to it before and after."""
    model = load_model(file)
    sound, word = load_audio(recording), load_audio(clip)
    with single_threaded():
        day(model, sound, word, hours)
        crowd(model, sound)


def day(model: WakeWordModel, sound: Samples, word: Samples, hours: float) -> None:
    """One detector, many hours."""
    detector = Detector(model)
    first = scores_of(detector, word, 0)
    fed, detections, shown = len(word), 0, 0
    for block in cycle(np.split(sound, range(BLOCK_SAMPLES, len(sound), BLOCK_SAMPLES))):
        if fed >= hours * 3600 * SAMPLE_RATE:
            break
        detections += len(detector.feed(block))
        fed += len(block)
        if fed >= 3600 * SAMPLE_RATE * shown:
            print(f"{shown:3} h: {memory_mb():.1f} MB, {detections} detections", flush=True)
            shown += 1
    last = scores_of(detector, word, fed)
    difference = max(abs(a - b) for a, b in zip(first, last, strict=True))
    print(
        f"after {fed / SAMPLE_RATE / 3600:.1f} h: {memory_mb():.1f} MB; the clip's scores, "
        f"{max(first):.4f} at their highest, moved by at most {difference:.1e}"
    )


def scores_of(detector: Detector, word: Samples, fed: int) -> list[float]:
    """The score after each 80 ms of a clip that begins where GRID does, after silence."""
    silence = 2 * GRID - fed % GRID
    detector.feed(np.zeros(silence, dtype=np.float32))
    scores = []
    for start in range(0, len(word), BLOCK_SAMPLES):
        detector.feed(word[start : start + BLOCK_SAMPLES])
        scores.append(max(detector.scores.values()))
    return scores


def crowd(model: WakeWordModel, sound: Samples) -> None:
    """Many streams at once, against each alone."""
    starts = np.linspace(0, max(1, len(sound) - STREAM_S * SAMPLE_RATE), STREAMS).astype(int)
    sounds = [sound[at : at + STREAM_S * SAMPLE_RATE] for at in starts]
    pool = DetectorPool(model, threshold=0.0)
    together: list[list[Detection]] = [[] for _ in sounds]
    for i in range(STREAMS):
        pool.open(i)
    for at in range(0, STREAM_S * SAMPLE_RATE, BLOCK_SAMPLES):
        for i, heard in pool.feed(
            {i: s[at : at + BLOCK_SAMPLES] for i, s in enumerate(sounds)}
        ).items():
            together[i] += heard
    same = 0
    for i, alone in enumerate(sounds):
        expected = Detector(model, threshold=0.0).feed(alone)
        times = [(d.keyword, d.time) for d in expected]
        near = np.allclose([d.score for d in together[i]], [d.score for d in expected], atol=1e-4)
        same += [(d.keyword, d.time) for d in together[i]] == times and near
    print(f"{same} of {STREAMS} streams at once heard as each alone")


if __name__ == "__main__":
    main()
