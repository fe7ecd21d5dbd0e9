"""The commands `encoders`, `detect` and `eval`, help, and error messages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import tiny as tiny_family
from click.testing import CliRunner, Result

import wakeword
from wakeword.audio.files import load_audio, save_audio
from wakeword.cli import COMMANDS, main
from wakeword.detection.detector import Detector
from wakeword.encoders.registry import build_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.file import load_model


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def succeeds(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def fails(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return result.stderr


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "some.wav"
    save_audio(path, tiny_family.synthetic_audio(4.0))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three clips of each keyword and of other audio, all held out."""
    root = tmp_path / "data"
    for number, word in enumerate(("alexa", "computer", "negatives")):
        for clip in range(3):
            samples = tiny_family.synthetic_audio(1.0, seed=10 * number + clip)
            save_audio(root / "dev" / word / f"{clip}.wav", samples)
    return root


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str) -> None:
    text = succeeds(name, "--help")
    assert f"{name} [OPTIONS]" in text.splitlines()[0]
    assert "--help" in text


def test_the_help_lists_the_commands() -> None:
    text = succeeds("--help")
    assert all(name in text for name in COMMANDS)
    assert run("-h").stdout == text


def test_version() -> None:
    assert wakeword.__version__ in succeeds("--version")


@pytest.mark.parametrize("arguments", [["train-me"], ["detect"], ["detect", "--loud", "a", "b"]])
def test_wrong_usage(arguments: list[str]) -> None:
    assert "Usage: " in fails(*arguments)


def test_encoders_as_json(tiny: EncoderSpec) -> None:
    rows = json.loads(succeeds("encoders", "--json"))
    by_name = {row["name"]: row for row in rows}
    assert set(by_name) == {spec.name for spec in wakeword.list_encoders()}
    assert by_name["tiny"]["at_hand"] == ""
    assert by_name["whisper-tiny.en"]["hours"] == 438_000
    assert all(row["licence"] and row["trained_on"] for row in rows)


def test_encoders_by_licence_and_measured(tiny: EncoderSpec) -> None:
    free = {row["name"] for row in json.loads(succeeds("encoders", "--permissive-only", "--json"))}
    assert "whisper-tiny.en" in free and "voxpopuli-base-en" not in free
    (row,) = json.loads(succeeds("encoders", "tiny", "--measure", "--json"))
    assert row["parameters"] == sum(p.numel() for p in build_encoder("tiny").parameters())
    assert row["look_ahead_ms"] == 152.5 and row["real_time_factor"] > 0
    assert row["streaming"] == ["chunked", "window"]
    assert "real-time factor" in succeeds("encoders", "tiny", "--measure")
    assert "encoder" in fails("encoders", "tinny")


def test_encoders_as_a_table() -> None:
    text = succeeds("encoders")
    assert "MIT" in text and all(spec.name in text for spec in wakeword.list_encoders())


# ---------------------------------------------------------------- detect


@pytest.mark.parametrize("threshold", [(), ("--threshold", "0")])
def test_detect_as_json(model_file: Path, recording: Path, threshold: tuple[str, ...]) -> None:
    second = recording.with_name("second.flac")
    save_audio(second, tiny_family.synthetic_audio(3.0, seed=4))
    lines = succeeds("detect", model_file, recording, second, "--json", *threshold).splitlines()
    expected = []
    for path in (recording, second):
        detector = Detector(load_model(model_file), threshold=0.0 if threshold else None)
        detections = detector.feed(load_audio(path))
        peaks = detector.peaks
        detections += detector.flush()
        peaks |= detector.peaks
        expected += [
            {"file": str(path), "keyword": found.keyword, "time": found.time}
            | {"start": found.start, "end": found.end}
            | {"score": found.score, "peak": peaks[found]}
            for found in detections
        ]
    assert [json.loads(line) for line in lines] == expected
    assert len(expected) > 3
    assert {row["file"] for row in expected} == {str(recording), str(second)}


def test_detect_as_text(model_file: Path, recording: Path) -> None:
    first = succeeds("detect", model_file, recording).splitlines()[0].split()
    assert first[0] == str(recording)
    assert first[2] == "s" and first[3] in ("alexa", "computer")
    assert first[5] == "peak" and float(first[6]) >= float(first[4])


def test_detect_ends_with_a_count_of_detections(model_file: Path, recording: Path) -> None:
    found = run("detect", model_file, recording, "--threshold", "1")
    assert found.stdout == ""
    assert found.stderr.splitlines()[-1] == "0 detection(s) in 1 recording(s), 0.1 min"


def test_detect_resamples_other_rates(model_file: Path, tmp_path: Path) -> None:
    samples = tiny_family.synthetic_audio(4.0, rate=44_100)
    soundfile.write(tmp_path / "cd.wav", samples, 44_100)
    assert succeeds("detect", model_file, tmp_path / "cd.wav", "--json")


def test_detect_works_through_folders_and_files(model_file: Path, recording: Path) -> None:
    folder = recording.parent / "evenings"
    for name in ("b.wav", "deep/a.flac", ".hidden.wav"):
        save_audio(folder / name, tiny_family.synthetic_audio(3.0, seed=4))
    (folder / "notes.txt").write_text("no audio")
    command = ("detect", model_file, recording, folder, recording, "--threshold", "0", "--json")
    files = [json.loads(line)["file"] for line in succeeds(*command).splitlines()]
    expected = [recording, folder / "b.wav", folder / "deep" / "a.flac"]  # each once, in order
    assert list(dict.fromkeys(files)) == [str(path) for path in expected]
    assert files == sorted(files, key=lambda file: expected.index(Path(file)))


def test_an_unreadable_recording_is_reported_first(model_file: Path, recording: Path) -> None:
    broken = recording.with_name("broken.wav")
    broken.write_text("no audio")
    assert "broken.wav" in fails("detect", model_file, recording, broken)


# ---------------------------------------------------------------- eval


def test_eval_as_json(model_file: Path, data: Path) -> None:
    result = json.loads(
        succeeds("eval", model_file, data, "--json", "--condition", "clean", "--condition", "5 dB")
    )
    assert {(row["keyword"], row["condition"]) for row in result["rows"]} == {
        (word, condition) for word in ("alexa", "computer") for condition in ("clean", "5 dB")
    }
    assert result["negative_hours"] == pytest.approx(3 * 1.3 / 3600)
    for row in result["rows"]:
        assert row["shipped"]["clips"] == 3
        assert row["shipped"]["threshold"] == 0.5
        low, high = row["shipped"]["miss_rate_interval"]
        assert 0 <= low <= row["shipped"]["miss_rate"] <= high <= 1
        assert len(row["curve"]) > 100


def test_eval_as_a_table(model_file: Path, data: Path) -> None:
    text = succeeds("eval", model_file, data)
    assert text.startswith("'alexa': Detected ")
    assert "alexa" in text and "computer" in text and "10 dB" in text
    assert "…" not in text


@pytest.mark.parametrize("is_terminal", [True, False])
def test_eval_is_legible_in_80_columns(
    model_file: Path, data: Path, monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setattr("wakeword.cli.console._is_terminal", lambda: is_terminal)
    monkeypatch.setenv("COLUMNS", "80")
    lines = succeeds("eval", model_file, data).splitlines()
    table = [line for line in lines if line.startswith(" ")]
    assert len(table) > 10 and max(map(len, table)) <= 80
    assert (max(map(len, lines)) <= 80) == is_terminal  # in a pipe a sentence stays one line


def test_eval_states_the_bound_of_its_hours(model_file: Path, data: Path) -> None:
    text = succeeds("eval", model_file, data)
    assert "of negatives: even with zero false accepts, the rate could be up to" in " ".join(
        text.split()
    )


def test_eval_writes_the_det_plot(model_file: Path, data: Path, tmp_path: Path) -> None:
    succeeds("eval", model_file, data, "--det-plot", tmp_path / "det.png")
    assert (tmp_path / "det.png").read_bytes().startswith(b"\x89PNG")


def test_eval_needs_negatives_and_keywords(model_file: Path, data: Path) -> None:
    assert "no negatives in the test split" in fails("eval", model_file, data, "--split", "test")
    for path in (data / "dev" / "computer").iterdir():
        path.unlink()
    assert "computer" in fails("eval", model_file, data)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("detect", "nothing.wakeword", "some.wav"), "nothing.wakeword: no such model file"),
        (("eval", "nothing.wakeword", "data"), "no such model file"),
        (("check", "no-data"), "no-data"),
        (("train", "no-data", "-o", "a.wakeword"), "no-data"),
        (("listen", "nothing.wakeword", "-"), "nothing.wakeword"),
    ],
)
def test_errors_are_one_sentence_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    error = fails(*arguments)
    assert message in error
    assert error.startswith("Error: ")


def test_errors_of_a_process(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wakeword", "detect", "nothing.wakeword", "some.wav"],
        cwd=Path(wakeword.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: nothing.wakeword: no such model file")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [["record", "computer", "--speaker", "ada", "-o"], ["listen"]])
def test_a_missing_sounddevice_says_what_to_install(
    model_file: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    place = model_file.parent / "clips" if command[0] == "record" else model_file
    assert "pip install sounddevice" in fails(*command, place)
    assert not (model_file.parent / "clips").exists()
