"""Training, enrolment, or both with few clips: what is made, kept and printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny as tiny_family
import training
from click.testing import CliRunner, Result

from wakeword.cli import main
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.model.file import load_model
from wakeword.training import method

HELD_OUT = Dataset(Path(), "made up", keywords=(Clip(Path("a.wav"), "ping"),) * 4)


class Case:
    """A small data set, and a training of seconds on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "a.wakeword"
        self.data = training.write_data(folder / "data")
        self.weights = training.write_weights(folder / "weights")

    def run(self, *more: str) -> Result:
        given = training.arguments(self.data, self.weights, self.file, self.folder / "work")
        return CliRunner().invoke(main, [*given, "--epochs", "1", "--hours", "0.05", *more])


@pytest.fixture
def case(tiny: EncoderSpec, tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.mark.parametrize(
    ("enrolled", "trained", "clips", "kept", "reason"),
    [
        (0, 12, 30, "enroll", "it misses fewer held-out keywords"),
        (12, 0, 5, "train", "it misses fewer held-out keywords"),
        (3, 5, 20, "enroll", "held-out clips are too few to tell, and enrolment is the better"),
        (5, 3, 21, "train", "held-out clips are too few to tell, and training is the better"),
    ],
)
def test_held_out_clips_decide_and_else_the_number_of_clips(
    monkeypatch: pytest.MonkeyPatch,
    tiny: EncoderSpec,
    enrolled: int,
    trained: int,
    clips: int,
    kept: str,
    reason: str,
) -> None:
    counts = iter((enrolled, trained))
    monkeypatch.setattr(
        method, "_misses", lambda *_: [i < count for count in [next(counts)] for i in range(16)]
    )
    model = tiny_family.model()
    chosen, summary = method._compare(model, model, HELD_OUT, clips, None)
    assert chosen == kept
    counted = f"enrolled: {enrolled} of 16 held-out keywords missed; trained: {trained} of 16"
    assert counted in summary
    assert f"Kept the {'enrolled' if kept == 'enroll' else 'trained'} model: {reason}" in summary


def test_few_clips_are_trained_and_enrolled(case: Case) -> None:
    result = case.run("--method", "auto", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    for expected in ("enrolled: ", " held-out keywords missed; trained: ", "Kept the "):
        assert expected in summary["methods_compared"]
    assert summary["history"]  # it was trained, too
    model = load_model(case.file)
    assert (model.origin.head == "examples") is (summary["method"] == "enroll")
    assert 0 < summary["thresholds"]["ping"] < 1


@pytest.mark.parametrize("forced", ["train", "enroll"])
def test_either_can_be_forced(case: Case, forced: str) -> None:
    result = case.run("--method", forced)
    assert result.exit_code == 0, result.output
    model = load_model(case.file)
    assert (model.origin.head == "examples") is (forced == "enroll")
    assert "Kept the" not in result.stderr
    assert ("clips serve as examples" in result.stderr) is (forced == "enroll")
    assert "held-out negatives" in model.operating_point.provenance
    assert model.origin.training["data"]


def test_where_enrolment_fails_the_trained_model_is_kept(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConfigError("no similar clips.")

    monkeypatch.setattr(method, "enroll", fail)
    result = case.run("--method", "auto")
    assert result.exit_code == 0, result.output
    assert "none could be enrolled: no similar clips." in " ".join(result.stderr.split())
    assert load_model(case.file).origin.head == "conv"
    assert case.run("--method", "enroll", "--force").exit_code == 2


def test_many_clips_are_only_trained(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "FEW_CLIPS", 5)
    result = case.run("--method", "auto")
    assert result.exit_code == 0, result.output
    assert load_model(case.file).origin.head == "conv" and "enrolled" not in result.stderr


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("-k", "ping", "-k", "pong"), "2 keywords: enrolment takes one"),
        (("--compare-scratch",), "--method enroll trains none"),
    ],
)
def test_what_enrolment_cannot_do_is_an_error(
    case: Case, more: tuple[str, ...], reason: str
) -> None:
    other = training.write_data(case.folder / "more", clips=4, label="pong")
    key = '"audio_filepath": "'
    rows = other.read_text(encoding="utf-8").replace(key, f"{key}../more/")
    if "pong" in more:
        case.data.write_text(case.data.read_text("utf-8") + "\n" + rows, encoding="utf-8")
    result = case.run("--method", "enroll", *more)
    assert result.exit_code == 2 and reason in result.output
    assert not case.file.exists()
