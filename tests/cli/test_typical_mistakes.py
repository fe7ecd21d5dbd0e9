"""Typical mistakes: one message with cause and remedy, exit code 2, no traceback, nothing written.

The mistakes are in `tests/support/mistakes`.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import soundfile
import training
from click.testing import CliRunner
from mistakes import MISTAKES, Workspace

from wakeword.cli import main
from wakeword.encoders.spec import EncoderSpec


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_explained_in_one_message(name: str, model_file: Path) -> None:
    make, cause, remedy = MISTAKES[name]
    place = model_file.parent
    with ExitStack() as until_end, pytest.MonkeyPatch.context() as patch:
        workspace = Workspace(place, patch, until_end)
        arguments = [str(each) for each in make(workspace)]
        before = content(place)
        result = CliRunner().invoke(main, arguments, input=workspace.stdin)
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    message = " ".join(result.stderr.split())
    assert cause and cause in message
    assert remedy and remedy in message
    assert "Traceback" not in message
    assert content(place) == before


@pytest.mark.parametrize("option", ["--det-plot", "--report"])
def test_an_evaluation_checks_its_outputs_before_it_starts(option: str, model_file: Path) -> None:
    with ExitStack() as until_end, pytest.MonkeyPatch.context() as patch:
        data = Workspace(model_file.parent, patch, until_end).clips("alexa", "computer", "other")
    arguments = ["eval", model_file, data, "--split", "train", option, model_file.parent]
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {model_file.parent}: cannot be written (it is a fol")


def test_there_are_enough_mistakes() -> None:
    assert len(MISTAKES) >= 40


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_any_rate_and_channel_count_is_accepted(rate: int, channels: int, model_file: Path) -> None:
    samples = np.zeros((rate, channels), dtype=np.float32)
    recording = model_file.with_name("a.wav")
    soundfile.write(recording, samples, rate, subtype="FLOAT")
    result = CliRunner().invoke(main, ["detect", str(model_file), str(recording)])
    assert result.exit_code == 0, result.output


def test_a_manifest_of_windows_by_one_speaker_is_used_and_noted(
    tiny: EncoderSpec, tmp_path: Path
) -> None:
    """A byte order mark, its line ends, few clips, one speaker, and a folder that is missing."""
    manifest = training.write_data(tmp_path / "data")
    rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    for row in rows:
        del row["split"]
        row["speaker"] = "ada"
    manifest.write_bytes("\r\n".join(map(json.dumps, rows)).encode("utf-8-sig"))
    weights, output = training.write_weights(tmp_path / "weights"), tmp_path / "new" / "a.wakeword"
    arguments = training.arguments(manifest, weights, output, tmp_path / "work")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert output.is_file()
    assert "ONE SPEAKER ('ada') for 'ping'" in result.stderr
    assert "Add other speakers" in result.stderr
    assert "Clips of more people would narrow it" in " ".join(result.stderr.split())


def content(place: Path) -> dict[Path, bytes | None]:
    """What lies in a folder, but for caches: files with their bytes, and folders."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in place.rglob("*")
        if path.relative_to(place).parts[0] not in ("cache", "work")
    }
