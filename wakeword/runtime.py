"""Exported models without torch: numpy and onnxruntime are all that this needs.

    from wakeword import runtime

    detector = runtime.Detector(runtime.load("alexa.onnx"))
    for detection in detector.feed(samples):  # 16 kHz, int16 or float32, of any length
        print(detection.keyword, detection.score, detection.time)

The file is one that `wakeword export` wrote; `Detector` is the same class as `wakeword.Detector`.
Samples at another rate than 16 kHz also need the package soxr.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Scores
from wakeword.errors import CheckpointError, ConfigError
from wakeword.legacy import upgrade_metadata
from wakeword.model.operating_point import OperatingPoint, validate_operating_point

__all__ = ["FORMAT", "READABLE_FORMATS", "Detector", "ExportedModel", "load"]

FORMAT = "wakeword-onnx/2"
READABLE_FORMATS = ("wakeword-onnx/1", FORMAT)
_METADATA_KEY = "wakeword"
_MAX_BLOCK = 60 * SAMPLE_RATE
_STATE_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}

State = list[npt.NDArray[Any]]
"""State of a stream: the tensors that the graph takes and returns."""


class ExportedModel:
    """An exported model: samples in, one logit per keyword and frame out; from `load`.

    Attributes:
        keywords: as of the `WakeWordModel` that was exported, and so are all others but `about`.
        operating_point: thresholds, smoothing and refractory time.
        frame_s: seconds between two logits.
        look_ahead_ms: audio after a frame that its logit waits for.
        first_block: samples of a stream's first step.
        block: samples of each later step.
        about: the metadata of the file.
    """

    def __init__(self, session: Any, about: Mapping[str, Any]) -> None:
        self.about = about
        self.keywords: tuple[str, ...] = tuple(about["keywords"])
        self.operating_point = OperatingPoint(**about["operating_point"])
        self.frame_s = float(about["frame_s"])
        self.look_ahead_ms = float(about["look_ahead_ms"])
        self.first_block, self.block = int(about["first_block"]), int(about["block"])
        self._session = session
        self._outputs = [each.name for each in session.get_outputs()]
        state_inputs = session.get_inputs()[2:]
        self._state_names = [each.name for each in state_inputs]
        self._no_state: State = [
            np.zeros(each.shape, _STATE_TYPES[each.type]) for each in state_inputs
        ]

    def __call__(
        self, samples: Samples, state: State | None = None
    ) -> tuple[npt.NDArray[np.float32], State]:
        """Compute the logits of the next block of a stream.

        Args:
            samples: (n,) at 16 kHz; `first_block` of them to begin with, then `block`.
            state: what the previous call of the same stream returned; None starts one.

        Returns:
            (frames, keywords) logits, and the state for the next call.
        """
        inputs = dict(
            zip(self._state_names, self._no_state if state is None else state, strict=True)
        )
        inputs["first"], inputs["samples"] = np.array(state is None), samples[None]
        logits, *state = self._session.run(self._outputs, inputs)
        return cast(npt.NDArray[np.float32], logits[0]), state

    def step(self, block: Samples, state: State | None = None) -> tuple[Scores, State]:
        """Compute the logits of the next block in float64; see `WakeWordModel.step`."""
        logits, state = self(block, state)
        return logits.astype(np.float64), state


def load(path: Path | str) -> ExportedModel:
    """Read a file that this or an earlier version of `wakeword export` wrote.

    The model runs on one thread.

    Raises:
        CheckpointError: the file is missing, damaged or not a wakeword file.
        ConfigError: onnxruntime is not installed.
    """
    path = Path(path)
    remedy = "Expected a file written by `wakeword export`."
    try:
        import onnxruntime
    except ImportError:
        raise ConfigError(
            "exported models need onnxruntime: pip install 'wakeword[runtime]'."
        ) from None
    if not path.is_file():
        raise CheckpointError(f"{path}: no such model file. {remedy}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no other common base
        raise CheckpointError(
            f"{path}: cannot be opened as ONNX ({_first_line(error)}): truncated, or another kind "
            f"of file. {remedy}"
        ) from error
    try:
        about = json.loads(session.get_modelmeta().custom_metadata_map[_METADATA_KEY])
        if about["format"] not in READABLE_FORMATS:
            raise ValueError(
                f"format {about['format']!r}; this version reads {', '.join(READABLE_FORMATS)}"
            )
        model = ExportedModel(session, upgrade_metadata(about))
        _check(model)
    except Exception as error:  # metadata of any kind, or the graph that takes its numbers
        raise CheckpointError(
            f"{path}: not a wakeword model: missing or invalid metadata ({_first_line(error)}). "
            f"{remedy}"
        ) from error
    return model


def _first_line(error: Exception) -> str:
    """Return the first 120 characters of what an error says, or its type."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _check(model: ExportedModel) -> None:
    """Raise ValueError unless the numbers of a file, which is untrusted, fit its graph."""
    validate_operating_point(model.operating_point, model.keywords)
    blocks = (model.first_block, model.block)
    if not (all(0 < size <= _MAX_BLOCK for size in blocks) and 0 < model.frame_s <= 60):
        raise ValueError(f"blocks of {blocks} samples, frames of {model.frame_s} s")
    state = None
    for size in blocks:
        logits, state = model(np.zeros(size, dtype=np.float32), state)
        if logits.shape[1:] != (len(model.keywords),):
            raise ValueError(f"logits of {logits.shape} for {len(model.keywords)} keywords")
