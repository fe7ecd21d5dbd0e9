"""`wakeword info`: what a model file of either kind holds."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import tiny as tiny_family
from click.testing import CliRunner
from two_stage import tiny_two_stage

import wakeword
from wakeword.cli import main
from wakeword.cli.info import read_info
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.file import load_model, save_model
from wakeword.model.provenance import licence_notice

TRAINING = {
    "strategy": "head",
    "epochs": 6,
    "best_epoch": 4,
    "keyword_clips": 40,
    "keyword_minutes": 0.8,
    "trainable": 1234,
    "parameters": 56789,
    "data": [{"role": "keyword", "source": "mine", "licence": "CC0-1.0", "clips": 40}],
}


@pytest.fixture
def file(tiny: EncoderSpec, tmp_path: Path) -> Path:
    """A model with everything that is recorded of a training."""
    model = tiny_family.model()
    model.operating_point = replace(
        model.operating_point,
        smoothing_s=0.16,
        refractory_s=1.5,
        provenance="0.5 false accepts per hour in 2 h",
    )
    model.origin = replace(model.origin, training=TRAINING)
    save_model(model, tmp_path / "m.wakeword")
    return tmp_path / "m.wakeword"


@pytest.fixture
def exported(file: Path) -> Path:
    pytest.importorskip("onnxscript")
    output(file.with_suffix(".onnx"), "export", file, "-o")
    return file.with_suffix(".onnx")


def output(last: object, *arguments: object) -> str:
    result = CliRunner().invoke(main, [str(each) for each in (*arguments, last)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_shows_keywords_threshold_training_and_licences(file: Path) -> None:
    text = " ".join(output(file, "info").split())
    for expected in (
        "'alexa', detected at scores of 0.5000 or more",
        "'computer', detected at scores of 0.5000 or more",
        "0.5 false accepts per hour in 2 h",
        "smoothing 0.16 s",
        "refractory time 1.5 s",
        "encoder tiny, streaming: chunked",
        "wakeword/2",
        "strategy head; 6 epochs, best 4; 40 keyword clips (0.8 min); 1,234 parameters trained",
        "Encoder: tiny, licence MIT",
        "- keyword: 40 clips, source mine, licence CC0-1.0",
    ):
        assert expected in text, expected


def test_json_holds_the_same(file: Path) -> None:
    values = json.loads(output(file, "info", "--json"))
    assert values["keywords"] == ["alexa", "computer"]
    assert values["thresholds"] == {"alexa": 0.5, "computer": 0.5}
    assert (values["encoder"], values["streaming"], values["format"]) == (
        "tiny",
        "chunked",
        "wakeword/2",
    )
    assert values["size_bytes"] == file.stat().st_size
    assert values["parameters"] == sum(p.numel() for p in tiny_family.model().parameters())
    assert values["origin"]["training"] == TRAINING
    assert values["notice"] == output(file, "license")
    assert not {"by_stage", "cascade"} & values.keys()


def test_both_stages_are_shown(tmp_path: Path) -> None:
    model = tiny_two_stage(gate_threshold=0.25)
    model.gate.origin = replace(model.gate.origin, training=TRAINING)
    path = tmp_path / "two.wakeword"
    save_model(model, path)
    text = " ".join(output(path, "info").split())
    for expected in (
        "gate tiny-gate, streaming: chunked, head: conv, 56,789 parameters",
        "gate training strategy head; 6 epochs, best 4; 40 keyword clips",
        "verifier tiny, streaming: window, head: conv",
        "'alexa' at gate scores of 0.2500 or more, 'computer' at gate scores of 0.2500 or more",
        "final logit 0.2 · gate + 1 · verifier +0",
        "wakeword-two-stage/1",
        "Encoder: tiny-gate + tiny, licence Apache-2.0 + MIT.",
    ):
        assert expected in text, expected
    values = json.loads(output(path, "info", "--json"))
    assert values["by_stage"].keys() == {"gate", "verifier"}
    assert values["by_stage"]["gate"]["parameters"] == TRAINING["parameters"]
    assert values["by_stage"]["verifier"]["encoder"] == "tiny"
    assert values["cascade"]["gate_thresholds"] == {"alexa": 0.25, "computer": 0.25}
    assert values["parameters"] == sum(p.numel() for p in model.parameters())
    assert values["notice"] == output(path, "license")
    assert values["origin"]["training"]["verifier"] == model.verifier.origin.training


def test_the_old_command_prints_licences_as_before(file: Path) -> None:
    origin = asdict(load_model(file).origin)
    assert output(file, "license") == licence_notice(origin)
    assert output(file, "license", "--json") == json.dumps(origin, indent=1) + "\n"


def test_an_exported_file_is_described_alike(file: Path, exported: Path) -> None:
    of_model, of_export = read_info(file), read_info(exported)
    assert of_export.format == "wakeword-onnx/2"
    assert of_export.parameters == TRAINING["parameters"]  # as recorded
    own = ("file", "format", "size_bytes", "parameters")
    same = {name: value for name, value in of_model.as_dict().items() if name not in own}
    assert {name: of_export.as_dict()[name] for name in same} == same
    assert "'alexa'" in output(exported, "info")


def test_an_exported_file_needs_no_torch(exported: Path) -> None:
    code = (
        "import sys; from wakeword.cli.info import info; "
        f"info.main([{str(exported)!r}], standalone_mode=False); "
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(wakeword.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"alexa" in done.stdout


def test_a_model_without_a_record_is_described_too(tiny: EncoderSpec, tmp_path: Path) -> None:
    model = tiny_family.model()
    model.origin = replace(model.origin, training={})
    model.operating_point = replace(model.operating_point, provenance="")
    save_model(model, tmp_path / "m.wakeword")
    text = " ".join(output(tmp_path / "m.wakeword", "info").split())
    assert "training not recorded" in text and "threshold source not recorded" in text


@pytest.mark.parametrize("name", ["nothing.wakeword", "nothing.onnx"])
def test_a_missing_file_is_an_error(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(main, ["info", str(tmp_path / name)])
    assert result.exit_code == 2 and "no such model file" in result.stderr


def test_an_inconsistent_record_is_an_error(tiny: EncoderSpec, tmp_path: Path) -> None:
    model = tiny_family.model()
    model.origin = replace(model.origin, training={"data": [3]})
    save_model(model, tmp_path / "m.wakeword")
    result = CliRunner().invoke(main, ["info", str(tmp_path / "m.wakeword")])
    assert result.exit_code == 2 and "inconsistent metadata" in result.stderr
