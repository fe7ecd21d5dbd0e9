"""`improve`: a better model from labelled clips, or a rejection."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
import torch
import training
from click.testing import CliRunner, Result

from wakeword.audio.files import save_audio
from wakeword.cli import main
from wakeword.data.clip import Clip
from wakeword.data.readers import read_dataset
from wakeword.encoders.registry import temporarily_registered
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.results import ClipResult, Evaluation, KeywordResult
from wakeword.model.file import load_model, save_model
from wakeword.model.languages import languages_of, record_languages
from wakeword.model.network import WakeWordModel
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig
from wakeword.training.improve import compare_models, merge_for_plot
from wakeword.training.result import TrainResult
from wakeword.training.strategy import Strategy
from wakeword.training.train import train


def evaluation(misses: list[bool], false_accepts: int) -> Evaluation:
    """Missed at its own threshold and at 0.5 per hour; as many false accepts at both."""
    points = tuple(
        DetPoint(threshold, sum(misses), len(misses), count, 10.0)
        for threshold, count in ((0.5, false_accepts), (0.9, false_accepts))
    )
    words = tuple(
        ClipResult(clip, {0.5: miss}, None if miss else 0.1)
        for clip, miss in zip(CLIPS, misses, strict=False)
    )
    row = KeywordResult("ping", "clean", len(misses), {0.5: points[1]}, points, points[1], words)
    return Evaluation((row,), 10.0, ())


CLIPS = [Clip(Path(f"{i}.wav"), "ping") for i in range(40)]


@pytest.mark.parametrize(
    ("before", "after", "false_accepts", "worse"),
    [
        (0, 0, (3, 3), []),
        (0, 3, (3, 3), []),  # by chance: p = 0.25
        (0, 12, (3, 3), ["clips missed"]),
        (12, 0, (3, 3), []),
        (0, 0, (3, 6), []),
        (0, 0, (2, 14), ["false accepts"]),
        (0, 0, (14, 2), []),
    ],
)
def test_only_significant_differences_count(
    before: int, after: int, false_accepts: tuple[int, int], worse: list[str]
) -> None:
    old = evaluation([i < before for i in range(40)], false_accepts[0])
    new = evaluation([i >= 40 - after for i in range(40)], false_accepts[1])
    found = compare_models(old, new)
    misses, accepts = found
    assert (misses.before, misses.after) == (before, after)
    assert accepts.before == false_accepts[0]
    told = [change.what for change in found if change.worse]
    if worse == ["clips missed"]:  # who misses more also needs a lower threshold for as few
        told = told[:1]
    assert [each for each in worse if any(what.startswith(each) for what in told)] == worse
    assert len(told) == len(worse)
    assert len(merge_for_plot(old, new).results) == 2


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model that hears its word, and its data."""
    folder = tmp_path_factory.mktemp("start")
    data = training.write_data(folder / "data", clips=96)
    weights = training.write_weights(folder / "weights")
    file = folder / "ping.wakeword"
    examples = ExampleConfig(positive_hours=0.1, negative_hours=0.1)
    config = TrainConfig(encoder="tiny", strategy="head", epochs=10, batch=8, examples=examples)
    with temporarily_registered(tiny_family.spec()):
        trained = train(
            read_dataset(data), ["ping"], config, weights=weights, work_dir=folder / "work"
        )
        save_model(trained.model, file)
    return file, data


def improve(start: tuple[Path, Path], reviewed: Path, tmp_path: Path) -> tuple[Result, Path]:
    file, data = start
    out = tmp_path / "better.wakeword"
    given = ["improve", str(file), str(reviewed), "--data", str(data), "-o", str(out)]
    given += ["--hours", "0.4", "--epochs", "6", "--work", str(tmp_path / "work")]
    return CliRunner().invoke(main, given), out


def reviewed(folder: Path, words: str, others: str, count: int) -> Path:
    """New clips under the labels that are asked for."""
    rows = []
    for i in range(count):
        for name, samples, label in (
            ("word", training.word(1000 + i), words),
            ("other", tiny_family.synthetic_audio(2.5, seed=2000 + i), others),
        ):
            path = folder / f"{name}-{i}.wav"
            save_audio(path, samples)
            rows.append(json.dumps({"audio_filepath": path.name, "label": label}))
    manifest = folder / "reviewed.jsonl"
    manifest.write_text("\n".join(rows), encoding="utf-8")
    return manifest


def test_good_labels_make_a_new_model_and_keep_the_old_one(
    tiny: EncoderSpec, start: tuple[Path, Path], tmp_path: Path
) -> None:
    was = start[0].read_bytes()
    result, out = improve(start, reviewed(tmp_path / "new", "ping", "", 4), tmp_path)
    assert result.exit_code == 0, result.output
    assert load_model(out).origin.training["keyword_clips"] > 0
    assert out.with_suffix(".png").stat().st_size > 10_000
    assert start[0].read_bytes() == was != out.read_bytes()


def test_negatives_alone_are_enough(
    tiny: EncoderSpec, start: tuple[Path, Path], tmp_path: Path
) -> None:
    result, out = improve(start, reviewed(tmp_path / "new", "", "", 2), tmp_path)
    assert result.exit_code == 0, result.output
    assert out.is_file()


def test_a_model_that_became_worse_is_rejected(
    tiny: EncoderSpec, start: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As wrong labels make it: it fires for everything but the word."""

    def turned_round(*_: object, start: WakeWordModel, **__: object) -> TrainResult:
        with torch.no_grad():
            for parameter in start.head.out.parameters():
                parameter.neg_()
        return TrainResult(start, "", Strategy("head", "asked for", 3), (), (), 10)

    monkeypatch.setattr("wakeword.training.improve.train", turned_round)
    result, out = improve(start, reviewed(tmp_path / "new", "", "ping", 1), tmp_path)
    assert result.exit_code == 1, result.output
    assert "Refused" in result.output and "worse" in result.output
    assert not out.exists() and out.with_suffix(".png").is_file()


def test_continued_training_keeps_keywords_and_languages_of_the_model(
    tiny: EncoderSpec, start: tuple[Path, Path], tmp_path: Path
) -> None:
    before = load_model(start[0])
    record_languages(before, ["en"])
    data = read_dataset(start[1])
    config = TrainConfig(epochs=1, learning_rate=0.0, weight_decay=0.0)
    config = replace(config, examples=config.examples.with_hours(0.02))
    trained = train(data, ["ping"], config, start=before, work_dir=tmp_path)
    for name, tensor in before.state_dict().items():
        assert np.array_equal(tensor, trained.model.state_dict()[name]), name
    assert languages_of(trained.model) == ["en"]
    with pytest.raises(ConfigError, match="detects ping, not pong"):
        train(data, ["pong"], config, start=before, work_dir=tmp_path)
