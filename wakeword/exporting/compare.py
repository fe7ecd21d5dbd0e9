"""An exported model against the one that it was made from: the same audio through both."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from wakeword import runtime
from wakeword.audio.files import audio_info, iter_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.streaming import StreamDetector
from wakeword.detection.trigger import Scores, smooth, to_detections
from wakeword.errors import CheckpointError
from wakeword.model.network import WakeWordModel
from wakeword.parallel import single_threaded
from wakeword.progress import ProgressCallback

NOISE_S = 30
"""Seconds of noise that are compared on without recordings."""
_NEAR_S = 0.2


@dataclass(frozen=True)
class ExportComparison:
    """What both gave for the same audio, block by block, on one thread.

    Attributes:
        seconds: of audio.
        difference: max |score − score|.
        detections: how many the model and its export gave at the model's own thresholds.
        shared: how many of them are the same word, no more than 0.2 s apart.
        identical: whether all are the same words at the very same times.
        real_time_factors: processor seconds for a second of audio, of the model and its export.
    """

    seconds: float
    difference: float
    detections: tuple[int, int]
    shared: int
    identical: bool
    real_time_factors: tuple[float, float]


def check_recordings(recordings: Iterable[Path]) -> None:
    """Check before long work that recordings can be read.

    Raises:
        AudioError: one cannot.
    """
    for recording in recordings:
        audio_info(recording)


def compare_exported_file(
    model: WakeWordModel,
    exported: Path,
    recordings: Sequence[Path] = (),
    progress: ProgressCallback | None = None,
) -> ExportComparison:
    """Compare an exported file with the model that it was made from, on one thread.

    Args:
        model: that was exported.
        exported: ONNX file.
        recordings: to run both on; without any, `NOISE_S` seconds of noise.
        progress: called when the comparison begins.

    Raises:
        CheckpointError: the file cannot be read, or was made from another model.
    """
    other = runtime.load(exported)
    if other.keywords != model.keywords or other.block != model.block:
        raise CheckpointError(
            f"{exported}: made from another model (its keywords are {', '.join(other.keywords)}). "
            "Export the model again."
        )
    noise = 0.05 * np.random.default_rng(0).standard_normal(NOISE_S * SAMPLE_RATE)
    streams = [iter_audio(each) for each in recordings] or [iter([noise.astype(np.float32)])]
    if progress:
        progress("comparing model and exported file", 0, 0)
    with single_threaded():
        return compare_export(model, other, streams)


def compare_export(
    model: WakeWordModel, exported: runtime.ExportedModel, recordings: Iterable[Iterable[Samples]]
) -> ExportComparison:
    """Both over recordings, each a stream of its own that comes in pieces of any length."""
    seconds = difference = 0.0
    counts, spent = np.zeros(2, int), np.zeros(2)
    shared = 0
    identical = True
    detectors: tuple[StreamDetector, ...] = (Detector(model), runtime.Detector(exported))
    trigger = detectors[0].trigger
    silence = np.zeros(model.first_block + model.block, dtype=np.float32)
    for recording in recordings:
        logits: tuple[list[Scores], ...] = ([], [])
        for piece in chain(recording, [silence]):
            seconds += len(piece) / SAMPLE_RATE
            for i, detector in enumerate(detectors):
                began = time.process_time()
                logits[i].append(detector.logits(piece))
                spent[i] += time.process_time() - began
        joined = [np.concatenate(each) for each in logits]
        scores = [smooth(each, trigger.smoothing) for each in joined]
        difference = max(difference, float(np.abs(scores[0] - scores[1]).max()))
        found = [
            [(heard.keyword, heard.time) for heard in to_detections(trigger.run(each)[0], model)]
            for each in joined
        ]
        identical = identical and found[0] == found[1]
        shared += _shared(*found)
        counts += [len(each) for each in found]
        for detector in detectors:
            detector.reset()
    return ExportComparison(
        seconds,
        difference,
        (int(counts[0]), int(counts[1])),
        shared,
        identical,
        (float(spent[0] / seconds), float(spent[1] / seconds)),
    )


def _shared(some: list[tuple[str, float]], others: list[tuple[str, float]]) -> int:
    """How many of some have one of the others to themselves that is the same within 0.2 s."""
    left = list(others)
    for word, time_s in some:
        near = [each for each in left if each[0] == word and abs(each[1] - time_s) <= _NEAR_S]
        if near:
            left.remove(min(near, key=lambda each: abs(each[1] - time_s)))
    return len(others) - len(left)
