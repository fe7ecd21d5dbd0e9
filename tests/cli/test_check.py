"""`wakeword check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from faulty_data import SyntheticDataset, save, shifted, voice

from wakeword.cli.check import check
from wakeword.data.writer import write_manifest
from wakeword.errors import ManifestError


@pytest.fixture
def data(tmp_path: Path) -> SyntheticDataset:
    return SyntheticDataset(tmp_path)


def test_data_without_faults_exits_with_0(data: SyntheticDataset) -> None:
    write_manifest(data.dataset(), data.root / "m.jsonl")
    result = CliRunner().invoke(check, [str(data.root / "m.jsonl")])
    assert result.exit_code == 0, result.output
    assert "jarvis" in result.output
    assert "0 error(s), 0 warning(s)." in result.output


def test_errors_are_listed_and_exit_with_2(data: SyntheticDataset) -> None:
    data.negative(text="my [bold]computer[/bold]")
    write_manifest(data.dataset(), data.root / "m.jsonl")
    result = CliRunner().invoke(check, [str(data.root), "--keyword", "computer"])
    assert result.exit_code == 2
    assert "contain a keyword (computer)" in result.output
    assert data.negatives[-1].path.name in result.output
    assert "1 error(s), 0 warning(s)." in result.output
    as_json = CliRunner().invoke(check, [str(data.root), "--json"])
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["findings"][0]["kind"] == "keyword-in-negatives"


def test_splits_are_assigned(tmp_path: Path) -> None:
    for number in range(5):
        save(tmp_path / f"go/{number}.wav", voice(number))
        save(tmp_path / f"negative/{number}.wav", voice(10 + number))
    result = CliRunner().invoke(check, [str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "SPEAKERS UNKNOWN for 10 of 10" in " ".join(result.output.split())
    assert "dev" in result.output


def test_errors_of_the_reader_are_raised(tmp_path: Path) -> None:
    result = CliRunner().invoke(check, [str(tmp_path / "nowhere")])
    assert isinstance(result.exception, ManifestError)


def test_the_help_of_check_has_examples() -> None:
    result = CliRunner().invoke(check, ["--help"])
    assert "check recordings/ --keyword computer --keyword jarvis" in result.output


def test_splits_that_it_assigns_itself_are_no_error(tmp_path: Path) -> None:
    """Copies of a recording of unknown speakers are a warning, not one in two splits."""
    for number in range(8):
        save(tmp_path / f"go/{number}.wav", voice(number))
        save(tmp_path / f"go/copy-{7 - number}.wav", shifted(voice(number)))
        save(tmp_path / f"negative/{number}.wav", voice(20 + number, 2.0))
        save(tmp_path / f"negative/copy-{7 - number}.wav", voice(20 + number, 2.0))
    result = CliRunner().invoke(check, [str(tmp_path)])
    assert result.exit_code == 0, result.output
    printed = " ".join(result.output.split())
    assert "16 clips in 8 group(s) are the same recording, shifted" in printed
    assert "16 clips in 8 group(s) are exactly the same recording" in printed
