"""What an evaluation is about: the model, the data, the version and the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from wakeword.errors import CheckpointError
from wakeword.evaluation.scoring import ScorableModel
from wakeword.runtime import ExportedModel, ExportedTwoStageModel

if TYPE_CHECKING:
    from wakeword.model.two_stage import AnyModel


@dataclass(frozen=True)
class Subject:
    """What was evaluated, for reports.

    Attributes:
        file: name of the model file.
        encoders: name of the "encoder", or by stage of a two-stage model that is
            not exported: "gate" and "verifier".
        thresholds: by keyword, from 0 to 1.
        threshold_provenance: how the thresholds were found; "" where that is not recorded.
        data: what was evaluated on, in words.
        version: of wakeword.
        date: of the evaluation, as YYYY-MM-DD.
    """

    file: str
    encoders: Mapping[str, str]
    thresholds: Mapping[str, float]
    threshold_provenance: str
    data: str
    version: str
    date: str


def describe_subject(file: Path, model: ScorableModel, data: str, version: str) -> Subject:
    """Describe a model that is evaluated today.

    Args:
        file: that the model was read from.
        model: the model.
        data: what it is evaluated on, in words.
        version: of wakeword.

    Raises:
        CheckpointError: an exported file does not say what it was made of.
    """
    if isinstance(model, (ExportedModel, ExportedTwoStageModel)):
        try:
            encoders = {"encoder": str(model.about["origin"]["encoder"])}
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"{file}: does not say what it was made of. Export the model again."
            ) from error
    else:
        encoders = _encoders(model)
    point = model.operating_point
    return Subject(
        file.name,
        encoders,
        {keyword: point.thresholds[keyword] for keyword in model.keywords},
        point.provenance,
        data,
        version,
        date.today().isoformat(),
    )


def _encoders(model: AnyModel) -> dict[str, str]:
    from wakeword.model.two_stage import TwoStageModel  # an exported model needs no torch

    if not isinstance(model, TwoStageModel):
        return {"encoder": model.origin.encoder}
    by_stage = {"gate": model.gate, "verifier": model.verifier}
    return {name: stage.origin.encoder for name, stage in by_stage.items()}
