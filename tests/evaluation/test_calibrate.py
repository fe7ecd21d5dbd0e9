"""Calibration: capped thresholds, provenance, and the command that writes them to a model."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
from click.testing import CliRunner
from two_stage import tiny_two_stage

from wakeword.audio.files import load_audio, save_audio
from wakeword.cli import main
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ManifestError
from wakeword.evaluation import metrics, test_streams
from wakeword.evaluation.calibrate import (
    SMOOTHING_S,
    calibrate,
    calibrate_scores,
    cap_extrapolated_threshold,
    recordings_hash,
)
from wakeword.evaluation.evaluator import evaluate
from wakeword.evaluation.results import ScoredStream
from wakeword.evaluation.threshold import CalibratedThreshold, sigmoid
from wakeword.model.cascade import CLOSED_LOGIT
from wakeword.model.file import load_model, save_model
from wakeword.model.two_stage import TwoStageModel


@pytest.mark.parametrize(
    ("threshold", "highest", "expected", "in_minutes"),
    [
        (9.0, 2.0, 5.0, 3.5),  # capped where 19 of 20 keywords are detected, or halfway
        (4.0, 2.0, 4.0, 3.5),  # below the cap
        (3.0, 2.0, 3.0, 3.0),
        (9.0, 7.0, 7.0, 7.0),  # never below the highest negative event
        (4.0, 7.0, 4.0, 4.0),  # not extrapolated
    ],
)
def test_an_extrapolated_threshold_is_capped_by_the_keywords(
    tiny: EncoderSpec, threshold: float, highest: float, expected: float, in_minutes: float
) -> None:
    trained = tiny_family.model()
    trained.operating_point = replace(trained.operating_point, smoothing_s=trained.frame_s)
    logits = np.full((2000, len(trained.keywords)), -10.0)
    logits[50::100] = np.array([1.0, *np.arange(5.0, 24.0)])[:, None]  # 20 keywords
    bounds = [(at * trained.frame_s, (at + 5) * trained.frame_s) for at in range(48, 2000, 100)]
    segments = tuple(KeywordSegment(word, *times) for word in trained.keywords for times in bounds)
    stream = ScoredStream("clean", logits, segments, 0.1)
    rate = metrics.Estimate(0.5, 0.0, 1.0)
    scores = [1 / (1 + np.exp(-v)) for v in (threshold, highest, expected, in_minutes)]
    fitted = CalibratedThreshold(scores[0], rate, 0, 1.0, scores[1])
    for hours, score in ((1.0, scores[2]), (0.05, scores[3])):
        thresholds = dict.fromkeys(trained.keywords, replace(fitted, hours=hours))
        capped = cap_extrapolated_threshold(trained, thresholds, [stream])
        assert capped == pytest.approx(dict.fromkeys(trained.keywords, score))


def test_clips_that_the_gate_does_not_let_through_do_not_lower_a_threshold() -> None:
    """No threshold detects them: the cap is that of the other clips."""
    model = tiny_two_stage(("alexa",))
    logits = np.full((1000, 1), CLOSED_LOGIT)
    logits[50:500:100] = 3.0  # 5 of 10 clips reach the verifier
    bounds = [(at * model.frame_s, (at + 5) * model.frame_s) for at in range(48, 1000, 100)]
    segments = tuple(KeywordSegment("alexa", *times) for times in bounds)
    stream = ScoredStream("clean", logits, segments, 0.1)
    fitted = CalibratedThreshold(
        sigmoid(9.0), metrics.Estimate(0.5, 0.0, 1.0), 0, 1.0, sigmoid(1.0)
    )
    capped = cap_extrapolated_threshold(model, {"alexa": fitted}, [stream])
    assert capped == pytest.approx({"alexa": sigmoid(3.0)})
    without_events = replace(fitted, highest=0.0, hours=0.05)
    capped = cap_extrapolated_threshold(model, {"alexa": without_events}, [stream])
    assert capped == pytest.approx({"alexa": sigmoid(3.0)})


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def file(tiny: EncoderSpec, tmp_path: Path) -> Path:
    save_model(tiny_family.model(), tmp_path / "m.wakeword")
    for i in range(4):
        save_audio(tmp_path / "evenings" / f"{i}.flac", tiny_family.synthetic_audio(6.0, seed=i))
    return tmp_path / "m.wakeword"


def test_the_file_holds_the_threshold_and_its_provenance(file: Path) -> None:
    evenings = file.parent / "evenings"
    printed = run("calibrate", file, "--negatives", evenings, "--json").splitlines()[-1]
    values = json.loads(printed)
    point = load_model(file).operating_point
    assert values["provenance"] == point.provenance
    for keyword, fitted in values["keywords"].items():
        expected = fitted["expected"]
        assert point.thresholds[keyword] == fitted["threshold"]
        assert expected["low"] <= expected["value"] <= expected["high"]
    assert "4 recordings (SHA-256" in point.provenance and "0.5 false accepts" in point.provenance
    assert "SHA-256" in run("detect", file, evenings / "0.flac")


def test_recordings_that_are_scored_in_parts_set_a_threshold(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As hours are: what is added up over parts must not end in the file as a NumPy type."""
    monkeypatch.setattr(test_streams, "PART_S", 1.0)
    run("calibrate", file, "--negatives", file.parent / "evenings")
    assert load_model(file).operating_point.provisional is True


def test_minutes_without_clips_set_a_threshold_that_they_show(file: Path) -> None:
    model, evenings = load_model(file), file.parent / "evenings"
    calibration = calibrate(model, negatives=[evenings])
    for fitted in calibration.thresholds.values():
        assert fitted.highest < fitted.threshold < fitted.highest + 1e-3
        assert (fitted.counted, fitted.expected) == (0, metrics.poisson(0, fitted.hours))
    assert calibration.operating_point.provenance.endswith("just above the highest score in them")


def test_another_output_leaves_the_model_unchanged(file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    other = tmp_path / "other.wakeword"
    run("calibrate", file, "--negatives", file.parent / "evenings", "-o", other)
    assert file.read_bytes() == before
    assert load_model(other).operating_point.provenance


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((), "nothing to calibrate on"), (("--negatives", "nowhere"), "no recordings here")],
)
def test_missing_recordings_are_an_error(
    file: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = file.read_bytes()
    result = CliRunner().invoke(main, ["calibrate", str(file), *arguments])
    assert result.exit_code == 2 and message in result.output
    assert file.read_bytes() == before


# ---------------------------------------------------------------- the library


def test_calibrating_leaves_the_model_to_the_caller(file: Path) -> None:
    model = load_model(file)
    before = model.operating_point
    calibration = calibrate(model, negatives=[file.parent / "evenings"], false_accepts_per_hour=2)
    assert model.operating_point == before
    point, fitted, previous, misses = calibration
    assert previous == before and not misses
    assert dict(point.thresholds) == {word: each.threshold for word, each in fitted.items()}
    assert (point.smoothing_s, point.refractory_s) == (before.smoothing_s, before.refractory_s)
    assert point.provisional and point.provenance.startswith("provisional: ")
    run("calibrate", file, "--negatives", file.parent / "evenings", "--fa-per-hour", "2")
    assert load_model(file).operating_point == point


def test_keyword_clips_measure_latency_and_duration(tiny: EncoderSpec) -> None:
    model = tiny_family.model(keywords=("alexa", "computer"))
    model.operating_point = replace(
        model.operating_point, smoothing_s=model.frame_s, latency_s={"computer": 0.3}
    )
    frame_s, logits = model.frame_s, np.full((2000, 2), -10.0)
    ends = (100, 200, 300, 400)  # frames
    for end, delay in zip(ends, (1, 2, 6, -1), strict=True):
        logits[end + delay - 1 : end + 10, 0] = 8.0
    logits[500:505, 0] = 8.0  # at no clip
    segments = tuple(
        KeywordSegment("alexa", end * frame_s - duration_s, end * frame_s)
        for end, duration_s in zip(ends, (0.5, 0.6, 0.7, 0.8), strict=True)
    )
    positives = ScoredStream("clean", logits, segments, 0.1)
    negatives = ScoredStream("negatives", np.full((9000, 2), -10.0), (), 10.0)
    for given in ({"cap": [positives]}, {"positives": [positives, positives]}):
        point = calibrate_scores(model, negatives, **given).operating_point
        assert point.duration_s == {"alexa": pytest.approx(0.65)}
        # of the second there are no clips
        assert point.latency_s == {"alexa": pytest.approx(1.5 * frame_s), "computer": 0.3}
    point = calibrate_scores(model, negatives).operating_point
    assert (point.latency_s, point.duration_s) == ({"computer": 0.3}, {})


def test_keyword_clips_choose_smoothing_and_refractory_time(file: Path) -> None:
    model = load_model(file)
    for number, word in enumerate((*model.keywords, "negatives")):
        for i in range(3):
            clip = tiny_family.synthetic_audio(1.0, seed=10 * number + i)
            save_audio(file.parent / "data" / "dev" / word / f"{i}.wav", clip)
    data = assign_splits(read_dataset(file.parent / "data"))
    calibration = calibrate(model, negatives=[file.parent / "evenings"], data=data)
    point = calibration.operating_point
    assert point.smoothing_s in SMOOTHING_S and "7 recordings (" in point.provenance
    run("calibrate", file, "--negatives", file.parent / "evenings", "--data", file.parent / "data")
    assert load_model(file).operating_point == point


def test_the_old_threshold_and_the_cost_in_misses_are_printed(file: Path) -> None:
    """The misses at both are those that an evaluation counts."""
    before = load_model(file)
    for number, word in enumerate((*before.keywords, "negatives")):
        for i in range(3):
            clip = tiny_family.synthetic_audio(1.0, seed=10 * number + i)
            save_audio(file.parent / "data" / "dev" / word / f"{i}.wav", clip)
    data = assign_splits(read_dataset(file.parent / "data"))
    arguments = ("calibrate", file, "--data", file.parent / "data", "--split", "dev")
    printed = " ".join(run(*arguments).split())
    after = load_model(file)
    old, new = (
        {(each.keyword, each.condition): each.shipped for each in evaluate(model, data).results}
        for model in (before, after)
    )
    assert [each.misses for each in old.values()] != [each.misses for each in new.values()]
    for word in before.keywords:
        was, becomes = (old[word, "clean"], new[word, "clean"])
        assert (
            f"threshold of '{word}': {was.threshold:.4f} → {becomes.threshold:.4f}; held-out "
            f"misses {was.misses} → {becomes.misses} of 3 (clean), "
            f"{old[word, '10 dB'].misses} → {new[word, '10 dB'].misses} of 3 (10 dB)" in printed
        )
    values = json.loads(run(*arguments, "--json").splitlines()[-1])["keywords"]
    for word in before.keywords:
        assert values[word]["previous_threshold"] == new[word, "clean"].threshold
        assert values[word]["misses"][0]["before"] == new[word, "clean"].misses


def test_without_keyword_clips_the_cost_is_said_to_be_unknown(file: Path) -> None:
    printed = " ".join(run("calibrate", file, "--negatives", file.parent / "evenings").split())
    new = load_model(file).operating_point.thresholds["alexa"]
    assert f"threshold of 'alexa': 0.5000 → {new:.4f} " in printed
    assert "in misses is unknown: give --data" in printed


def test_two_stages_are_calibrated_by_their_final_scores(tmp_path: Path) -> None:
    """The command stores a threshold of the final score, and leaves smoothing and gate alone."""
    path, model = tmp_path / "two.wakeword", tiny_two_stage()
    save_model(model, path)
    for i in range(4):
        save_audio(tmp_path / "evenings" / f"{i}.flac", tiny_family.synthetic_audio(30.0, seed=i))
    for number, word in enumerate(model.keywords):
        for i in range(3):
            clip = tiny_family.synthetic_audio(1.0, seed=10 * number + i)
            save_audio(tmp_path / "data" / "dev" / word / f"{i}.wav", clip)
    recordings = ("--negatives", tmp_path / "evenings", "--data", tmp_path / "data")
    run("calibrate", path, *recordings, "--false-accepts-per-hour", "60")
    calibrated = load_model(path)
    assert isinstance(calibrated, TwoStageModel)
    point = calibrated.operating_point
    assert point.smoothing_s == model.frame_s and "60 false accepts" in point.provenance
    assert calibrated.cascade.config == model.cascade.config
    audio = [load_audio(file) for file in sorted((tmp_path / "evenings").iterdir())]
    for keyword, threshold in point.thresholds.items():
        assert threshold != model.operating_point.thresholds[keyword]
    found = [each for samples in audio for each in Detector(calibrated).feed(samples)]
    assert len(found) <= 2 * len(model.keywords) + 2  # 60 per hour and keyword, in two minutes


def test_without_recordings_there_is_nothing_to_calibrate_on(file: Path) -> None:
    with pytest.raises(ManifestError, match="nothing to calibrate on"):
        calibrate(load_model(file))


def test_the_hash_is_of_the_content_of_all_recordings(file: Path) -> None:
    paths = sorted((file.parent / "evenings").iterdir())
    before = recordings_hash(map(Clip, paths))
    assert len(before) == 16 and recordings_hash(map(Clip, reversed(paths))) == before
    paths[0].write_bytes(paths[0].read_bytes() + b"x")
    assert recordings_hash(map(Clip, paths)) != before


@pytest.mark.parametrize(("reached", "capped"), [(0.0, True), (20.0, False)])
def test_the_provenance_says_where_a_threshold_was_capped(
    tiny: EncoderSpec, reached: float, capped: bool
) -> None:
    model = tiny_family.model()
    rng = np.random.default_rng(0)
    shape = (20_000, len(model.keywords))
    negatives = ScoredStream("negatives", rng.normal(-8, 2, shape), (), 0.1)
    logits = np.full(shape, -20.0)
    logits[100:120] = reached
    segments = tuple(
        KeywordSegment(word, 100 * model.frame_s, 120 * model.frame_s) for word in model.keywords
    )
    positives = [ScoredStream("clean", logits, segments, 0.1)]
    free = calibrate_scores(model, negatives, per_hour=1e-4, source="test negatives")
    held = calibrate_scores(model, negatives, per_hour=1e-4, cap=positives, source="test negatives")
    assert free.operating_point.provenance == (
        "provisional: 0 false accepts in 6.0 min of other sound, test negatives; "
        "0.0001 false accepts per hour take 30000.0 h to confirm"
    )
    assert ("lowered so that at least 95 %" in held.operating_point.provenance) is capped
    for word, threshold in held.operating_point.thresholds.items():
        assert (threshold < free.operating_point.thresholds[word]) is capped
    assert held.thresholds == free.thresholds


@pytest.mark.parametrize(("hours", "provisional"), [(5.9, True), (6.0, False)])
def test_a_threshold_from_too_little_other_sound_is_provisional(
    tiny: EncoderSpec, hours: float, provisional: bool
) -> None:
    """It says what was observed at it, and no rate."""
    model = tiny_family.model()
    logits = np.random.default_rng(0).normal(-8, 2, (20_000, len(model.keywords)))
    point, fitted, *_ = calibrate_scores(
        model, ScoredStream("negatives", logits, (), hours), per_hour=0.5, source="a radio"
    )
    counted = sum(each.counted for each in fitted.values())
    assert counted > 0
    assert point.provisional is provisional
    assert point.provenance == (
        f"provisional: {counted} false accepts in 5.9 h of other sound, a radio; "
        "0.5 false accepts per hour take 6.0 h to confirm"
        if provisional
        else "target 0.5 false accepts per hour, estimated from the highest scores in "
        "6.00 h of a radio"
    )


def test_a_provisional_threshold_is_named_wherever_it_is_shown(file: Path) -> None:
    advice = f"wakeword calibrate {file} --negatives FOLDER"
    printed = " ".join(run("calibrate", file, "--negatives", file.parent / "evenings").split())
    assert "provisional; 0 false accepts in 0.4 min of other sound" in printed
    assert "per hour expected" not in printed and advice in printed
    shown = " ".join(run("info", file).split())
    assert "or more, provisional" in shown, shown
    assert re.search(r"provisional: \d false accepts? in 0.4 min", shown), shown
    assert "wakeword calibrate MODEL --negatives FOLDER" in shown
    assert json.loads(run("info", file, "--json"))["threshold_provisional"] is True
