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
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Scores
from wakeword.errors import CheckpointError, ConfigError
from wakeword.legacy import upgrade_metadata
from wakeword.model.cascade import (
    Cascade,
    CascadeConfig,
    CascadeState,
    StartedBlock,
    validate_cascade,
)
from wakeword.model.operating_point import OperatingPoint, validate_operating_point

__all__ = [
    "FORMAT",
    "READABLE_FORMATS",
    "TWO_STAGE_FORMAT",
    "AnyExportedModel",
    "Detector",
    "ExportedModel",
    "ExportedTwoStageModel",
    "load",
]

FORMAT = "wakeword-onnx/2"
TWO_STAGE_FORMAT = "wakeword-onnx/3"
READABLE_FORMATS = ("wakeword-onnx/1", FORMAT, TWO_STAGE_FORMAT)
_METADATA_KEY = "wakeword"
_MAX_BLOCK = 60 * SAMPLE_RATE
_MIN_FRAME_S = 0.001
_VERIFIER_OUTPUTS = ["verified"]
_OTHER_INPUTS = ("first", "samples", "verify", "window")  # than states
_STATE_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}

State = list[npt.NDArray[Any]]
"""State of a stream: the tensors that the graph takes and returns."""


class _Exported:
    """An opened file; what its models of one stage and of two have in common.

    Args:
        session: of onnxruntime, with the graph.
        about: the metadata of the file.

    Attributes:
        path: of the file.
    """

    def __init__(self, session: Any, about: Mapping[str, Any]) -> None:
        self.about = about
        self.keywords: tuple[str, ...] = tuple(about["keywords"])
        self.operating_point = OperatingPoint(**about["operating_point"])
        self.frame_s = float(about["frame_s"])
        self.look_ahead_ms = float(about["look_ahead_ms"])
        self.first_block, self.block = int(about["first_block"]), int(about["block"])
        self.path: Path | None = None
        self._session = session
        self._outputs = [
            each.name for each in session.get_outputs() if each.name not in _VERIFIER_OUTPUTS
        ]
        states = [each for each in session.get_inputs() if each.name not in _OTHER_INPUTS]
        self._state_names = [each.name for each in states]
        self._no_state: State = [np.zeros(each.shape, _STATE_TYPES[each.type]) for each in states]

        self._other_inputs: dict[str, npt.NDArray[Any]] = {}  # than those of the gate

    def __reduce__(self) -> tuple[Any, tuple[Path | None]]:
        """Pickle as the path of the file, for workers that see the same files."""
        return load, (self.path,)

    def _inputs(self, samples: Samples, state: State | None) -> dict[str, npt.NDArray[Any]]:
        """Return the graph's inputs for the next block of a stream; see `ExportedModel`."""
        states = self._no_state if state is None else state
        inputs = dict(zip(self._state_names, states, strict=True))
        block = {"first": np.array(state is None), "samples": samples[None]}
        return inputs | block | self._other_inputs

    def _run(
        self, samples: Samples, state: State | None = None
    ) -> tuple[npt.NDArray[np.float32], State]:
        """Compute logits, of the gate where there is one; see `ExportedModel`."""
        logits, *state = self._session.run(self._outputs, self._inputs(samples, state))
        return cast("npt.NDArray[np.float32]", logits[0]), state


class ExportedModel(_Exported):
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
        return self._run(samples, state)

    def step(self, block: Samples, state: State | None = None) -> tuple[Scores, State]:
        """Compute the logits of the next block in float64; see `WakeWordModel.step`."""
        logits, state = self(block, state)
        return logits.astype(np.float64), state


class ExportedTwoStageModel(_Exported):
    """An exported model of two stages: a gate, and a verifier that it calls; from `load`.

    The same rules as in `model.two_stage.TwoStageModel` join the stages. `begin` and `finish` may
    run in different threads, for many streams at once.

    Attributes:
        cascade: the rules that join the stages.
        window: samples that the verifier takes.
        keywords, operating_point, frame_s, look_ahead_ms, first_block, block, about: see
            `ExportedModel`.
    """

    def __init__(self, session: Any, about: Mapping[str, Any]) -> None:
        super().__init__(session, about)
        self.window = int(about["window"])
        self.cascade = Cascade(
            CascadeConfig(**about["cascade"]),
            self.keywords,
            self.frame_s,
            float(about["verifier_frame_s"]),
        )
        silence = np.zeros((1, self.window), dtype=np.float32)
        self._other_inputs = {"verify": np.array(False), "window": silence}
        # the gate is computed in every run: in one of the verifier, for this block
        self._no_block = self._inputs(np.zeros(self.first_block, dtype=np.float32), None)

    def step(self, block: Samples, state: CascadeState | None = None) -> tuple[Scores, Any]:
        """Compute the final logits of the next block of one stream; see `WakeWordModel.step`."""
        return self.finish(self.begin(block, state))

    def begin(self, block: Samples, state: CascadeState | None = None) -> StartedBlock:
        """Run the gate on the next block of one stream; `finish` does the rest.

        Args:
            block: (samples,) at 16 kHz; `first_block` of them to begin with, then `block`.
            state: what `finish` returned for the block before; None starts a stream.
        """
        gate = None if state is None else state.gate
        logits, gate = self._run(block, gate)
        return self.cascade.begin(block, logits.astype(np.float64), gate, self.window, state)

    def finish(self, started: StartedBlock) -> tuple[Scores, CascadeState]:
        """Call the verifier where the gate asks for it; return what `step` returns."""
        verifier = self.verify(started.window) if started.call else None
        return self.cascade.finish(started, verifier)

    def verify(self, samples: Samples) -> Scores:
        """Compute the verifier's logits of (window,) samples at 16 kHz: (frames, keywords)."""
        inputs = self._no_block | {"verify": np.array(True), "window": samples[None]}
        (logits,) = self._session.run(_VERIFIER_OUTPUTS, inputs)
        return cast(Scores, logits[0].astype(np.float64))


AnyExportedModel: TypeAlias = "ExportedModel | ExportedTwoStageModel"
"""An exported model of one stage or of two."""


def load(path: Path | str) -> AnyExportedModel:
    """Read a file that this or an earlier version of `wakeword export` wrote.

    The model, of one stage or of two, runs on one thread. Some builds of onnxruntime send usage
    data to their vendor: where this call is the first to import it, it does not, unless the
    environment says ORT_DISABLE_TELEMETRY=0.

    Raises:
        CheckpointError: the file is missing, damaged or not a wakeword file.
        ConfigError: onnxruntime is not installed.
    """
    path = Path(path)
    remedy = "Expected a file written by `wakeword export`."
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError:
        raise ConfigError(
            "exported models need onnxruntime, which is not installed here: pip install onnxruntime"
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
        model = _open(session, upgrade_metadata(about))
        model.path = path
    except Exception as error:  # metadata of any kind, or the graph that takes its numbers
        raise CheckpointError(
            f"{path}: not a wakeword model: missing or invalid metadata ({_first_line(error)}). "
            f"{remedy}"
        ) from error
    return model


def _first_line(error: Exception) -> str:
    """Return the first 120 characters of what an error says, or its type."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _open(session: Any, about: Mapping[str, Any]) -> AnyExportedModel:
    """Return the model of a file, which is untrusted, after a run of its graph.

    Raises any exception where the metadata are invalid or do not fit the graph.
    """
    keywords = about["keywords"]
    validate_operating_point(OperatingPoint(**about["operating_point"]), keywords)
    two_stages = about["format"] == TWO_STAGE_FORMAT
    blocks = [about[name] for name in ("first_block", "block", *["window"] * two_stages)]
    if not all(0 < size <= _MAX_BLOCK for size in blocks):
        raise ValueError(f"blocks of {blocks} samples")
    frames_s = [about[name] for name in ("frame_s", *["verifier_frame_s"] * two_stages)]
    if not all(_MIN_FRAME_S <= each <= 60 for each in frames_s):
        raise ValueError(f"frames of {frames_s} s")
    if not two_stages:
        single = ExportedModel(session, about)
        _check_stage(single)
        return single
    validate_cascade(CascadeConfig(**about["cascade"]), tuple(keywords))
    model = ExportedTwoStageModel(session, about)
    _check_stage(model)
    highest = model.cascade.highest(model.verify(np.zeros(model.window, dtype=np.float32)))
    if highest.shape != (len(model.keywords),):
        raise ValueError(f"logits of {highest.shape} for {len(model.keywords)} keywords")
    return model


def _check_stage(model: _Exported) -> None:
    """Raise ValueError unless the graph takes two blocks and has a logit for each keyword."""
    state = None
    for size in (model.first_block, model.block):
        logits, state = model._run(np.zeros(size, dtype=np.float32), state)
        if logits.shape[1:] != (len(model.keywords),):
            raise ValueError(f"logits of {logits.shape} for {len(model.keywords)} keywords")
