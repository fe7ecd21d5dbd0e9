"""Models without their encoders, and those of them that come with the package."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import tiny as tiny_family
import torch
from click.testing import CliRunner
from hostile_files import check_rejected, contents, rewrite

import wakeword
from wakeword.cli import main
from wakeword.encoders.registry import load_encoder
from wakeword.errors import CheckpointError
from wakeword.heads import build_head
from wakeword.model.file import load_model, save_model
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.ready_models import FOLDER, is_ready_model, model_path, ready_models

SOUND = torch.from_numpy(tiny_family.synthetic_audio(2.0))[None]


def head_on_pretrained_encoder() -> WakeWordModel:
    """A head of random weights on the encoder that comes with the package."""
    encoder, _, sha256 = load_encoder("wakeword-stream", output_layers=(5, 6))
    torch.manual_seed(0)
    head = build_head("conv", encoder.dim, 1, 2, encoder.frame_rate_hz)
    origin = Origin("wakeword-stream", "chunked", sha256, "Apache-2.0", "conv")
    point = OperatingPoint({"computer": 0.5}, 0.12, 1.0)
    return WakeWordModel(encoder, head, ["computer"], origin, point).eval()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_model(head_on_pretrained_encoder(), tmp_path / "small.wakeword", with_encoder=False)
    return tmp_path / "small.wakeword"


# ---------------------------------------------------------------- files without the encoder


def test_a_file_without_its_encoder_is_the_same_model(file: Path) -> None:
    model, loaded = head_on_pretrained_encoder(), load_model(file)
    assert isinstance(loaded, WakeWordModel) and not loaded.training
    assert (loaded.origin, loaded.encoder.settings()) == (model.origin, model.encoder.settings())
    with torch.inference_mode():
        assert torch.equal(loaded(SOUND)[0], model(SOUND)[0])
    assert file.stat().st_size < 400_000
    assert not [name for name in contents(file)[0] if name.startswith("encoder.")]
    assert contents(file)[1]["format"] == "wakeword/3"


def test_a_trained_encoder_stays_in_the_file(tmp_path: Path) -> None:
    model = head_on_pretrained_encoder()
    with torch.no_grad():
        next(model.encoder.parameters())[0, 0] += 0.1
    save_model(model, tmp_path / "small.wakeword", with_encoder=False)
    save_model(model, tmp_path / "whole.wakeword")
    assert (tmp_path / "small.wakeword").read_bytes() == (tmp_path / "whole.wakeword").read_bytes()


def test_other_weights_than_those_of_training_are_refused(file: Path) -> None:
    tensors, about = contents(file)
    about["origin"]["encoder_sha256"] = "0" * 64
    rewrite(file, about, tensors)
    check_rejected(load_model, file, "does not hold its encoder", "SHA-256", "0" * 64)


def test_an_encoder_in_part_is_refused(file: Path) -> None:
    tensors, about = contents(file)
    name, value = next(iter(head_on_pretrained_encoder().encoder.state_dict().items()))
    rewrite(file, about, {**tensors, f"encoder.{name}": value})
    check_rejected(load_model, file, "tensors that do not fit")


def test_a_model_of_unknown_origin_keeps_its_encoder(tmp_path: Path) -> None:
    model = head_on_pretrained_encoder()
    model.origin = replace(model.origin, encoder_sha256="")
    save_model(model, tmp_path / "some.wakeword", with_encoder=False)
    assert contents(tmp_path / "some.wakeword")[1]["format"] == "wakeword/2"


def test_pretrained_weights_that_are_others_cannot_be_left_out(tmp_path: Path) -> None:
    model = head_on_pretrained_encoder()
    model.origin = replace(model.origin, encoder_sha256="0" * 64)
    with pytest.raises(CheckpointError, match="the model needs 0000"):
        save_model(model, tmp_path / "some.wakeword", with_encoder=False)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- ready models


def test_the_ready_models_are_small_and_load() -> None:
    assert set(ready_models()) == {"alexa", "computer", "jarvis", "snowboy"}
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 3_000_000
    for name in ready_models():
        assert wakeword.load(name).keywords == (name,)


def test_what_they_were_made_of_allows_it() -> None:
    for path in ready_models().values():
        with safetensors.safe_open(path, framework="pt") as opened:
            about = json.loads(opened.metadata()["wakeword"])
        licences = {each["licence"] for each in about["origin"]["training"]["data"]}
        assert len(licences) > 3 and not [name for name in licences if "SA" in name or "NC" in name]
        assert about["origin"]["licence"] == "Apache-2.0"


def test_a_file_goes_before_a_ready_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_path("computer") == FOLDER / "computer.wakeword"
    assert model_path("computre") == Path("computre")
    assert is_ready_model(model_path("computer")) and not is_ready_model(tmp_path / "computer")
    Path("computer").write_text("another")
    assert model_path("computer") == Path("computer")


def test_models_lists_them() -> None:
    listed = CliRunner().invoke(main, ["models", "--json"])
    rows = {row["name"]: row for row in json.loads(listed.stdout)}
    assert list(rows) == list(ready_models())
    for row in rows.values():
        assert row["measured"]["hours"] > 3
        clean = row["measured"]["results"][0]
        assert clean["condition"] == "clean" and 0 <= clean["missed"] < clean["clips"]
    table = CliRunner().invoke(main, ["models"]).stdout
    assert all(name in table for name in rows) and table.count(" h ") == len(rows)


def test_a_name_is_a_model_wherever_one_is_read(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["info", "computer", "--json"])
    assert json.loads(shown.stdout)["keywords"] == ["computer"]
    missing = CliRunner().invoke(main, ["info", str(tmp_path / "computer")])
    assert missing.exit_code == 2 and "no such model file" in missing.output


def test_a_ready_model_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = model_path("computer").read_bytes()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["calibrate", "computer", "--negatives", "."])
    assert done.exit_code == 2 and "Write another file with -o" in " ".join(done.output.split())
    exported = CliRunner().invoke(main, ["export", "computer"])
    assert exported.exit_code == 0 and Path("computer.onnx").is_file()
    assert model_path("computer").read_bytes() == before
