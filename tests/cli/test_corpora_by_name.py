"""A corpus by its name in train, calibrate, eval and mine, and in the record of the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_corpora
import training
from click.testing import CliRunner, Result

from wakeword.cli import main
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.file import load_model

SPEECH, HELD_OUT = "librispeech-dev-clean", "librispeech-test-clean"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_a_corpus_is_trained_calibrated_and_evaluated_on(tiny: EncoderSpec, tmp_path: Path) -> None:
    tiny_corpora.install(SPEECH, HELD_OUT, "rirs-noises")
    data = training.write_data(tmp_path / "data")
    weights, file = training.write_weights(tmp_path / "weights"), tmp_path / "ping.wakeword"
    corpora = ("--negatives", SPEECH, "--negatives", "rirs-noises")
    result = run(*training.arguments(data, weights, file, tmp_path / "work", *corpora))
    assert result.exit_code == 0, result.output
    assert "1 negative clip(s) dropped: their text contains a keyword." in result.stderr
    rows = load_model(file).origin.training["data"]
    named = {(row["role"], row["source"], row["licence"]): row["clips"] for row in rows}
    assert named["negative", SPEECH, "CC-BY-4.0"] == 8
    assert named["noise", "rirs-noises", "Apache-2.0"] == 2
    assert named["rir", "rirs-noises", "Apache-2.0"] == 2
    assert f"source {SPEECH}, licence CC-BY-4.0" in run("info", file).output

    result = run("eval", file, data, "--negatives", HELD_OUT, "--condition", "clean", "--json")
    assert result.exit_code == 0, result.output
    sources = json.loads(result.stdout)["sources"]
    assert HELD_OUT in {each["name"] for each in sources}
    assert "was trained on" not in result.stderr

    result = run("calibrate", file, "--negatives", SPEECH)
    assert result.exit_code == 0, result.output
    assert f"the model was trained on {SPEECH}" in result.stderr
    provenance = load_model(file).operating_point.provenance
    assert f"8 recordings with {SPEECH} (SHA-256 " in provenance


def test_a_corpus_is_mined(model_file: Path, tmp_path: Path) -> None:
    tiny_corpora.install(SPEECH)
    mined = tmp_path / "mined"
    result = run("mine", model_file, SPEECH, "-o", mined, "--min-score", "1e-12")
    assert result.exit_code == 0, result.output
    lines = (mined / "mined.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["recording"] for line in lines} <= {
        f"{speaker}-7-000{number}.flac" for speaker in (11, 22, 33) for number in range(3)
    }


@pytest.mark.parametrize(
    "command",
    [
        ("calibrate", "FILE", "--negatives", "musan"),
        ("eval", "FILE", "DATA", "--negatives", "musan"),
        ("mine", "FILE", "musan", "-o", "mined"),
        ("train", "DATA", "-o", "new.wakeword", "--negatives", "musan"),
    ],
)
def test_a_corpus_that_is_not_downloaded_names_the_command(
    command: tuple[str, ...], model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"FILE": model_file, "DATA": training.write_data(tmp_path / "data")}
    before = sorted(tmp_path.rglob("*"))
    result = run(*(places.get(each, each) for each in command))
    assert result.exit_code == 2, result.output
    assert "musan is not downloaded. Run: wakeword data get musan" in result.stderr
    assert sorted(path for path in tmp_path.rglob("*") if "cache" not in path.parts) == [
        path for path in before if "cache" not in path.parts
    ]
