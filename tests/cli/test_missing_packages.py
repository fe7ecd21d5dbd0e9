"""Every command where only the packages for exported models are installed: help, work or advice."""

from __future__ import annotations

from pathlib import Path

import project_file
import pytest
import runtime_process
import tiny as tiny_family

from wakeword.audio.files import save_audio
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli import _HIDDEN, COMMANDS
from wakeword.cli.missing import missing_package_message
from wakeword.encoders.registry import temporarily_registered
from wakeword.exporting.onnx import export_onnx

MISSING = project_file.packages_not_in_runtime()
AUDIO = tiny_family.synthetic_audio(3.0)

INCOMPLETE = {
    "bench": ["word.wakeword"],
    "calibrate": ["word.wakeword", "--negatives", "monday.wav"],
    "demo": ["-o", "demo"],
    "encoders": [],
    "enroll": ["word", "monday.wav", "monday.wav", "-o", "new.wakeword"],
    "eval": ["word.wakeword", "data"],
    "export": ["word.wakeword"],
    "improve": ["word.wakeword", "captured", "--data", "data", "-o", "new.wakeword"],
    "mine": ["word.wakeword", "monday.wav", "-o", "mined"],
    "train": ["data", "-o", "new.wakeword"],
    "verify-export": ["word.wakeword", "word.onnx"],
}
"""Commands that need more than an exported model does."""
NOT_EXPORTED = {
    "detect": ["word.wakeword", "monday.wav"],
    "info": ["word.wakeword"],
    "license": ["word.wakeword"],
    "listen": ["word.wakeword", "-"],
    "serve": ["word.wakeword", "--port", "0"],
}
"""Commands that run on an exported model; here with one that is not."""
ELSEWHERE = {
    "cache": [],
    "data": ["list"],
    "check": ["data"],
    "models": [],
    "record": ["word", "-o", "clips", "--speaker", "ada"],
    "review": ["captured"],
    "speak": ["hey word", "--show-phonemes"],
    "status": ["--port", "1"],
}
"""Commands that need no model; a microphone or recordings may be missing, too."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, its export and a recording."""
    folder = tmp_path_factory.mktemp("place")
    with temporarily_registered(tiny_family.spec()):
        model = tiny_family.model(keywords=("word",), threshold=0.1)
        export_onnx(model, folder / "word.onnx")
    (folder / "word.wakeword").write_bytes(b"a model")
    for file in ("monday.wav", "data/word/ada-1.wav", "data/other/ada-2.wav"):
        save_audio(folder / file, AUDIO)
    (folder / "captured").mkdir()
    return folder


@pytest.mark.parametrize("name", [*COMMANDS, *_HIDDEN])
def test_help_needs_no_other_package(name: str, place: Path) -> None:
    done = runtime_process.command([name, "--help"], MISSING, place)
    assert done.returncode == 0 and "Examples:" in done.stdout, done.stderr


def test_the_list_of_commands_needs_no_other_package(place: Path) -> None:
    done = runtime_process.command(["--help"], MISSING, place)
    assert done.returncode == 0 and all(name in done.stdout for name in COMMANDS)


def test_every_command_is_run_here() -> None:
    tables = (INCOMPLETE, NOT_EXPORTED, ELSEWHERE)
    assert {name for table in tables for name in table} == {*COMMANDS, *_HIDDEN}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_a_command_says_what_is_missing(name: str, place: Path) -> None:
    before = sorted(place.rglob("*"))
    done = runtime_process.command([name, *INCOMPLETE[name]], MISSING, place)
    assert done.returncode == 2, done.stderr
    assert f"Error: `wakeword {name}` needs " in done.stderr
    assert "pip install wakeword" in done.stderr and "Traceback" not in done.stderr
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("name", NOT_EXPORTED)
def test_a_model_that_is_not_exported_says_to_export_it(name: str, place: Path) -> None:
    done = runtime_process.command([name, *NOT_EXPORTED[name]], MISSING, place)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "wakeword export word.wakeword, and use word.onnx here" in done.stderr


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_command_without_a_model_works_or_says_what_it_needs(name: str, place: Path) -> None:
    done = runtime_process.command([name, *ELSEWHERE[name]], MISSING, place)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or (done.returncode == 2 and (done.stdout + done.stderr).strip())


@pytest.mark.parametrize("options", [[], ["--silence-gate", "--save-triggers", "saved"]])
def test_listening_to_an_exported_model(options: list[str], place: Path) -> None:
    raw = (AUDIO * 32767).astype("<i2").tobytes()
    arguments = ["listen", "word.onnx", "-", "--rate", str(SAMPLE_RATE // 2), *options]
    done = runtime_process.command(arguments, MISSING, place, raw)
    assert done.returncode == 0, done.stderr
    assert "listened for 6.0 s" in done.stderr and (options or "word" in done.stdout)


@pytest.mark.parametrize("name", ["detect", "info", "license"])
def test_an_exported_model_needs_no_other_package(name: str, place: Path) -> None:
    arguments = [name, "word.onnx", *(["monday.wav"] if name == "detect" else [])]
    done = runtime_process.command(arguments, MISSING, place)
    assert done.returncode == 0 and done.stdout, done.stderr


def test_speaker_verification_says_what_is_missing(place: Path) -> None:
    arguments = ["detect", "word.onnx", "monday.wav", "--speakers", "data"]
    done = runtime_process.command(arguments, MISSING, place)
    assert done.returncode == 2 and "Error: --speakers needs torch, which" in done.stderr


@pytest.mark.parametrize("missing", ["soundfile", "onnxruntime", "aiohttp"])
def test_a_missing_package_of_the_runtime_is_named(missing: str, place: Path) -> None:
    name = "serve" if missing == "aiohttp" else "detect"
    arguments = [name, "word.onnx", *(["monday.wav"] if name == "detect" else ["--port", "0"])]
    done = runtime_process.command(arguments, {*MISSING, missing}, place)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"needs {missing}" in done.stderr or f"need {missing}" in done.stderr
    assert "pip install" in done.stderr and "None" not in done.stderr


def test_a_missing_module_of_the_package_itself_is_no_users_error() -> None:
    error = ModuleNotFoundError("no module", name="wakeword.lost")
    assert missing_package_message(error, "--speakers") is None
    nested = ModuleNotFoundError("no module", name="prometheus_client.core")
    assert "needs prometheus-client," in (missing_package_message(nested, "--web") or "")
