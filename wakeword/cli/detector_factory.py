"""Open a model file of either kind as a detector; torch is not loaded for an exported one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wakeword import runtime
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.cli.missing import load_unexported_model, missing_package_message
from wakeword.detection.detector import Detector, Verifier
from wakeword.devices import choose_device
from wakeword.errors import ConfigError, ManifestError

if TYPE_CHECKING:
    from wakeword.evaluation.scoring import ScorableModel


def open_detector(
    file: Path,
    threshold: float | None,
    rate: int = SAMPLE_RATE,
    gate: SilenceGate | None = None,
    verify: Verifier | None = None,
    keep_s: float = 0.0,
) -> Detector:
    """Open a model, or an exported one (.onnx), as a detector.

    Args:
        file: model file.
        threshold: for every keyword; None uses the thresholds in the file.
        rate: sample rate of the stream, in Hz.
        gate: silence gate before the model; None scores all audio.
        verify: second stage, called at each detection.
        keep_s: seconds of audio before each detection that the detector keeps.
    """
    detector = open_detector_factory(file, threshold, verify, keep_s)(rate)
    detector.gate = gate
    return detector


def open_detector_factory(
    file: Path, threshold: float | None, verify: Verifier | None = None, keep_s: float = 0.0
) -> Callable[[int], Detector]:
    """Open a model once; returns a function that makes a detector for each stream.

    Args:
        file: model file.
        threshold: for every keyword; None uses the thresholds in the file.
        verify: second stage, called at each detection.
        keep_s: seconds of audio before each detection that each detector keeps.

    Returns:
        A function from the sample rate of a stream, in Hz, to its detector.
    """
    model = open_model(file)
    if not isinstance(model, (runtime.ExportedModel, runtime.ExportedTwoStageModel)):
        import torch

        torch.set_num_threads(1)  # blocks are too short to gain from more threads
    return lambda rate: Detector(
        model, threshold=threshold, rate=rate, verify=verify, keep_s=keep_s
    )


def open_model(file: Path, device: str = "cpu") -> ScorableModel:
    """Read a model file, or an exported one (.onnx), for which torch is not loaded.

    Args:
        file: model file.
        device: that computes; see `wakeword.devices.choose_device`.

    Raises:
        CheckpointError: the file cannot be read.
        ConfigError: onnxruntime is not installed, or there is no such device.
    """
    if file.suffix.lower() == ".onnx":
        if device not in ("auto", "cpu"):
            raise ConfigError(
                f"{file}: an exported model runs on the processor. Leave --device {device} out, or "
                "give the model that was exported."
            )
        return runtime.load(file)
    return load_unexported_model(file).to(choose_device(device))


def open_verifier(data: Path | None) -> Verifier | None:
    """Return a speaker verifier for the speakers of a data set; None where there is no data set."""
    if data is None:
        return None
    from wakeword.data.readers import read_dataset

    try:
        from wakeword.detection.speaker_verification import SpeakerVerifier
    except ModuleNotFoundError as error:
        if message := missing_package_message(error, "--speakers"):
            raise ConfigError(message) from error
        raise
    clips: dict[str, list[Samples]] = defaultdict(list)
    for clip in read_dataset(data).keywords:
        clips[clip.speaker or ""].append(clip.load())
    if not clips:
        raise ManifestError(
            f"{data}: holds no clips of a keyword. Expected clips of it by each speaker whose "
            "detections are to be reported."
        )
    return SpeakerVerifier(clips)
