"""Mining: the highest scores, apart from each other, written as clips to train on or review."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import tiny as tiny_family
import training
from click.testing import CliRunner

from wakeword.audio.files import audio_info, load_audio, save_audio
from wakeword.cli import main
from wakeword.data.readers import read_dataset
from wakeword.detection.capture import captured_clips
from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation.mine import BEFORE_S, mine_recordings
from wakeword.model.file import load_model, save_model


@pytest.fixture
def file(tiny: EncoderSpec, tmp_path: Path) -> Path:
    save_model(tiny_family.model(), tmp_path / "m.wakeword")
    for i in range(3):
        save_audio(tmp_path / "evenings" / f"{i}.flac", tiny_family.synthetic_audio(12.0, seed=i))
    return tmp_path / "m.wakeword"


def test_the_highest_peaks_come_first_and_are_apart(file: Path) -> None:
    model = load_model(file)
    paths = sorted((file.parent / "evenings").iterdir())
    found, broken = mine_recordings(model, paths, score=0.01, most=1000)
    assert broken == {} and len(found) > 3
    assert [each.score for each in found] == sorted((e.score for e in found), reverse=True)
    for path in paths:
        detector = Detector(model, threshold=0.0)
        peaks = [*detector.feed(load_audio(path)), *detector.flush()]
        mined = [each for each in found if each.recording == path]
        best = max(peak.score for peak in peaks)  # torch rounds differently on more threads
        assert max(each.score for each in mined) == pytest.approx(best, abs=1e-6)
        times = sorted(each.time_s for each in mined)
        assert all(b - a >= BEFORE_S for a, b in pairwise(times))
    assert mine_recordings(model, paths, score=0.01, most=2)[0] == found[:2]
    assert all(
        each.score >= found[2].score
        for each in mine_recordings(model, paths, score=found[2].score, most=99)[0]
    )


def test_a_broken_recording_is_skipped_and_named(file: Path) -> None:
    broken = file.parent / "evenings" / "broken.flac"
    broken.write_bytes(b"no sound")
    found, reasons = mine_recordings(
        load_model(file), [broken, broken.with_name("0.flac")], score=0.01, most=9
    )
    assert found and list(reasons) == [broken]


def test_without_peaks_nothing_is_written(file: Path, tmp_path: Path) -> None:
    command = ["mine", file, file.parent / "evenings", "-o", tmp_path / "mined", "--min-score", "1"]
    result = CliRunner().invoke(main, [str(part) for part in command])
    assert result.exit_code == 0 and "nothing scored 1 or more" in result.output, result.output
    assert not (tmp_path / "mined").exists()


def test_clips_to_review_can_be_labelled(file: Path, tmp_path: Path) -> None:
    found = tmp_path / "found"
    command = [
        "mine",
        file,
        file.parent / "evenings",
        "-o",
        found,
        "--to-review",
        "--max-clips",
        "6",
    ]
    result = CliRunner().invoke(main, [str(part) for part in command])
    assert result.exit_code == 0 and "6 clips" in result.output, result.output
    captured = captured_clips(found)
    assert len(captured) == 6 and not (found / "mined.jsonl").exists()
    assert all(about.detected == (about.score >= 0.5) for _, about in captured)
    assert all(audio_info(clip).seconds <= 4.0 for clip, _ in captured)
    reviewed = CliRunner().invoke(main, ["review", str(found)], input="ynynsq")
    assert "4 labelled" in reviewed.output, reviewed.output
    data = read_dataset(found / "reviewed" / "reviewed.jsonl")
    assert [clip.label for clip in data.keywords] == [about.keyword for _, about in captured[:3:2]]
    assert len(data.negatives) == 2
    again = CliRunner().invoke(main, [str(part) for part in command])
    assert again.exit_code == 2 and "exists already" in again.output


def test_mined_negatives_can_be_trained_on(file: Path, tmp_path: Path) -> None:
    mined = tmp_path / "mined"
    command = [
        "mine",
        file,
        file.parent / "evenings",
        "-o",
        mined,
        "--min-score",
        "0.01",
        "--max-clips",
        "4",
    ]
    result = CliRunner().invoke(main, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (mined / "mined.jsonl").read_text().splitlines()]
    assert len(rows) == 4 and all((mined / row["audio_filepath"]).is_file() for row in rows)
    assert len(read_dataset(mined / "mined.jsonl").negatives) == 4
    again = CliRunner().invoke(main, [str(part) for part in command])
    assert again.exit_code == 2 and "exists already" in again.output

    weights = training.write_weights(tmp_path / "weights")
    data = training.write_data(tmp_path / "data")
    made = training.arguments(data, weights, tmp_path / "n.wakeword", tmp_path / "work")
    result = CliRunner().invoke(main, [*made, "--negatives", str(mined)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "n.wakeword").is_file()
