"""A model file that is already there: replaced by the same command alone, or with --force."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tiny as tiny_family
import training
from click.testing import CliRunner, Result

from wakeword.audio.files import save_audio
from wakeword.cli import main
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.file import load_model, save_model


class Commands:
    """Commands that write `file`; each is quick."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "a.wakeword"
        self.weights = training.write_weights(folder / "weights")
        self.data = training.write_data(folder / "data")
        for i in range(4):
            save_audio(folder / f"{i}.wav", training.word(i))

    def train(self, data: Path, *more: str) -> Result:
        given = training.arguments(data, self.weights, self.file, self.folder / "work", *more)
        return CliRunner().invoke(main, [*given, "--epochs", "1", "--hours", "0.05"])

    def enroll(self, keyword: str, *clips: int, more: tuple[str, ...] = ()) -> Result:
        files = [str(self.folder / f"{i}.wav") for i in clips]
        fixed = ["--encoder", "tiny", "--weights", str(self.weights), "-o", str(self.file)]
        return CliRunner().invoke(main, ["enroll", keyword, *files, *fixed, *more])


@pytest.fixture
def commands(tiny: EncoderSpec, tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def refuses(result: Result, file: Path, before: bytes, reason: str) -> None:
    assert result.exit_code == 2, result.output
    for expected in (f"{file} holds a model of 'ping', ", reason, "would be lost", "--force"):
        assert expected in result.output
    assert file.read_bytes() == before


def test_the_same_enrolment_repeats_and_another_is_refused(commands: Commands) -> None:
    file = commands.file
    assert commands.enroll("ping", 0, 1).exit_code == 0
    before = file.read_bytes()
    assert commands.enroll("ping", 0, 1).exit_code == 0
    assert file.read_bytes() == before
    refuses(commands.enroll("pong", 0, 1), file, before, "and not of 'pong'")
    refuses(commands.enroll("ping", 0, 2), file, before, "made of other recordings")
    refuses(commands.train(commands.data), file, before, "made by `wakeword enroll`, and not by")
    assert commands.enroll("pong", 0, 1, more=("--force",)).exit_code == 0
    assert load_model(file).keywords == ("pong",)


def test_the_same_training_repeats_and_another_is_refused(commands: Commands) -> None:
    file, data = commands.file, commands.data
    result = commands.train(data)
    assert result.exit_code == 0, result.output
    before = file.read_bytes()
    assert commands.train(data).exit_code == 0
    assert file.read_bytes() == before
    copy = shutil.copytree(data.parent, commands.folder / "copy") / data.name
    assert commands.train(copy).exit_code == 0  # the content of the recordings counts
    save_audio(copy.parent / "ping-0.wav", training.word(99))
    refuses(commands.train(copy), file, before, "made of other recordings")
    refuses(commands.enroll("ping", 0, 1), file, before, "made by `wakeword train`, and not by")
    assert commands.train(copy, "--force").exit_code == 0
    assert file.read_bytes() != before


def test_a_calibrated_threshold_is_not_lost(commands: Commands) -> None:
    assert commands.enroll("ping", 0, 1).exit_code == 0
    save_audio(commands.folder / "evening.wav", tiny_family.synthetic_audio(6.0))
    calibrate = ["calibrate", str(commands.file), "--negatives", f"{commands.folder}/evening.wav"]
    for _ in range(2):
        assert CliRunner().invoke(main, calibrate).exit_code == 0
    before = commands.file.read_bytes()
    reason = "made by `wakeword calibrate`, and not by `wakeword enroll`"
    refuses(commands.enroll("ping", 0, 1), commands.file, before, reason)


def test_a_model_of_unknown_origin_and_other_files_are_not_replaced(commands: Commands) -> None:
    file = commands.file
    save_model(tiny_family.model(keywords=("ping",)), file)
    before = file.read_bytes()
    refuses(commands.enroll("ping", 0, 1), file, before, "made by an earlier version or a program")
    file.write_bytes(b"a letter")
    result = commands.enroll("ping", 0, 1)
    assert result.exit_code == 2 and f"{file} exists and is no model" in result.output
    assert file.read_bytes() == b"a letter"
