"""Captured clips: which moments are saved, and how they are labelled."""

from __future__ import annotations

import json
from pathlib import Path

import fake_detector
import numpy as np
import pytest
from click.testing import CliRunner

from wakeword.audio.files import load_audio, save_audio
from wakeword.cli import main
from wakeword.data.readers import read_dataset
from wakeword.detection.capture import CapturedClip, TriggerCapture, captured_clips
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError

RATE = 8000


def feed(
    keeper: TriggerCapture, moments: dict[int, float], detected_blocks: set[int], blocks: int = 100
) -> None:
    """Blocks of 0.1 s, each filled with its number; scores of some, and which of them fire."""
    for i in range(blocks):
        block = np.full(RATE // 10, i / 1000, dtype=np.float32)
        score = moments.get(i, 0.0)
        end_s = (i + 1) / 10
        found = [Detection("ping", score, end_s, i / 10, end_s)] if i in detected_blocks else []
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
    monkeypatch.setattr("wakeword.cli.listen.open_detector", fake_detector.open_detector)
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
