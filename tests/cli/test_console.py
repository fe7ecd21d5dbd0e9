"""Verbosity, notes, progress and colours of the command line."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import tiny as tiny_family
from click.testing import CliRunner, Result

from wakeword.audio.files import save_audio
from wakeword.cli import main
from wakeword.cli.console import print_note, progress_display


@pytest.fixture
def evenings(model_file: Path) -> Path:
    for number in range(2):
        save_audio(
            model_file.parent / "evenings" / f"{number}.flac",
            tiny_family.synthetic_audio(4.0, number),
        )
    return model_file.parent / "evenings"


def mine(model_file: Path, recordings: Path, *before: str) -> Result:
    output = model_file.parent / ("mined" + "".join(before))
    arguments = ["mine", model_file, recordings, "-o", output, "--min-score", "0.01"]
    result = CliRunner().invoke(main, [*before, *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result


def test_progress_goes_to_stderr(model_file: Path, evenings: Path) -> None:
    result = mine(model_file, evenings)
    assert "mining, seconds of audio (8)" in result.stderr
    assert "mining" not in result.stdout and "clips in" in result.stdout


def test_quiet_hides_progress_and_notes_but_no_result(model_file: Path, evenings: Path) -> None:
    for number in range(2, 20):
        save_audio(evenings / f"{number}.flac", tiny_family.synthetic_audio(1.0, number))
    (evenings / "broken.flac").write_bytes(b"no audio")
    spoken = mine(model_file, evenings)
    assert "note: skipped" in spoken.stderr and "broken.flac" in spoken.stderr
    silent = mine(model_file, evenings, "--quiet")
    assert silent.stderr == "" and "clips in" in silent.stdout


def test_quiet_does_not_hide_errors() -> None:
    result = CliRunner().invoke(main, ["-q", "detect", "nothing.wakeword", "some.wav"])
    assert result.exit_code == 2 and result.stderr.startswith("Error: nothing.wakeword")


def test_verbose_logs_to_stderr(model_file: Path, evenings: Path) -> None:
    assert "INFO" not in mine(model_file, evenings).stderr
    result = mine(model_file, evenings, "-v")
    assert "INFO wakeword.evaluation.mine: " in result.stderr
    assert "INFO" not in result.stdout


def test_very_verbose_shows_the_traceback_of_an_error() -> None:
    arguments = ["detect", "nothing.wakeword", "some.wav"]
    for level, shown in (("-v", False), ("-vv", True)):
        result = CliRunner().invoke(main, [level, *arguments])
        assert result.exit_code == 2
        assert ("Traceback" in result.stderr) is shown
        assert "Error: nothing.wakeword: no such model file" in result.stderr


def test_logging_is_as_before_after_a_command(model_file: Path, evenings: Path) -> None:
    logger = logging.getLogger("wakeword")
    before = (logger.level, list(logger.handlers))
    mine(model_file, evenings, "-vv")
    assert (logger.level, list(logger.handlers)) == before


def test_progress_and_notes_need_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_display() as progress:
        progress("counting", 1, 2)
        progress("counting", 2, 2)
        progress("waiting", 0, 0)
    print_note("a [note]")
    assert capsys.readouterr().err == "counting (2)\nwaiting\nnote: a [note]\n"


@pytest.mark.parametrize(("no_color", "colours"), [(None, True), ("1", False)])
def test_no_color_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_color: str | None, colours: bool
) -> None:
    for name in ("alexa", "negatives"):  # too few clips: an error, in red
        save_audio(tmp_path / "data" / name / "0.wav", tiny_family.synthetic_audio(1.0))
    environment = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": no_color}
    result = CliRunner().invoke(main, ["check", str(tmp_path / "data")], env=environment)
    assert result.exit_code == 2, result.output
    assert ("\x1b[31merror" in result.output) is colours
    assert "error" in result.output
