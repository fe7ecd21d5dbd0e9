"""What a model is made of is recorded when it is trained, and printed by `wakeword license`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiny as tiny_family
import training
from click.testing import CliRunner
from two_stage import tiny_two_stage

from wakeword.cli import main
from wakeword.data.readers import read_dataset
from wakeword.data.writer import write_manifest
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.file import load_model, save_model
from wakeword.model.provenance import joint_origin, licence_notice


def said(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("column", ["licence", "license"])
def test_a_manifest_states_licences(tmp_path: Path, column: str) -> None:
    manifest = training.write_data(tmp_path / "data", clips=4)
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    rows[0] |= {column: "CC0-1.0", "source": "mine"}
    manifest.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    data = read_dataset(manifest)
    assert {clip.licence for clip in data.keywords} == {"CC0-1.0", None}
    write_manifest(data, tmp_path / "data" / "again.jsonl")
    assert read_dataset(tmp_path / "data" / "again.jsonl").keywords == data.keywords
    table = tmp_path / "data" / "keywords.csv"
    table.write_text(f"file,label,{column}\nping-0.wav,ping,MIT\n", encoding="utf-8")
    assert read_dataset(table).keywords[0].licence == "MIT"


def test_ingredients_are_counted_by_role_source_and_licence(tmp_path: Path) -> None:
    data = read_dataset(training.write_data(tmp_path / "data", clips=4))
    one, *rest = data.keywords
    stated = replace(one, source="mine", licence="CC0-1.0")
    found = replace(data, keywords=(stated, *rest)).count_sources()
    unknown = {"source": "not stated", "licence": "not stated"}
    assert found == [
        {"role": "keyword", "source": "mine", "licence": "CC0-1.0", "clips": 1},
        {"role": "keyword", **unknown, "clips": 3},
        {"role": "negative", **unknown, "clips": 4},
    ]


def test_training_records_provenance_for_the_license_command(
    tiny: EncoderSpec, tmp_path: Path
) -> None:
    data = training.write_data(tmp_path / "data")
    weights = training.write_weights(tmp_path / "weights")
    file = tmp_path / "ping.wakeword"
    said(*training.arguments(data, weights, file, tmp_path / "work"))
    text = said("license", file)
    origin = load_model(file).origin
    assert "Encoder: tiny, licence MIT." in text and origin.encoder_sha256 in text
    assert "- keyword: 12 clips, source not stated, licence not stated" in text
    assert json.loads(said("license", file, "--json"))["encoder"] == "tiny"


def test_exports_carry_the_notice(tiny: EncoderSpec, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    model = tiny_family.model()
    save_model(model, tmp_path / "m.wakeword")
    said("export", tmp_path / "m.wakeword", "-o", tmp_path / "m.onnx")
    kept = {each.key: each.value for each in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert kept["NOTICE"] == said("license", tmp_path / "m.onnx")
    assert "- not recorded" in kept["NOTICE"]


def test_the_notice_of_random_weights_names_no_checkpoint() -> None:
    origin = {"encoder": "x", "licence": "MIT", "encoder_sha256": "", "training": {}}
    notice = licence_notice(origin)
    assert "trained from random weights" in notice and "SHA-256" not in notice


def test_the_origin_of_two_stages_names_both() -> None:
    model = tiny_two_stage()
    joined = joint_origin(model.gate.origin, model.verifier.origin)
    assert (joined.encoder, joined.licence) == ("tiny-gate + tiny", "Apache-2.0 + MIT")
    assert joined.encoder_sha256 == f"{'1' * 64} + {'0' * 64}" and joined.head == "conv"
    assert joined.training["verifier"] == model.verifier.origin.training
    scratch = replace(model.gate.origin, encoder_sha256="")
    assert joint_origin(scratch, model.verifier.origin).encoder_sha256 == "0" * 64


def test_damaged_provenance_is_rejected(tiny: EncoderSpec, tmp_path: Path) -> None:
    model = tiny_family.model()
    model.origin = replace(model.origin, training={"data": [3]})
    save_model(model, tmp_path / "m.wakeword")
    result = CliRunner().invoke(main, ["license", str(tmp_path / "m.wakeword")])
    assert result.exit_code == 2 and "inconsistent metadata" in result.output
