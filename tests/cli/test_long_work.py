"""Long commands: progress without a terminal, Ctrl-C, and what `train --dry-run` shows."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny as tiny_family
import training
from click.testing import CliRunner, Result

import wakeword.cli.training_plan
import wakeword.training.method
from wakeword.audio.files import save_audio
from wakeword.cli import console, main
from wakeword.cli.console import progress_display
from wakeword.cli.progress_lines import ProgressLines
from wakeword.cli.training_plan import note_slow_strategies
from wakeword.encoders.spec import EncoderSpec
from wakeword.training import loop
from wakeword.training.plan import StagePlan, TrainingPlan
from wakeword.training.strategy import Strategy


@pytest.fixture
def arguments(tiny: EncoderSpec, tmp_path: Path) -> list[str]:
    """Arguments of a training that takes seconds."""
    data = training.write_data(tmp_path / "data")
    weights = training.write_weights(tmp_path / "weights")
    return training.arguments(data, weights, tmp_path / "a.wakeword", tmp_path / "work")


def run(arguments: list[str], *before: str) -> Result:
    return CliRunner().invoke(main, [*before, *arguments])


# ---------------------------------------------------------------- progress


def test_training_reports_loss_and_miss(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    eager = lambda write: ProgressLines(write, every_s=0.0)  # noqa: E731
    monkeypatch.setattr(console, "ProgressLines", eager)
    monkeypatch.setattr(ProgressLines, "ticking", lambda _: nullcontext())
    result = run(arguments)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("training: ")]
    assert any("% (" in line and "loss 0." in line for line in lines)
    assert any("held-out miss" in line and " left" in line for line in lines)
    assert any(line.startswith("validating: ") for line in result.stderr.splitlines())


def test_mining_counts_the_seconds_of_one_long_recording(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_audio(model_file.parent / "long.flac", tiny_family.synthetic_audio(25.0))
    seen: list[tuple[str, int, int]] = []

    class Recorder:
        def __init__(self, write: object) -> None:
            self.ticking = nullcontext

        def __call__(self, *report: Any) -> None:
            seen.append(report)

    monkeypatch.setattr(console, "ProgressLines", Recorder)
    recording = str(model_file.parent / "long.flac")
    result = run(["mine", str(model_file), recording, "-o", str(model_file.parent / "mined")])
    assert result.exit_code == 0, result.output
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[0][1] < 20 and seen[-1][1:] == (25, 25)


# ---------------------------------------------------------------- Ctrl-C


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_training_says_that_it_resumes(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(loop.TrainingLoop, "_step", interrupt)
        result = run(arguments, "--quiet")
    assert result.exit_code == 130
    assert result.stderr == "stopped; the same command goes on from here\n"
    assert run(arguments).exit_code == 0


def test_other_interrupted_commands_just_stop(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakeword.cli.detect.open_detector", interrupt)
    result = run(["detect", str(model_file), "a.wav"])
    assert (result.exit_code, result.stderr) == (130, "stopped\n")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Lets Ctrl-C interrupt this process, which a job in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_worker_threads_at_their_next_report() -> None:
    reports = threading.Semaphore(0)
    ended = threading.Event()

    def work(progress: Any) -> None:
        try:
            for step in range(10**9):
                progress("working", step, 10**9)
                reports.release()
        finally:
            ended.set()

    with (
        pytest.raises(KeyboardInterrupt),
        progress_display() as progress,
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(work, progress)
        reports.acquire()
        signal.raise_signal(signal.SIGINT)
    assert ended.is_set()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a single process")
def test_ctrl_c_in_a_process_leaves_no_traceback(arguments: list[str]) -> None:
    with training.process([*arguments, "--hours", "200"]) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if b"computing features" in line:
                break
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read().decode()
    assert running.returncode == 130, rest
    assert "Traceback" not in rest and "stopped; the same command goes on from here" in rest


# ---------------------------------------------------------------- --dry-run


def everything_below(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_a_dry_run_shows_the_training_and_writes_nothing(
    arguments: list[str], tmp_path: Path
) -> None:
    before = everything_below(tmp_path)
    result = run([*arguments, "--dry-run"])
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert "'ping' 8 clips" in text and "held out of training, for epoch and threshold: 4" in text
    assert "training examples: 0.1 h" in text
    assert "model: tiny; strategy head (0 min of keyword clips, below 20" in text
    assert "estimated time on this machine:" in text and "nothing was written" in text
    assert everything_below(tmp_path) == before


def test_a_dry_run_as_json(arguments: list[str]) -> None:
    result = run([*arguments, "--dry-run", "--json", "--strategy", "top:1"])
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert values["keywords"] == {"ping": 8} and values["held_out"] == 4
    (stage,) = values["stages"]
    assert (stage["strategy"], stage["reason"]) == ("top:1", "requested")
    assert values["estimated_seconds"] == stage["estimated_seconds"] > 0
    assert stage["estimated_seconds_head_alone"] > 0


def test_a_dry_run_reports_data_that_cannot_train(arguments: list[str], tmp_path: Path) -> None:
    arguments[1] = str(tmp_path / "keywords")
    for i in range(12):
        save_audio(tmp_path / "keywords" / "ping" / f"{i}.wav", training.word(i))
    result = run([*arguments, "--dry-run", "--keyword", "ping"])
    assert result.exit_code == 2 and "without the keyword" in result.stderr


# ---------------------------------------------------------------- slow strategies


def slow_stage(stage: str = "model", automatic: bool = True) -> StagePlan:
    strategy = Strategy("top:1", "a reason", 4)
    return StagePlan(stage, "tiny", strategy, automatic, seconds=4000.0, head_seconds=300.0)


def plan_of(*plans: StagePlan) -> TrainingPlan:
    return TrainingPlan({"ping": 8}, 12.0, 8, 20.0, 0, 0, 4, 0.1, plans)


@pytest.mark.parametrize(
    ("stage", "option"), [("gate", "--strategy head"), ("verifier", "--verifier-strategy head")]
)
def test_a_slow_automatic_strategy_is_announced(
    capsys: pytest.CaptureFixture[str], stage: str, option: str
) -> None:
    note_slow_strategies(plan_of(slow_stage(stage)))
    (line,) = capsys.readouterr().err.splitlines()
    assert "top:1" in line and "67 min" in line and "5 min" in line and option in line


def test_nothing_is_announced_for_a_strategy_that_was_asked_for_or_is_quick(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quick = replace(slow_stage(), seconds=800.0)
    unmeasured = replace(slow_stage(), seconds=None, head_seconds=None)
    note_slow_strategies(plan_of(slow_stage(automatic=False), quick, unmeasured))
    assert capsys.readouterr().err == ""


def test_training_announces_it_before_it_starts(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def plan_training(*_: object, **settings: Any) -> TrainingPlan:
        given.update(settings)
        return plan_of(slow_stage())

    monkeypatch.setattr(wakeword.cli.training_plan, "plan_training", plan_training)
    monkeypatch.setattr(wakeword.training.method, "train_or_enroll", interrupt)
    result = run(arguments)
    assert result.exit_code == 130 and "To train the head alone: --strategy head" in result.stderr
    assert given.pop("only_slow")
    assert run([*arguments, "--strategy", "full"]).exit_code == 130
    assert "only_slow" not in given  # a strategy that was asked for is not measured
