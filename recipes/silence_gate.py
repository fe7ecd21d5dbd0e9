"""What a gate saves in a quiet room, and what it costs in words.

    python recipes/silence_gate.py CORPUS MODEL
    python recipes/silence_gate.py CORPUS MODEL --gap 60

Every word of the dev split, under each condition, with a gap of hiss (-65 dB) or of the going-on
noise between it and the next, goes through the detector that ships, 80 ms at a time on one thread,
with a gate and without. Prints missed words, detections that are no word, the share of the sound
that was computed and the processor time of both; and, where the package `silero-vad` is there, what
that network would cost to ask instead, which is to be less than what it saves.
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
from wakeword.evaluation import metrics
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.evaluation.test_streams import GAP_S, Stream, positive_stream, render

BLOCK = 1280
FLOOR = 10 ** (-65 / 20)


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("file", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("--gap", default=20.0, show_default=True, help="Seconds between words.")
def main(corpus: Path, file: Path, gap: float) -> None:
    """Hear every dev word of MODEL in CORPUS with a gate and without."""
    (word,) = detector_factory.open_detector(file, None).model.keywords
    part = select_keywords(assign_splits(read_dataset(corpus)), [word]).subset("dev")
    print("| heard | gate | missed | other detections | computed | processor time, of real time |")
    print("|---|---|---|---|---|---|")
    for condition in (CLEAN, noisy(10.0), noisy(0.0)):
        sound, segments = laid_out(positive_stream(part, condition), gap)
        for gate in (None, SilenceGate()):
            detector = detector_factory.open_detector(file, None, gate=gate)
            computed = 0
            step = detector.model.step

            def counted(block: Samples, state=None, step=step):
                nonlocal computed
                computed += len(block)
                return step(block, state)

            detector.model.step = counted
            began = time.process_time()
            found = [
                each.time
                for i in range(0, len(sound), BLOCK)
                for each in detector.feed(sound[i : i + BLOCK])
            ]
            cost = (time.process_time() - began) / (len(sound) / SAMPLE_RATE)
            hits = metrics.detected(found, segments, HIT_TOLERANCE_S)
            print(
                f"| {condition.name} | {'yes' if gate else 'no'} | {len(hits) - sum(hits)} of "
                f"{len(hits)} | {len(found) - sum(hits)} | {computed / len(sound):.0%} | "
                f"{cost:.4f} |",
                flush=True,
            )
    print(silero(sound))


def laid_out(stream: Stream, gap: float) -> tuple[Samples, list[KeywordSegment]]:
    """The words of a stream far apart: (samples,), and where each is spoken."""
    rng = np.random.default_rng(0)
    parts: list[Samples] = []
    segments: list[KeywordSegment] = []
    samples = 0
    for piece in render(stream, ClipLoader()):
        assert piece.segment
        quiet = rng.standard_normal(round(gap * SAMPLE_RATE)).astype(np.float32) * np.float32(FLOOR)
        if stream.condition.snr_db is not None:  # its own first 1.5 s, which hold no word, go on
            gap_of = piece.samples[: round(GAP_S * SAMPLE_RATE)]
            quiet = np.resize(gap_of, len(quiet))
        segments.append(piece.segment.shifted((samples + len(quiet)) / SAMPLE_RATE))
        parts += [quiet, piece.samples]
        samples += len(quiet) + len(piece.samples)
    return np.concatenate(parts), segments


def silero(sound: Samples) -> str:
    """What asking Silero's voice detector of every 32 ms costs."""
    try:
        import torch
        from silero_vad import load_silero_vad
    except ImportError:
        return "Silero VAD is not installed (pip install silero-vad): not measured."
    network = load_silero_vad(onnx=True)
    sound = sound[: 60 * SAMPLE_RATE]
    began = time.process_time()
    for i in range(0, len(sound) - 511, 512):
        network(torch.from_numpy(sound[i : i + 512]), SAMPLE_RATE)
    cost = (time.process_time() - began) / (len(sound) / SAMPLE_RATE)
    return f"Silero VAD in ONNX: {cost:.4f} of real time."


if __name__ == "__main__":
    main()
