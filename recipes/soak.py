"""Check that a detector that has run for a day still gives the scores of its first minute.

    python recipes/soak.py alexa.wakeword evening.flac clip.wav --hours 24

Data: a long recording and a clip of the keyword. The recording is fed to one detector again and
again, faster than real time and 80 ms at a time, for HOURS; before and after, the clip is played to
it. Then a hundred streams at once, each starting at another place of the recording, go through one
`DetectorPool`; each is also fed to a detector of its own.

Prints memory and detections by the hour, the largest change of the clip's scores between start and
end, and how many of the hundred streams have the same detections alone. Duration: HOURS times the
model's real-time factor (`wakeword bench`), on one core.
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
from wakeword.model.two_stage import AnyModel
from wakeword.parallel import single_threaded

STREAMS = 100
STREAM_S = 10
GRID = 153_600  # samples, 9.6 s: whole blocks of 160 and 240 ms, and of Whisper's positions


@click.command(cls=TeachingCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@click.argument("clip", type=click.Path(path_type=Path))
@click.option("--hours", default=24.0, show_default=True)
def main(file: Path, recording: Path, clip: Path, hours: float) -> None:
    """Feed RECORDING to the model in FILE for HOURS; play CLIP to it before and after."""
    model = load_model(file)
    samples = load_audio(recording)
    with single_threaded():
        run_for_hours(model, samples, load_audio(clip), hours)
        run_many_streams(model, samples)


def run_for_hours(model: AnyModel, samples: Samples, clip: Samples, hours: float) -> None:
    """Feed one detector for hours; print its memory and the change of the clip's scores."""
    detector = Detector(model)
    first = clip_scores(detector, clip, 0)
    fed, detections, hours_printed = len(clip), 0, 0
    for block in cycle(np.split(samples, range(BLOCK_SAMPLES, len(samples), BLOCK_SAMPLES))):
        if fed >= hours * 3600 * SAMPLE_RATE:
            break
        detections += len(detector.feed(block))
        fed += len(block)
        if fed >= 3600 * SAMPLE_RATE * hours_printed:
            print(f"{hours_printed:3} h: {memory_mb():.1f} MB, {detections} detections", flush=True)
            hours_printed += 1
    last = clip_scores(detector, clip, fed)
    change = max(abs(a - b) for a, b in zip(first, last, strict=True))
    print(
        f"after {fed / SAMPLE_RATE / 3600:.1f} h: {memory_mb():.1f} MB; the clip's scores, at most "
        f"{max(first):.4f}, changed by at most {change:.1e}"
    )


def clip_scores(detector: Detector, clip: Samples, fed: int) -> list[float]:
    """Return the score after each block of a clip that starts on the grid, after silence."""
    silence = 2 * GRID - fed % GRID
    detector.feed(np.zeros(silence, dtype=np.float32))
    scores = []
    for start in range(0, len(clip), BLOCK_SAMPLES):
        detector.feed(clip[start : start + BLOCK_SAMPLES])
        scores.append(max(detector.scores.values()))
    return scores


def run_many_streams(model: AnyModel, samples: Samples) -> None:
    """Feed many streams to one pool; print how many have the same detections as alone."""
    starts = np.linspace(0, max(1, len(samples) - STREAM_S * SAMPLE_RATE), STREAMS).astype(int)
    streams = [samples[start : start + STREAM_S * SAMPLE_RATE] for start in starts]
    pool = DetectorPool(model, threshold=0.0)
    pooled: list[list[Detection]] = [[] for _ in streams]
    for i in range(STREAMS):
        pool.open(i)
    for start in range(0, STREAM_S * SAMPLE_RATE, BLOCK_SAMPLES):
        blocks = {i: each[start : start + BLOCK_SAMPLES] for i, each in enumerate(streams)}
        for i, detections in pool.feed(blocks).items():
            pooled[i] += detections
    equal = 0
    for stream, detections in zip(streams, pooled, strict=True):
        expected = Detector(model, threshold=0.0).feed(stream)
        same_events = [(d.keyword, d.time) for d in detections] == [
            (d.keyword, d.time) for d in expected
        ]
        equal += same_events and np.allclose(
            [d.score for d in detections], [d.score for d in expected], atol=1e-4
        )
    print(f"{equal} of {STREAMS} simultaneous streams have the same detections as alone")


if __name__ == "__main__":
    main()
