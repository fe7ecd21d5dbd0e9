"""What the commands that hear have in common: a model file of either kind as a detector."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import click

from wakeword import runtime
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.streaming import StreamDetector, Verifier

speakers_option = click.option(
    "--only-voices",
    metavar="DATA",
    type=click.Path(path_type=Path),
    help="Hear the keyword only from those whose clips of it are in this data set.",
)


def open_detector(
    file: Path,
    threshold: float | None,
    rate: int = SAMPLE_RATE,
    gate: SilenceGate | None = None,
    verify: Verifier | None = None,
) -> StreamDetector:
    """Of a model, or of an exported one (.onnx), for which torch is not loaded."""
    made = open_detector_factory(file, threshold, verify)(rate)
    made.gate = gate
    return made


def open_detector_factory(
    file: Path, threshold: float | None, verify: Verifier | None = None
) -> Callable[[int], StreamDetector]:
    """A model, opened once: gives a new detector for each stream of so many samples a second."""
    if file.suffix.lower() == ".onnx":
        exported = runtime.load(file)
        return lambda rate: runtime.Detector(
            exported, threshold=threshold, rate=rate, verify=verify
        )
    import torch

    from wakeword.detection.detector import Detector
    from wakeword.model.file import load_model

    torch.set_num_threads(1)  # a block is too short to share: more threads wait for each other
    model = load_model(file)
    return lambda rate: Detector(model, threshold=threshold, rate=rate, verify=verify)


def open_verifier(data: Path | None) -> Verifier | None:
    """Of the voices in a data set; None where there is none to go by."""
    if data is None:
        return None
    from wakeword.data.readers import read_dataset
    from wakeword.detection.speaker_verification import SpeakerVerifier

    people: dict[str, list[Samples]] = defaultdict(list)
    for clip in read_dataset(data).keywords:
        people[clip.speaker or ""].append(clip.load())
    return SpeakerVerifier(people)
