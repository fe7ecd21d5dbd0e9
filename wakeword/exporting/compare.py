"""Comparison of an exported model with the model it was made from, on the same audio."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from wakeword import runtime
from wakeword.audio.files import audio_info, iter_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Scores, smooth, to_detections
from wakeword.errors import CheckpointError
from wakeword.model.two_stage import AnyModel, TwoStageModel
from wakeword.parallel import single_threaded
from wakeword.progress import ProgressCallback

NOISE_S = 30
"""Seconds of noise that are compared on without recordings."""
_TOLERANCE_S = 0.2
_MAX_WINDOWS = 200  # on which verifiers are compared


@dataclass(frozen=True)
class VerifierComparison:
    """Results of the verifier of a model and of its export on the same windows, on one thread.

    Attributes:
        windows: number of windows: those of the recordings one after the other, up to 200.
        difference: max |score − score| of the highest logits of a window.
        milliseconds: processor time a window, of the model and of its export.
    """

    windows: int
    difference: float
    milliseconds: tuple[float, float]


@dataclass(frozen=True)
class ExportComparison:
    """Results of a model and its export on the same audio, block by block, on one thread.

    Attributes:
        seconds: of audio.
        difference: max |score − score|.
        detections: number of detections of the model and of its export, at the model's thresholds.
        shared: how many of them are the same keyword, no more than 0.2 s apart.
        identical: whether all are the same keywords at the very same times.
        real_time_factors: processor seconds per second of audio, of the model and of its export.
        verifier: of models of two stages; None of those of one.
    """

    seconds: float
    difference: float
    detections: tuple[int, int]
    shared: int
    identical: bool
    real_time_factors: tuple[float, float]
    verifier: VerifierComparison | None = None


def check_recordings(recordings: Iterable[Path]) -> None:
    """Check before long work that recordings can be read.

    Raises:
        AudioError: one cannot.
    """
    for recording in recordings:
        audio_info(recording)


def compare_exported_file(
    model: AnyModel,
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
    if _signature(other) != _signature(model):
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


def _signature(model: AnyModel | runtime.AnyExportedModel) -> tuple[Any, ...]:
    """Return what a model and its export have in common, without running them."""
    return model.keywords, model.block, getattr(model, "window", None)


def compare_export(
    model: AnyModel, exported: runtime.AnyExportedModel, recordings: Iterable[Iterable[Samples]]
) -> ExportComparison:
    """Run a model and its export on recordings.

    Args:
        model: from `wakeword.load`.
        exported: the same model from `wakeword.runtime.load`.
        recordings: each a stream of its own, in pieces of any length at 16 kHz.
    """
    seconds = difference = 0.0
    counts, spent_s = np.zeros(2, int), np.zeros(2)
    shared = 0
    identical = True
    detectors = Detector(model), Detector(exported)
    trigger = detectors[0].trigger
    verifiers = None
    if isinstance(model, TwoStageModel) and isinstance(exported, runtime.ExportedTwoStageModel):
        verifiers = _VerifierComparer(model, exported)
    silence = np.zeros(model.first_block + model.block, dtype=np.float32)
    for recording in recordings:
        pieces: tuple[list[Scores], ...] = ([], [])
        for piece in chain(recording, [silence]):
            seconds += len(piece) / SAMPLE_RATE
            if verifiers:
                verifiers.feed(piece)
            for i, detector in enumerate(detectors):
                start_s = time.process_time()
                pieces[i].append(detector.logits(piece))
                spent_s[i] += time.process_time() - start_s
        logits = [np.concatenate(each) for each in pieces]
        scores = [smooth(each, trigger.smoothing) for each in logits]
        difference = max(difference, float(np.abs(scores[0] - scores[1]).max()))
        detections = [
            [(found.keyword, found.time) for found in to_detections(trigger.run(each)[0], model)]
            for each in logits
        ]
        identical = identical and detections[0] == detections[1]
        shared += _count_matches(*detections)
        counts += [len(each) for each in detections]
        for detector in detectors:
            detector.reset()
    return ExportComparison(
        seconds,
        difference,
        (int(counts[0]), int(counts[1])),
        shared,
        identical,
        (float(spent_s[0] / seconds), float(spent_s[1] / seconds)),
        verifiers.result() if verifiers else None,
    )


class _VerifierComparer:
    """Compares the verifier of a model with that of its export on successive windows of audio."""

    def __init__(self, model: TwoStageModel, exported: runtime.ExportedTwoStageModel) -> None:
        self._functions = model.verify, exported.verify
        self._cascade, self._size = model.cascade, model.window
        self._pending: Samples = np.zeros(0, dtype=np.float32)
        self._windows, self._difference, self._spent_s = 0, 0.0, np.zeros(2)

    def feed(self, samples: Samples) -> None:
        """Take the next (n,) samples at 16 kHz."""
        if self._windows >= _MAX_WINDOWS:
            return
        self._pending = np.concatenate([self._pending, samples])
        while len(self._pending) >= self._size and self._windows < _MAX_WINDOWS:
            self._compare(self._pending[: self._size])
            self._pending = self._pending[self._size :]

    def _compare(self, window: Samples) -> None:
        scores = []
        for i, verify in enumerate(self._functions):
            start_s = time.process_time()
            logits = verify(window)
            self._spent_s[i] += time.process_time() - start_s
            scores.append(smooth(self._cascade.highest(logits)[None], 1))
        self._difference = max(self._difference, float(np.abs(scores[0] - scores[1]).max()))
        self._windows += 1

    def result(self) -> VerifierComparison:
        """Return the comparison so far."""
        ours, theirs = 1000 * self._spent_s / max(1, self._windows)
        return VerifierComparison(self._windows, self._difference, (float(ours), float(theirs)))


def _count_matches(some: list[tuple[str, float]], others: list[tuple[str, float]]) -> int:
    """Return how many detections can be paired with one of the others within the tolerance."""
    unpaired = list(others)
    for keyword, time_s in some:
        near = [
            other
            for other in unpaired
            if other[0] == keyword and abs(other[1] - time_s) <= _TOLERANCE_S
        ]
        if near:
            unpaired.remove(min(near, key=lambda other: abs(other[1] - time_s)))
    return len(others) - len(unpaired)
