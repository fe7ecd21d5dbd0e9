"""`wakeword eval` on two models."""

from __future__ import annotations

import json
from pathlib import Path

import tiny as tiny_family
from click.testing import CliRunner

import wakeword
from wakeword.audio.files import save_audio
from wakeword.cli import main
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.file import save_model


def test_two_models_are_compared_and_reported(tiny: EncoderSpec, tmp_path: Path) -> None:
    model = tiny_family.model()
    for number, label in enumerate((*model.keywords, "negatives")):
        for clip in range(2):
            save_audio(
                tmp_path / "dev" / label / f"{clip}.wav",
                tiny_family.synthetic_audio(1, seed=number),
            )
    for name in ("a", "b"):
        save_model(model, tmp_path / f"{name}.wakeword")
    command = ["eval", tmp_path / "a.wakeword", tmp_path, "--compare", tmp_path / "b.wakeword"]
    command += ["--condition", "clean", "--report", tmp_path / "a.html"]
    result = CliRunner().invoke(main, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    assert "by source" in result.output and "/h" not in result.output
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Against b.wakeword" in page
    assert "<dt>model file</dt><dd>a.wakeword</dd>" in page
    assert "<dt>encoder</dt><dd>tiny</dd>" in page
    assert f"<dt>wakeword</dt><dd>{wakeword.__version__}</dd>" in page
    result = CliRunner().invoke(main, [str(part) for part in (*command, "--json")])
    values = json.loads(result.output[result.output.index("{") :])
    assert all(row["at_false_accepts_per_hour"] == {} for row in values["rows"])
    assert {each["p"] for each in values["compared"]} <= {1.0}
    assert values["subject"]["file"] == "a.wakeword"
    assert values["subject"]["data"] == f"dev split of {tmp_path}"
