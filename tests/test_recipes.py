"""Every recipe runs, on small data."""

from __future__ import annotations

import functools
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tiny as tiny_family
import training

import wakeword.train
from wakeword import audio
from wakeword.encoders import Encoder, EncoderSpec, Stripped
from wakeword.scenes import SceneConfig

RECIPES = Path(__file__).parents[1] / "recipes"


def run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(RECIPES / name), run_name="__main__")


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
    scenes = SceneConfig(positive_hours=0.01, negative_hours=0.01)
    config = replace(wakeword.train.TrainConfig(), encoder="tiny", epochs=1, scenes=scenes)
    weights = training.write_weights(tmp_path / "weights")
    small = functools.partial(wakeword.train.train, config=config, weights=weights)
    monkeypatch.setattr(wakeword.train, "train", small)
    data = training.write_data(tmp_path / "data")
    run("four_words.py", str(data), str(tmp_path / "out"), monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert "| ping | clean |" in printed and "| ping | 10 dB |" in printed
    assert (tmp_path / "out" / "ping.wakeword").is_file()
    assert (tmp_path / "out" / "det.png").stat().st_size > 10_000
