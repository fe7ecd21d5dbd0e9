"""The commands on a two-stage model: detect, listen, eval, mine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
from click.testing import CliRunner
from two_stage import tiny_two_stage

from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.samples import Samples
from wakeword.cli import main
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.evaluation.scoring import model_logits
from wakeword.model.cascade import CLOSED_LOGIT
from wakeword.model.file import save_model
from wakeword.model.two_stage import TwoStageModel


def succeeds(*arguments: object, input: bytes | None = None) -> str:
    result = CliRunner().invoke(main, [str(each) for each in arguments], input=input)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.fixture
def model() -> TwoStageModel:
    return tiny_two_stage()


@pytest.fixture
def file(model: TwoStageModel, tmp_path: Path) -> Path:
    save_model(model, tmp_path / "two.wakeword")
    return tmp_path / "two.wakeword"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    save_audio(tmp_path / "some.flac", tiny_family.synthetic_audio(12.0))
    return tmp_path / "some.flac"


def detections(model: TwoStageModel, samples: Samples, threshold: float | None) -> list[Detection]:
    detector = Detector(model, threshold=threshold)
    return [*detector.feed(samples), *detector.flush()]


def as_rows(found: list[Detection]) -> list[tuple[str, float, float]]:
    return [(each.keyword, each.time, pytest.approx(each.score)) for each in found]


def printed_rows(output: str) -> list[tuple[str, float, float]]:
    rows = [json.loads(line) for line in output.splitlines()]
    return [(row["keyword"], row["time"], row["score"]) for row in rows]


# ---------------------------------------------------------------- detect, listen


@pytest.mark.parametrize("threshold", [None, 0.0, 0.3])
def test_detect_reports_final_scores(
    model: TwoStageModel, file: Path, recording: Path, threshold: float | None
) -> None:
    given = () if threshold is None else ("--threshold", threshold)
    found = detections(model, load_audio(recording), threshold)
    assert len(found) > 3
    assert printed_rows(succeeds("detect", file, recording, "--json", *given)) == as_rows(found)


def test_threshold_0_gives_every_peak_of_the_final_score(
    model: TwoStageModel, file: Path, recording: Path
) -> None:
    """The gate keeps its own threshold: there is no peak where the verifier is not called."""
    samples = load_audio(recording)
    silence = np.zeros(16_000, dtype=np.float32)  # as at the end of a stream
    logits = model_logits(model, [samples, silence])
    middle = logits[1:-1]
    peak = (middle > logits[:-2]) & (middle >= logits[2:])
    expected = {
        (round((frame + 2) * model.frame_s, 6), model.keywords[k]) for frame, k in np.argwhere(peak)
    }
    found = printed_rows(succeeds("detect", file, recording, "--json", "--threshold", 0))
    in_recording = {each for each in expected if each[0] <= len(samples) / 16_000}
    assert in_recording <= {(time_s, keyword) for keyword, time_s, _ in found} <= expected
    assert all(score > 1 / (1 + np.exp(-CLOSED_LOGIT)) * 1.01 for _, _, score in found)
    assert len(in_recording) > 5
    save_model(tiny_two_stage(gate_threshold=1.0), file)
    assert succeeds("detect", file, recording, "--json", "--threshold", 0) == ""


def test_listen_on_stdin(model: TwoStageModel, file: Path, recording: Path) -> None:
    pcm = (load_audio(recording) * 32767).astype("<i2")
    found = detections(model, pcm.astype(np.float32) / 32768, None)
    assert found
    rows = printed_rows(succeeds("listen", file, "-", "--json", input=pcm.tobytes()))
    assert [row[:2] for row in rows] == [row[:2] for row in as_rows(found)]


# ---------------------------------------------------------------- eval, mine


def test_eval_counts_the_calls_of_the_verifier(file: Path, data: Path, tmp_path: Path) -> None:
    command = ("eval", file, data, "--condition", "clean", "--condition", "talker")
    values = json.loads(succeeds(*command, "--json"))
    assert values["verifier_calls"]["calls"] > 0
    assert values["verifier_calls"]["candidates"].keys() == {"alexa", "computer"}
    assert len(values["rows"]) == 4
    for row in values["rows"]:
        low, high = row["gate_recall_interval"]
        assert low <= row["gate_recall"] <= high
        # a clip at which the verifier is not called is missed at every threshold
        misses = min(point["missed"] for point in row["curve"])
        assert misses >= round((1 - row["gate_recall"]) * row["shipped"]["clips"])
    text = " ".join(succeeds(*command, "--report", tmp_path / "two.html").split())
    assert "times per hour of negatives; candidates per hour: 'alexa'" in text
    assert "<h2>Gate</h2>" in (tmp_path / "two.html").read_text(encoding="utf-8")


def test_eval_compares_two_stages_with_one(
    model: TwoStageModel, file: Path, data: Path, tmp_path: Path
) -> None:
    save_model(model.gate, tmp_path / "one.wakeword")
    command = ("eval", file, data, "--condition", "clean", "--compare", tmp_path / "one.wakeword")
    values = json.loads(succeeds(*command, "--json"))
    assert "verifier_calls" in values and "compared" in values
    turned = ("eval", tmp_path / "one.wakeword", *command[2:-1], file, "--json")
    values = json.loads(succeeds(*turned))
    assert "verifier_calls" not in values and "gate_recall" not in values["rows"][0]


def test_mine_finds_the_highest_final_scores(
    model: TwoStageModel, file: Path, recording: Path, tmp_path: Path
) -> None:
    mined = tmp_path / "mined"
    succeeds("mine", file, recording, "-o", mined, "--min-score", "0.001")
    rows = [json.loads(line) for line in (mined / "mined.jsonl").read_text().splitlines()]
    best = max(detections(model, load_audio(recording), 0.0), key=lambda each: each.score)
    assert rows[0]["score"] == pytest.approx(best.score, abs=1e-4)
    assert (rows[0]["keyword"], rows[0]["time"]) == (best.keyword, best.time)
