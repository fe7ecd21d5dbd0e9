"""Every recipe runs, on small data."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tiny as tiny_family
import training

import wakeword.training.train
from wakeword import audio
from wakeword.data import Dataset
from wakeword.encoders import Encoder, EncoderSpec, Stripped
from wakeword.training.train import TrainConfig, Trained
from wakeword.work import Progress

RECIPES = Path(__file__).parents[1] / "recipes"


def run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    try:
        runpy.run_path(str(RECIPES / name), run_name="__main__")
    except SystemExit as end:
        assert not end.code


def test_every_recipe_is_run_here_or_with_its_module() -> None:
    assert {path.name for path in RECIPES.glob("*.py")} == {
        "four_words.py",
        "frontend_level.py",
        "pulse_microphone.py",  # in test_microphone.py
    }


def test_frontend_level(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    whisper_tiny_en: tuple[Encoder, Stripped],
) -> None:
    for word in ("ping", "other"):
        for i in range(2):
            path = tmp_path / "data" / "dev" / word / f"{i}.wav"
            audio.save(path, tiny_family.sound(2.5, seed=i))
    run("frontend_level.py", str(tmp_path / "data"), "--clips", "2", monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "2 clips" in printed
    assert len([line for line in printed.splitlines() if "%" in line]) == 6


def test_four_words(
    tiny: EncoderSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = training.write_weights(tmp_path / "weights")
    real = wakeword.training.train.train

    def small(data: Dataset, words: list[str], config: TrainConfig, progress: Progress) -> Trained:
        config = replace(config, encoder="tiny")
        return real(data, words, config, weights=weights, progress=progress)

    monkeypatch.setattr(wakeword.training.train, "train", small)
    data = training.write_data(tmp_path / "data")
    few = ("--hours", "0.02", "--epochs", "1")
    run("four_words.py", str(data), str(tmp_path / "out"), *few, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "ping: trained in" in printed
    assert "| ping | clean |" in printed and "| ping | 10 dB |" in printed
    assert (tmp_path / "out" / "ping.wakeword").is_file()
    assert (tmp_path / "out" / "det.png").stat().st_size > 10_000
