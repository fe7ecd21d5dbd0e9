"""What a model file holds, from its metadata: keywords, operating point, encoder, licences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from wakeword.errors import CheckpointError
from wakeword.model.languages import recorded_languages
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import licence_notice

STAGES = ("gate", "verifier")
"""Keys of the stages in the metadata of a two-stage model."""


class DescribedModel(Protocol):
    """What is described of a model: one of `model.two_stage.AnyModel`, or an exported one."""

    @property
    def keywords(self) -> tuple[str, ...]: ...
    @property
    def operating_point(self) -> OperatingPoint: ...
    @property
    def look_ahead_ms(self) -> float: ...


@dataclass(frozen=True)
class StageInfo:
    """Description of one stage of a two-stage model.

    Attributes:
        encoder: name of the encoder.
        streaming: its streaming mode.
        head: name of the head.
        parameters: of the stage; None where the file does not say.
        training: record of its training.
    """

    encoder: str
    streaming: str
    head: str
    parameters: int | None
    training: Mapping[str, Any]


@dataclass(frozen=True)
class ModelInfo:
    """Description of a model file or an exported file.

    Attributes:
        file: its path.
        format: name and version of the file format.
        size_bytes: of the file.
        thresholds: by keyword, from 0 to 1.
        threshold_provenance: how the thresholds were found.
        threshold_provisional: whether they rest on too little other sound.
        smoothing_s: seconds over which scores are averaged.
        refractory_s: seconds between two detections, at least.
        encoder: name of the encoder.
        streaming: its streaming mode.
        head: name of the head.
        look_ahead_ms: audio after a frame that the model waits for.
        parameters: of the model; None where the file does not say.
        origin: everything recorded about how the model was made.
        notice: licence notice that goes with the model.
        by_stage: the "gate" and the "verifier" of a two-stage model; empty for a single stage, and
            where the file does not describe them apart.
        cascade: gate thresholds, weights and times of a two-stage model, as `CascadeConfig` has
            them; empty for a single stage.
    """

    file: str
    format: str
    size_bytes: int
    thresholds: Mapping[str, float]
    threshold_provenance: str
    threshold_provisional: bool
    smoothing_s: float
    refractory_s: float
    encoder: str
    streaming: str
    head: str
    look_ahead_ms: float
    parameters: int | None
    origin: Mapping[str, Any]
    notice: str
    by_stage: Mapping[str, StageInfo] = field(default_factory=dict)
    cascade: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords of the model."""
        return tuple(self.thresholds)

    @property
    def languages(self) -> list[str]:
        """The recorded languages of the keywords, as BCP 47 tags; [] where there are none."""
        return recorded_languages(self.training)

    @property
    def training(self) -> Mapping[str, Any]:
        """Summary of the training: strategy, epochs, keyword clips, data."""
        training: Mapping[str, Any] = self.origin["training"]
        return training

    def as_dict(self) -> dict[str, Any]:
        """Return the description as a dictionary that `json.dumps` writes.

        Without contents, "by_stage" and "cascade" are left out.
        """
        values = {
            "keywords": list(self.keywords),
            "languages": self.languages,
            **asdict(self),
        }
        for name in ("by_stage", "cascade"):
            if not values[name]:
                del values[name]
        return values


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
            point.provisional,
            point.smoothing_s,
            point.refractory_s,
            origin["encoder"],
            origin["streaming"],
            origin["head"],
            model.look_ahead_ms,
            parameters or origin["training"].get("parameters"),
            origin,
            licence_notice(origin),
            {name: _describe_stage(metadata[name]) for name in STAGES if name in metadata},
            metadata.get("cascade", {}),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{file}: inconsistent metadata ({error}). "
            "Train it again, or use the version of wakeword that wrote it."
        ) from error


def _describe_stage(metadata: Mapping[str, Any]) -> StageInfo:
    """Describe a stage by its part of the metadata. Raises what wrong metadata cause."""
    origin = metadata["origin"]
    training = origin["training"]
    return StageInfo(
        origin["encoder"],
        origin["streaming"],
        origin["head"],
        training.get("parameters"),
        training,
    )
