"""What a report says of the model that was evaluated."""

from __future__ import annotations

import datetime
from pathlib import Path

import tiny as tiny_family
from two_stage import tiny_two_stage

from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation.report.subject import describe_subject


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
