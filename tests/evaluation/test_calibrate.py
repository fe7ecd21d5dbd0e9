"""The threshold for a rate of false accepts: against a known law, and what a file holds after."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
from click.testing import CliRunner

from wakeword.audio.files import save_audio
from wakeword.cli import main
from wakeword.data.clip import KeywordSegment
from wakeword.detection.trigger import Trigger
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation import metrics
from wakeword.evaluation.calibrate import cap_extrapolated_threshold
from wakeword.evaluation.results import ScoredStream
from wakeword.evaluation.threshold import CalibratedThreshold, Peaks, event_peaks, fit_threshold
from wakeword.model.file import load_model, save_model


def exponential(rng: np.random.Generator, per_hour: float, hours: float) -> Peaks:
    """Events whose rate falls by e for each 1.5 of the logit: `per_hour` above 0."""
    count = rng.poisson(per_hour * hours)
    return np.sort(rng.exponential(1.5, count))


@pytest.mark.parametrize("per_hour", [0.1, 0.5, 2.0])
def test_the_rate_asked_for_comes_out_on_average(per_hour: float) -> None:
    """Over many recordings of 3 h: the true rate at the threshold is near the one asked for."""
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(300):
        found = fit_threshold(exponential(rng, 60.0, 3.0), 3.0, per_hour)
        logit = np.log(found.threshold / (1 - found.threshold))
        rates.append(60.0 * np.exp(-logit / 1.5))
    assert 0.4 * per_hour < np.median(rates) <= 1.1 * per_hour


def test_the_interval_holds_what_the_next_hours_count() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(500):
        found = fit_threshold(exponential(rng, 60.0, 2.0), 2.0, 0.5)
        logit = np.log(found.threshold / (1 - found.threshold))
        later = (exponential(rng, 60.0, 2.0) >= logit).sum() / 2.0
        inside.append(found.expected.low <= later <= found.expected.high)
    assert 0.93 <= np.mean(inside) <= 1.0


def test_what_was_counted_is_never_more_than_asked() -> None:
    events = np.array([*np.linspace(0, 1, 30), 8.0, 9.0, 10.0])
    found = fit_threshold(events, 4.0, 0.5)
    assert found.counted == 2 and not found.extrapolated
    assert fit_threshold(events, 1.0, 0.5).extrapolated


@pytest.mark.parametrize(
    ("threshold", "highest", "expected", "in_minutes"),
    [
        (9.0, 2.0, 5.0, 3.5),  # too far out: back to where 19 of 20 words are heard, or halfway
        (4.0, 2.0, 4.0, 3.5),  # within reach: stays
        (3.0, 2.0, 3.0, 3.0),
        (9.0, 7.0, 7.0, 7.0),  # never below what was heard without the word
        (4.0, 7.0, 4.0, 4.0),  # not beyond what was heard: stays
    ],
)
def test_a_line_drawn_too_far_ends_within_reach_of_the_word(
    tiny: EncoderSpec, threshold: float, highest: float, expected: float, in_minutes: float
) -> None:
    trained = tiny_family.model()
    trained.operating_point = replace(trained.operating_point, smoothing_s=trained.frame_s)
    logits = np.full((2000, len(trained.keywords)), -10.0)
    logits[50::100] = np.array([1.0, *np.arange(5.0, 24.0)])[:, None]  # 20 words
    bounds = [(at * trained.frame_s, (at + 5) * trained.frame_s) for at in range(48, 2000, 100)]
    segments = tuple(KeywordSegment(word, *times) for word in trained.keywords for times in bounds)
    heard = ScoredStream("clean", logits, segments, 0.1)
    rate = metrics.Estimate(0.5, 0.0, 1.0)
    scores = [1 / (1 + np.exp(-v)) for v in (threshold, highest, expected, in_minutes)]
    found = CalibratedThreshold(scores[0], rate, 0, 1.0, scores[1])
    for hours, score in ((1.0, scores[2]), (0.05, scores[3])):
        each = dict.fromkeys(trained.keywords, replace(found, hours=hours))
        reached = cap_extrapolated_threshold(trained, each, [heard])
        assert reached == pytest.approx(dict.fromkeys(trained.keywords, score))


def test_silence_leaves_the_middle() -> None:
    assert fit_threshold(np.zeros(0), 1.0, 0.5).threshold == 0.5


def test_peaks_are_the_triggers_events() -> None:
    """The number over a threshold is what the trigger fires, for slow and fast scores."""
    rng = np.random.default_rng(2)
    noise = np.convolve(rng.standard_normal(20_000), np.hanning(60), "same")
    events = event_peaks(noise, 3, 25)
    for logit in (5.0, 8.0, 10.0):
        threshold = 1 / (1 + np.exp(-logit))
        fired, _ = Trigger((threshold,), 3, 25).run(noise[:, None])
        counted = int((events >= logit).sum())
        assert counted > 0
        assert abs(len(fired) - counted) <= 0.1 * counted + 1


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def file(tiny: EncoderSpec, tmp_path: Path) -> Path:
    save_model(tiny_family.model(), tmp_path / "m.wakeword")
    for i in range(4):
        save_audio(tmp_path / "evenings" / f"{i}.flac", tiny_family.sound(6.0, seed=i))
    return tmp_path / "m.wakeword"


def test_the_file_holds_the_threshold_and_its_evidence(file: Path) -> None:
    evenings = file.parent / "evenings"
    made = json.loads(run("calibrate", file, "--negatives", evenings, "--json").splitlines()[-1])
    point = load_model(file).operating_point
    for word, found in made["keywords"].items():
        assert point.thresholds[word] == found["threshold"]
        assert found["expected"]["low"] <= found["expected"]["value"] <= found["expected"]["high"]
    assert "4 recordings (SHA-256" in point.provenance and "0.5 false accepts" in point.provenance
    heard = run("detect", file, evenings / "0.flac")
    assert "SHA-256" in heard


def test_another_file_leaves_the_first_as_it_is(file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    other = tmp_path / "other.wakeword"
    run("calibrate", file, "--negatives", file.parent / "evenings", "-o", other)
    assert file.read_bytes() == before
    assert load_model(other).operating_point.provenance


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((), "nothing to calibrate on"), (("--negatives", "nowhere"), "no recordings here")],
)
def test_nothing_to_hear_is_said(file: Path, arguments: tuple[str, ...], words: str) -> None:
    before = file.read_bytes()
    result = CliRunner().invoke(main, ["calibrate", str(file), *arguments])
    assert result.exit_code == 2 and words in result.output
    assert file.read_bytes() == before
