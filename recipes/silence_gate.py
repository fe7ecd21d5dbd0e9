"""Measure what a silence gate saves in a quiet room, and how many keywords it costs.

    python recipes/silence_gate.py CORPUS MODEL
    python recipes/silence_gate.py CORPUS MODEL --gap 60

Every keyword clip of the dev split, under each condition, follows a gap of faint noise (-65 dB), or
of the background noise of the condition. The stream goes through the detector, 80 ms at a time on
one thread, with a gate and without.

Data: any layout that `wakeword train` reads. Duration: the audio (48 clips at the default gap are
20 minutes) times the real-time factor, six times. Prints misses, false accepts, the share of the
audio that was computed, and the processor time; and, where the package `silero-vad` is installed,
the cost of running that network instead, which must be less than what it saves.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.cli import detector_factory
from wakeword.cli.console import TeachingCommand
from wakeword.data.clip import KeywordSegment
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Scores
from wakeword.evaluation import metrics
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.evaluation.test_streams import GAP_S, Stream, positive_stream, render

BLOCK = 1280
FLOOR_RMS = 10 ** (-65 / 20)


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("file", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("--gap", "gap_s", default=20.0, show_default=True, help="Seconds between keywords.")
def main(corpus: Path, file: Path, gap_s: float) -> None:
    """Play every dev clip of MODEL's keyword in CORPUS with a gate and without."""
    (keyword,) = detector_factory.open_detector(file, None).model.keywords
    part = select_keywords(assign_splits(read_dataset(corpus)), [keyword]).subset("dev")
    print("| condition | gate | missed | false accepts | computed | real-time factor |")
    print("|---|---|---|---|---|---|")
    for condition in (CLEAN, noisy(10.0), noisy(0.0)):
        samples, segments = with_gaps(positive_stream(part, condition), gap_s)
        for gate in (None, SilenceGate()):
            detector = detector_factory.open_detector(file, None, gate=gate)
            counts = count_computed_samples(detector)
            started = time.process_time()
            times = [
                detection.time
                for i in range(0, len(samples), BLOCK)
                for detection in detector.feed(samples[i : i + BLOCK])
            ]
            rtf = (time.process_time() - started) / (len(samples) / SAMPLE_RATE)
            hits = metrics.detected(times, segments, HIT_TOLERANCE_S)
            print(
                f"| {condition.name} | {'yes' if gate else 'no'} | {len(hits) - sum(hits)} of "
                f"{len(hits)} | {len(times) - sum(hits)} | {sum(counts) / len(samples):.0%} "
                f"| {rtf:.4f} |",
                flush=True,
            )
    print(measure_silero(samples))


def count_computed_samples(detector: Detector) -> list[int]:
    """Return a list to which the detector adds the length of every block that it computes."""
    counts: list[int] = []
    step = detector.model.step

    def counted_step(block: Samples, state: object = None) -> tuple[Scores, object]:
        counts.append(len(block))
        return step(block, state)

    detector.model.step = counted_step
    return counts


def with_gaps(stream: Stream, gap_s: float) -> tuple[Samples, list[KeywordSegment]]:
    """Return the clips of a stream with gaps between them, (samples,), and their keywords."""
    rng = np.random.default_rng(0)
    parts: list[Samples] = []
    segments: list[KeywordSegment] = []
    position = 0
    for part in render(stream, ClipLoader()):
        assert part.segment
        gap = rng.standard_normal(round(gap_s * SAMPLE_RATE)).astype(np.float32)
        gap = gap * np.float32(FLOOR_RMS)
        if stream.condition.snr_db is not None:  # the background before the keyword is repeated
            gap = np.resize(part.samples[: round(GAP_S * SAMPLE_RATE)], len(gap))
        position += len(gap)
        segments.append(part.segment.shifted(position / SAMPLE_RATE))
        parts += [gap, part.samples]
        position += len(part.samples)
    return np.concatenate(parts), segments


def measure_silero(samples: Samples) -> str:
    """Return what it costs to run Silero's voice activity detector every 32 ms."""
    try:
        import torch
        from silero_vad import load_silero_vad
    except ImportError:
        return "Silero VAD is not installed (pip install silero-vad): not measured."
    network = load_silero_vad(onnx=True)
    samples = samples[: 60 * SAMPLE_RATE]
    started = time.process_time()
    for i in range(0, len(samples) - 511, 512):
        network(torch.from_numpy(samples[i : i + 512]), SAMPLE_RATE)
    rtf = (time.process_time() - started) / (len(samples) / SAMPLE_RATE)
    return f"Silero VAD in ONNX: real-time factor {rtf:.4f}."


if __name__ == "__main__":
    main()
