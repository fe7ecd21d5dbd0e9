"""What a model file holds, from its metadata: keywords, operating point, encoder, licences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from wakeword.errors import CheckpointError
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import licence_notice


class DescribedModel(Protocol):
    """What is described of a model: a `WakeWordModel` or a `runtime.ExportedModel`."""

    @property
    def keywords(self) -> tuple[str, ...]: ...
    @property
    def operating_point(self) -> OperatingPoint: ...
    @property
    def look_ahead_ms(self) -> float: ...


@dataclass(frozen=True)
class ModelInfo:
    """Description of a model file or an exported file.

    Attributes:
        file: its path.
        format: name and version of the file format.
        size_bytes: of the file.
        thresholds: by keyword, from 0 to 1.
        threshold_provenance: how the thresholds were found.
        smoothing_s: seconds over which scores are averaged.
        refractory_s: seconds between two detections, at least.
        encoder: name of the encoder.
        streaming: its streaming mode.
        head: name of the head.
        look_ahead_ms: audio after a frame that the model waits for.
        parameters: of the model; None where the file does not say.
        origin: everything recorded about how the model was made.
        notice: licence notice that goes with the model.
    """

    file: str
    format: str
    size_bytes: int
    thresholds: Mapping[str, float]
    threshold_provenance: str
    smoothing_s: float
    refractory_s: float
    encoder: str
    streaming: str
    head: str
    look_ahead_ms: float
    parameters: int | None
    origin: Mapping[str, Any]
    notice: str

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords of the model."""
        return tuple(self.thresholds)

    @property
    def training(self) -> Mapping[str, Any]:
        """Summary of the training: strategy, epochs, keyword clips, data."""
        training: Mapping[str, Any] = self.origin["training"]
        return training

    def as_dict(self) -> dict[str, Any]:
        """Return the description as a dictionary that `json.dumps` writes."""
        return {"keywords": list(self.keywords), **asdict(self)}


def describe_model(
    file: Path,
    model: DescribedModel,
    metadata: Mapping[str, Any],
    parameters: int | None,
) -> ModelInfo:
    """Describe a model that was read from a file.

    Args:
        file: that the model was read from.
        model: with keywords, operating point and look-ahead.
        metadata: of the file, under today's names.
        parameters: of the model; None takes the number recorded when it was trained.

    Raises:
        CheckpointError: the file does not say consistently how the model was made.
    """
    point = model.operating_point
    try:
        origin = metadata["origin"]
        return ModelInfo(
            str(file),
            metadata["format"],
            file.stat().st_size,
            {keyword: point.thresholds[keyword] for keyword in model.keywords},
            point.provenance,
            point.smoothing_s,
            point.refractory_s,
            origin["encoder"],
            origin["streaming"],
            origin["head"],
            model.look_ahead_ms,
            parameters or origin["training"].get("parameters"),
            origin,
            licence_notice(origin),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{file}: inconsistent metadata ({error}). "
            "Train it again, or use the version of wakeword that wrote it."
        ) from error
