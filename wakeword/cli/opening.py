"""What the commands that hear have in common: a model file of either kind as a detector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wakeword import runtime
from wakeword.gate import Gate
from wakeword.sound import SAMPLE_RATE
from wakeword.stream import StreamDetector


def detector(
    file: Path, threshold: float | None, rate: int = SAMPLE_RATE, gate: Gate | None = None
) -> StreamDetector:
    """Of a model, or of an exported one (.onnx), for which torch is not loaded."""
    made = source(file, threshold)(rate)
    made.gate = gate
    return made


def source(file: Path, threshold: float | None) -> Callable[[int], StreamDetector]:
    """A model, opened once: gives a new detector for each stream of so many samples a second."""
    if file.suffix.lower() == ".onnx":
        exported = runtime.load(file)
        return lambda rate: runtime.Detector(exported, threshold=threshold, rate=rate)
    import torch

    from wakeword.detector import Detector
    from wakeword.model import load

    torch.set_num_threads(1)  # a block is too short to share: more threads wait for each other
    model = load(file)
    return lambda rate: Detector(model, threshold=threshold, rate=rate)
