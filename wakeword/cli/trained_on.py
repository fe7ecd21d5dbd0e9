"""A note where a model is measured on a corpus that it was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from wakeword.cli.console import print_note
from wakeword.runtime import ExportedModel, ExportedTwoStageModel

if TYPE_CHECKING:
    from wakeword.evaluation.scoring import ScorableModel


def note_trained_on(model: ScorableModel, places: Iterable[Path | str]) -> None:
    """Print a note for each corpus among `places` that the record of the training names."""
    if isinstance(model, (ExportedModel, ExportedTwoStageModel)):
        origin = model.about.get("origin") or {}
        training = origin.get("training") or {}
    else:
        training = model.origin.training
    sources = {row["source"] for row in training.get("data", ())}
    for name in dict.fromkeys(map(str, places)):
        if name in sources:
            print_note(
                f"the model was trained on {name}, so it has fewer false accepts there than "
                "elsewhere. Use audio that it does not know: `wakeword data list` shows more."
            )
