"""What a report says of the model that was evaluated."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny as tiny_family
from two_stage import tiny_two_stage

from wakeword import runtime
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import CheckpointError
from wakeword.evaluation.report.subject import describe_subject
from wakeword.exporting.onnx import export_onnx
from wakeword.model.two_stage import AnyModel


def test_a_model_of_one_stage_has_one_encoder(tiny: EncoderSpec) -> None:
    subject = describe_subject(Path("a/m.wakeword"), tiny_family.model(), "dev split", "1.2.3")
    assert (subject.file, subject.data, subject.version) == ("m.wakeword", "dev split", "1.2.3")
    assert subject.encoders == {"encoder": "tiny"}
    assert subject.thresholds == {"alexa": 0.5, "computer": 0.5}
    assert subject.threshold_provenance == "made up"
    assert datetime.date.fromisoformat(subject.date)


def test_both_stages_are_named(tiny: EncoderSpec) -> None:
    model = tiny_two_stage()
    subject = describe_subject(Path("m.wakeword"), model, "", "")
    assert subject.encoders == {
        "gate": model.gate.origin.encoder,
        "verifier": model.verifier.origin.encoder,
    }


@pytest.mark.parametrize("make", [tiny_family.model, tiny_two_stage])
def test_an_exported_model_names_its_encoders(
    tiny: EncoderSpec, tmp_path: Path, make: Callable[[], AnyModel]
) -> None:
    model, file = make(), tmp_path / "m.onnx"
    export_onnx(model, file)
    named = describe_subject(file, model, "", "").encoders
    exported = describe_subject(file, runtime.load(file), "", "").encoders
    assert exported == {"encoder": " + ".join(named.values())}


def test_an_exported_file_without_origin_is_refused(tiny: EncoderSpec, tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    export_onnx(tiny_family.model(), file)
    model = runtime.load(file)
    model.about = {}
    with pytest.raises(CheckpointError, match="Export the model again"):
        describe_subject(file, model, "", "")
