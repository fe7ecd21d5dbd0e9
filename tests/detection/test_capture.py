"""From what a detector heard or nearly heard to labels, and to a better model or a refusal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import fake_detector
import numpy as np
import pytest
import tiny as tiny_family
import torch
import training
from click.testing import CliRunner, Result

from wakeword.audio.files import load_audio, save_audio
from wakeword.cli import detector_factory, main
from wakeword.data.clip import Clip
from wakeword.data.readers import read_dataset
from wakeword.detection.capture import CapturedClip, TriggerCapture, captured_clips
from wakeword.detection.trigger import Detection
from wakeword.encoders.registry import temporarily_registered
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.results import ClipResult, Evaluation, KeywordResult
from wakeword.model.file import load_model, save_model
from wakeword.model.network import WakeWordModel
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig
from wakeword.training.improve import compare_models, merge_for_plot
from wakeword.training.result import TrainResult
from wakeword.training.strategy import Strategy
from wakeword.training.train import train

RATE = 8000


def feed(
    keeper: TriggerCapture, moments: dict[int, float], fires: set[int], blocks: int = 100
) -> None:
    """Blocks of 0.1 s, each filled with its number; scores of some, and which of them fire."""
    for i in range(blocks):
        block = np.full(RATE // 10, i / 1000, dtype=np.float32)
        score = moments.get(i, 0.0)
        found = [Detection("ping", score, (i + 1) / 10)] if i in fires else []
        keeper.feed(block, found, {"ping": score})
    keeper.finish()


def test_detections_and_near_threshold_scores_are_saved_with_their_audio(tmp_path: Path) -> None:
    keeper = TriggerCapture(tmp_path, RATE, {"ping": 0.8})
    feed(keeper, {20: 0.9, 21: 0.85, 50: 0.45, 51: 0.6, 52: 0.5, 80: 0.3, 98: 0.95}, {20, 98})
    assert keeper.saved == 3
    found = [about for _, about in captured_clips(tmp_path)]
    assert found == [
        CapturedClip("ping", True, 0.9, 2.1),
        CapturedClip("ping", False, 0.6, 5.2),
        CapturedClip("ping", True, 0.95, 9.9),
    ]
    near = load_audio(captured_clips(tmp_path)[1][0])  # 3.0 to 6.0 s, now at 16 kHz
    assert len(near) == 3 * 16_000
    assert near[[8_000, -8_000]] == pytest.approx([0.035, 0.055], abs=0.003)
    cut = [len(load_audio(clip)) / 16_000 for clip, _ in captured_clips(tmp_path)]
    assert cut == pytest.approx([2.9, 3.0, 2.3], abs=0.01)  # at the ends there is no more


def test_a_near_threshold_score_before_a_detection_is_one_clip(tmp_path: Path) -> None:
    keeper = TriggerCapture(tmp_path, RATE, {"ping": 0.8})
    feed(keeper, {50: 0.7, 51: 0.9, 52: 0.7, 60: 0.6}, {51})
    assert [about.detected for _, about in captured_clips(tmp_path)] == [True]


def test_clips_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    save_audio(tmp_path / "1.flac", np.zeros(1000, np.float32))
    old = {"keyword": "ping", "heard": False, "score": 0.6, "time": 5.2}
    (tmp_path / "1.json").write_text(json.dumps(old), encoding="utf-8")
    for number, text in enumerate(("[]", "3", "{}", "not JSON")):
        (tmp_path / f"other-{number}.json").write_text(text, encoding="utf-8")
    ((path, moment),) = captured_clips(tmp_path)
    assert path == tmp_path / "1.flac"
    assert moment == CapturedClip("ping", False, 0.6, 5.2)


def test_the_oldest_go_first(tmp_path: Path) -> None:
    keeper = TriggerCapture(tmp_path, RATE, {"ping": 0.8}, max_clips=2)
    feed(keeper, {i: 0.9 for i in (10, 40, 70)}, {10, 40, 70})
    assert [about.time for _, about in captured_clips(tmp_path)] == [4.1, 7.1]
    assert len(list(tmp_path.iterdir())) == 4


def test_a_folder_that_cannot_be_written_is_named_before_listening(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        TriggerCapture(tmp_path / "file", RATE, {"ping": 0.8})


def test_listen_reports_the_number_of_saved_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector_factory, "open_detector", fake_detector.open_detector)
    quiet, loud = np.zeros(16_000), np.random.default_rng(0).uniform(-0.5, 0.5, 8_000)
    pcm = (np.concatenate([quiet, loud, quiet, loud]) * 32767).astype("<i2").tobytes()
    arguments = ["listen", "m.wakeword", "-", "--save-triggers", str(tmp_path / "kept")]
    result = CliRunner().invoke(main, arguments, input=pcm, catch_exceptions=False)
    assert result.exit_code == 0
    assert "2 detection(s): loud 2; 2 clip(s) saved" in result.stderr
    assert len(captured_clips(tmp_path / "kept")) == 2


def kept(folder: Path, count: int) -> list[Path]:
    keeper = TriggerCapture(folder, RATE, {"ping": 0.8})
    at = [20 + 35 * i for i in range(count)]
    feed(keeper, dict.fromkeys(at, 0.9), set(at), blocks=40 + 35 * count)
    return [clip for clip, _ in captured_clips(folder)]


def test_one_key_labels_a_clip_and_skipped_clips_stay(tmp_path: Path) -> None:
    clips = kept(tmp_path, 5)
    result = CliRunner().invoke(main, ["review", str(tmp_path)], input="yxnsdq")
    assert result.exit_code == 0, result.output
    assert "2 labelled" in result.output and "1/5  'ping' detected (0.90)" in result.output
    assert [clip for clip, _ in captured_clips(tmp_path)] == [clips[2], clips[4]]
    data = read_dataset(tmp_path / "reviewed" / "reviewed.jsonl")
    assert [clip.path.name for clip in data.keywords] == [clips[0].name]
    assert [clip.path.name for clip in data.negatives] == [clips[1].name]
    result = CliRunner().invoke(main, ["review", str(tmp_path)], input="nn")
    assert "2 labelled" in result.output and not captured_clips(tmp_path)
    assert len(read_dataset(tmp_path / "reviewed" / "reviewed.jsonl").negatives) == 3


def test_review_of_a_missing_folder_raises(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["review", str(tmp_path / "none")])
    assert result.exit_code == 2 and "--save-triggers" in result.output


def evaluation(missed: list[bool], false_accepts: int) -> Evaluation:
    """Missed at its own threshold and at 0.5 per hour; as many false accepts at both."""
    points = tuple(
        DetPoint(threshold, sum(missed), len(missed), count, 10.0)
        for threshold, count in ((0.5, false_accepts), (0.9, false_accepts))
    )
    words = tuple(
        ClipResult(clip, {0.5: miss}, None if miss else 0.1)
        for clip, miss in zip(CLIPS, missed, strict=False)
    )
    row = KeywordResult("ping", "clean", len(missed), {0.5: points[1]}, points, points[1], words)
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
        for name, sound, label in (
            ("word", training.word(1000 + i), words),
            ("other", tiny_family.sound(2.5, seed=2000 + i), others),
        ):
            path = folder / f"{name}-{i}.wav"
            save_audio(path, sound)
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


def test_continued_training_keeps_the_keywords_of_the_model(
    tiny: EncoderSpec, start: tuple[Path, Path], tmp_path: Path
) -> None:
    before = load_model(start[0])
    data = read_dataset(start[1])
    config = TrainConfig(epochs=1, learning_rate=0.0, weight_decay=0.0)
    config = replace(config, examples=config.examples.with_hours(0.02))
    trained = train(data, ["ping"], config, start=before, work_dir=tmp_path)
    for name, tensor in before.state_dict().items():
        assert np.array_equal(tensor, trained.model.state_dict()[name]), name
    with pytest.raises(ConfigError, match="detects ping, not pong"):
        train(data, ["pong"], config, start=before, work_dir=tmp_path)
