"""What the commands that hear have in common: a model file of either kind as a detector."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import click

from wakeword import runtime
from wakeword.gate import Gate
from wakeword.sound import SAMPLE_RATE, Samples
from wakeword.stream import StreamDetector, Verify

only_voices = click.option(
    "--only-voices",
    metavar="DATA",
    type=click.Path(path_type=Path),
    help="Hear the keyword only from those whose clips of it are in this data set.",
)


def detector(
    file: Path,
    threshold: float | None,
    rate: int = SAMPLE_RATE,
    gate: Gate | None = None,
    verify: Verify | None = None,
) -> StreamDetector:
    """Of a model, or of an exported one (.onnx), for which torch is not loaded."""
    made = source(file, threshold, verify)(rate)
    made.gate = gate
    return made


def source(
    file: Path, threshold: float | None, verify: Verify | None = None
) -> Callable[[int], StreamDetector]:
    """A model, opened once: gives a new detector for each stream of so many samples a second."""
    if file.suffix.lower() == ".onnx":
        exported = runtime.load(file)
        return lambda rate: runtime.Detector(
            exported, threshold=threshold, rate=rate, verify=verify
        )
    import torch

    from wakeword.detector import Detector
    from wakeword.model import load

    torch.set_num_threads(1)  # a block is too short to share: more threads wait for each other
    model = load(file)
    return lambda rate: Detector(model, threshold=threshold, rate=rate, verify=verify)


def verifier(data: Path | None) -> Verify | None:
    """Of the voices in a data set; None where there is none to go by."""
    if data is None:
        return None
    from wakeword.data import read_dataset
    from wakeword.voices import Voices

    people: dict[str, list[Samples]] = defaultdict(list)
    for clip in read_dataset(data).keywords:
        people[clip.speaker or ""].append(clip.load())
    return Voices(people)
