"""Exported models without torch: numpy and onnxruntime are all that this needs.

    from wakeword import runtime

    detector = runtime.Detector(runtime.load("alexa.onnx"))
    for detection in detector.feed(samples):  # 16 kHz, int16 or float32, any number
        print(detection.keyword, detection.score, detection.time)

The file is one that `wakeword export` wrote. Detector, trigger and operating point are those of
`wakeword.Detector`. Samples of another rate than 16 kHz need the package soxr as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.streaming import StreamDetector
from wakeword.detection.trigger import Scores
from wakeword.errors import CheckpointError, ConfigError
from wakeword.model.legacy import upgrade_metadata
from wakeword.model.operating_point import OperatingPoint, validate_operating_point

FORMAT = "wakeword-onnx/2"
READABLE_FORMATS = ("wakeword-onnx/1", FORMAT)
_MAX_BLOCK = 60 * SAMPLE_RATE

State = list[npt.NDArray[Any]]


class ExportedModel:
    """Samples in, one logit per keyword and frame out, as `WakeWordModel`; from `load`.

    Attributes:
        keywords, point, frame_s, look_ahead_ms, first_block, block: as of the model exported.
        about: everything that the file says of itself.
    """

    def __init__(self, session: Any, about: Mapping[str, Any]) -> None:
        self.about = about
        self.keywords: tuple[str, ...] = tuple(about["keywords"])
        self.operating_point = OperatingPoint(**about["operating_point"])
        self.frame_s = float(about["frame_s"])
        self.look_ahead_ms = float(about["look_ahead_ms"])
        self.first_block, self.block = int(about["first_block"]), int(about["block"])
        self._session = session
        self._states = [each.name for each in session.get_inputs()[2:]]
        types = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        self._nothing: State = [
            np.zeros(each.shape, types[each.type]) for each in session.get_inputs()[2:]
        ]

    def __call__(
        self, samples: Samples, state: State | None = None
    ) -> tuple[npt.NDArray[np.float32], State]:
        """(n,) samples, `first_block` of them to begin with and `block` then → logits, state.

        Returns:
            (frames, keywords) logits and the state for what comes next.
        """
        first = np.array(state is None)
        states = dict(zip(self._states, self._nothing if state is None else state, strict=True))
        logits, *state = self._session.run(
            None, {"first": first, "samples": samples[None], **states}
        )
        return cast(npt.NDArray[np.float32], logits[0]), state


def load(path: Path | str) -> ExportedModel:
    """Read a file that `wakeword export` wrote; it runs on one thread.

    Raises CheckpointError for a missing, damaged or foreign file, ConfigError where onnxruntime is
    not installed.
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
    except Exception as error:  # its errors have no common base but this
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise CheckpointError(
            f"{path}: cannot be opened as ONNX ({reason}): truncated, or another kind of file. "
            f"{remedy}"
        ) from error
    try:
        about = json.loads(session.get_modelmeta().custom_metadata_map["wakeword"])
        if about["format"] not in READABLE_FORMATS:
            raise ValueError(
                f"format {about['format']!r}; this version reads {', '.join(READABLE_FORMATS)}"
            )
        model = ExportedModel(session, upgrade_metadata(about))
        _check(model)
    except Exception as error:  # of numbers that do not fit, or of the graph that gets them
        raise CheckpointError(
            f"{path}: an ONNX file whose description does not fit wakeword ({error}). {remedy}"
        ) from error
    return model


def _check(model: ExportedModel) -> None:
    """Numbers from a file that may be hostile, and that its graph takes and gives what they say."""
    validate_operating_point(model.operating_point, model.keywords)
    blocks = (model.first_block, model.block)
    if not (all(0 < size <= _MAX_BLOCK for size in blocks) and 0 < model.frame_s <= 60):
        raise ValueError(f"blocks of {blocks} samples, frames of {model.frame_s} s")
    state = None
    for size in blocks:
        logits, state = model(np.zeros(size, dtype=np.float32), state)
        if logits.shape[1:] != (len(model.keywords),):
            raise ValueError(f"logits of {logits.shape} for {len(model.keywords)} keywords")


class Detector(StreamDetector):
    """A live stream in, detections out; any number of detectors share one model.

    Args:
        model: from `load`.
        threshold: for every keyword; None takes what the file holds; 0 gives every peak.
        rate: of the samples that `feed` gets, in Hz; they are resampled to 16 kHz.
    """

    model: ExportedModel
    _state: State | None

    def _logits(self, block: Samples) -> Scores:
        logits, self._state = self.model(block, self._state)
        return logits.astype(np.float64)
