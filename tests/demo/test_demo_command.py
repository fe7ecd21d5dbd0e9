"""`wakeword demo`, from the data set to the report."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import tiny as tiny_family
from click.testing import CliRunner, Result

from wakeword.cli import demo_steps as steps
from wakeword.cli.demo import demo
from wakeword.data.dataset import Dataset
from wakeword.demo.dataset import make_demo_dataset
from wakeword.demo.report import WARNING
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.network import WakeWordModel
from wakeword.training.config import TrainConfig
from wakeword.training.result import TrainResult
from wakeword.training.strategy import Strategy

KEYWORD = "hey jarvis"
ToneModel = Callable[[float], WakeWordModel]


def fake_train(
    data: Dataset, keywords: list[str], config: TrainConfig, **options: object
) -> TrainResult:
    model = tiny_family.model(keywords=tuple(keywords))
    provenance = {"trainable": 1, "parameters": 2, "reason": "none", "epochs": 0}
    model.origin = replace(model.origin, training=provenance)
    return TrainResult(model, "stripped", Strategy("head", "none", 0), ("a note",), (), 4)


@pytest.fixture
def quick(
    monkeypatch: pytest.MonkeyPatch,
    tiny: EncoderSpec,
    fake_voices: None,
    few_clips: None,
    tone_model: ToneModel,
) -> None:
    """The command with fake voices and training, without processes or downloads."""
    monkeypatch.setattr(steps, "make_demo_dataset", partial(make_demo_dataset, workers=1))
    monkeypatch.setattr(steps, "fetch_voices", lambda: None)
    monkeypatch.setattr(steps, "train", fake_train)
    monkeypatch.setattr(steps, "load_model", lambda file: tone_model(0.9))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(demo, arguments)


@pytest.mark.usefixtures("quick")
def test_from_the_data_set_to_the_report(tmp_path: Path) -> None:
    result = run("-k", KEYWORD, "-o", str(tmp_path / "demo"))
    assert result.exit_code == 0, result.output
    for heading in ("1/5", "2/5", "3/5", "4/5", "5/5"):
        assert heading in result.output
    assert WARNING in result.output
    assert "  wakeword train recordings/ -o my-hey-jarvis.wakeword\n" in result.output
    assert re.search(r"confusable phrases: 0 of \d+ clips", result.output)
    assert re.search(r"natural voices, clean +0 of +8 clips missed +0.0 %", result.output)
    assert "a note" in result.output
    assert "eSpeak voices, 10 dB" in result.output
    files = {path.name for path in (tmp_path / "demo").iterdir()}
    assert files >= {"data", "hey-jarvis.wakeword", "held-out.flac", "det.png", "report.html"}
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    detected = re.search(r"detected (\d) of 6 keywords in the recording", result.output)
    assert detected and f"<p>{detected[1]} of 6 keywords detected in" in page
    assert detected[1] == "6"
    hits = re.findall(r"detected at +[\d.]+ s \([\d.]+\)  spoken at", result.output)
    assert len(hits) == int(detected[1])


@pytest.mark.usefixtures("quick")
def test_without_any_detection_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tone_model: ToneModel
) -> None:
    monkeypatch.setattr(steps, "load_model", lambda file: tone_model(1.0))
    result = run("-k", KEYWORD, "-o", str(tmp_path / "demo"))
    assert result.exit_code == 1, result.output
    assert "Nothing was detected" in result.output
    assert "100.0 %" in result.output
    assert (tmp_path / "demo" / "report.html").is_file()
