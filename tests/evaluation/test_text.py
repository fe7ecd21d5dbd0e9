"""Results on the terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from evaluations import evaluation, full_evaluation, keyword_result, two_stage_evaluation
from rich.console import Console, RenderableType

from wakeword.data.clip import Clip
from wakeword.evaluation.benchmark import Benchmark, EngineCost, TwoStageCost
from wakeword.evaluation.calibrate import Calibration, MissChange
from wakeword.evaluation.metrics import Estimate
from wakeword.evaluation.report.text import (
    render_benchmark,
    render_calibration,
    render_comparison,
    render_evaluation,
)
from wakeword.evaluation.results import FalseAccept, SourceResult
from wakeword.evaluation.threshold import CalibratedThreshold
from wakeword.model.operating_point import OperatingPoint


def printed(renderables: Iterable[RenderableType], width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width)
    for each in renderables:
        console.print(each, highlight=False)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_an_evaluation_begins_with_its_verdict() -> None:
    lines = printed(render_evaluation(evaluation([True] + [False] * 19))).splitlines()
    assert lines[0] == (
        "Detected 19 of 20 in quiet. "
        "1 false accept in 4.0 h of other sound: 0.25 per hour (95 %: 0.01–1.39)."
    )
    assert "Misses: good in quiet; false accepts: good." in lines


def test_an_evaluation_shows_misses_sources_confusables_and_limits() -> None:
    text = printed(render_evaluation(full_evaluation()))
    for expected in (
        "'alexa' at the stored threshold, 0.7000",
        "1 of 20",
        "0.9–23.6 %",
        "100 ms, 100 ms",
        "1 (12.5 %)",
        "'alexa' is detected in 1 of 20 clips",
        "4.0 h of negatives: even with zero false accepts, the rate could be up to 0.92 per hour",
        "false accept: 'alexa' (score 0.910, peak 0.980) in radio.flac",
        "note: a <note>",
    ):
        assert expected in text, expected


def test_rates_that_the_hours_cannot_show_have_no_column() -> None:
    text = printed(render_evaluation(evaluation([True] + [False] * 19)))
    assert "0.5/h" in text and "0.1/h" not in text
    assert "/h" not in printed(render_evaluation(evaluation([False], hours=0.2)))


def test_an_evaluation_without_extras_is_a_table_and_its_limit() -> None:
    text = printed(render_evaluation(evaluation([True])))
    assert "by source" not in text and "confusable" not in text and "false accept:" not in text
    assert "latency" not in text and "–" not in text.replace("20.7–100.0", "").replace(
        "0.01–1.39", ""
    )


LONG = "keyword[1]of-very-many-letters" * 3


def test_nothing_is_cut_at_80_columns() -> None:
    made = keyword_result([True] + [False] * 999, keyword=LONG, condition="10 dB " + "street" * 20)
    clip = Clip(Path("r" * 90 + "[1].flac"), source="television" * 9)
    result = replace(
        two_stage_evaluation(),
        results=(replace(made, called=900),),
        negative_hours=123.0,
        false_accepts=(FalseAccept(LONG, 1.0, 0.9, 0.95, clip),) * 12,
        sources=(SourceResult("television" * 9, 1_000_000, 100.0, 12, 12),),
    )
    narrow = printed(render_evaluation(result), width=80)
    assert max(map(len, narrow.splitlines())) <= 80 and "…" not in narrow
    letters = re.sub("[^a-z]", "", narrow)
    assert letters.count("television" * 9) == 1 and letters.count("r" * 90 + "flac") == 10
    assert letters.count(re.sub("[^a-z]", "", LONG)) > 10 and "street" * 20 in letters
    assert "keyword[1]" in narrow and "[1].flac" in "".join(narrow.split())
    assert "and 2 more false accepts" in narrow


def test_the_gate_is_shown_for_two_stages_alone() -> None:
    text = " ".join(printed(render_evaluation(two_stage_evaluation())).split())
    assert "gate recall" in text and "90.0 %" in text
    assert "gate: the verifier is called 12.0 times per hour of negatives" in text
    assert "candidates per hour: 'alexa' 5.0" in text
    assert "gate" not in printed(render_evaluation(full_evaluation()))


def test_models_that_cannot_be_compared_have_no_empty_table() -> None:
    first = evaluation([True] * 20)
    none = replace(first, results=(replace(first.results[0], clip_results=()),))
    assert "not compared" in printed([render_comparison("a", first, "b", none)])


def test_a_comparison_counts_the_clips_that_one_model_missed() -> None:
    first, second = evaluation([True] * 8 + [False] * 12), evaluation([False] * 20)
    text = printed([render_comparison("a.wakeword", first, "b.wakeword", second)])
    assert "only a.wakeword missed" in text and "0.008" in text


def test_a_calibration_shows_each_threshold_and_its_provenance() -> None:
    expected = Estimate(0.5, 0.1, 2.0)
    thresholds = {
        "alexa": CalibratedThreshold(0.9, expected, 1, 2.0, 0.95),
        "jarvis": CalibratedThreshold(0.9, expected, 0, 2.0, 0.8),
    }
    point = OperatingPoint({"alexa": 0.9, "jarvis": 0.9}, 0.12, 1.0, "from a test")
    before = OperatingPoint({"alexa": 0.5, "jarvis": 0.6})
    misses = {"alexa": (MissChange("clean", 3, 5, 128), MissChange("10 dB", 7, 9, 128))}
    changed, other, alexa, jarvis, last = render_calibration(
        Calibration(point, thresholds, before, misses)
    )
    assert changed == (
        "threshold of 'alexa': 0.5000 → 0.9000; "
        "held-out misses 3 → 5 of 128 (clean), 7 → 9 of 128 (10 dB)"
    )
    assert other == "threshold of 'jarvis': 0.6000 → 0.9000"
    assert "threshold 0.9000; 1 false accepts in 2.00 h; 0.50 per hour expected" in alexa
    assert "above every event" in jarvis and "above every event" not in alexa
    assert last == "smoothing 0.12 s, refractory time 1 s; from a test"


def test_a_provisional_calibration_shows_what_was_observed_and_what_to_do() -> None:
    thresholds = {"alexa": CalibratedThreshold(0.9, Estimate(0.5, 0, 200), 1, 0.02, 0.95)}
    point = OperatingPoint({"alexa": 0.9}, provenance="from a test", provisional=True)
    calibration = Calibration(point, thresholds, OperatingPoint({"alexa": 0.5}), {})
    *_, alexa, _, advice = render_calibration(calibration, "a.wakeword")
    assert alexa == (
        "'alexa': threshold 0.9000, provisional; 1 false accept in 1.2 min of other sound"
    )
    assert advice.endswith("wakeword calibrate a.wakeword --negatives FOLDER")


def test_a_benchmark_shows_engines_relative_to_the_model() -> None:
    engines = (EngineCost("this model", 0.02, 1.0, 2.0), EngineCost("a peer", 0.05, 3.0, 4.0))
    benchmark = Benchmark("tiny", "chunked", 60.0, 1_500_000, 300.0, 152.5, 80.0, 1e-6, engines)
    text = printed(render_benchmark(benchmark, 6_000_000))
    assert "a peer" in text and "2.50" in text and "4.00 ms" in text
    assert "1.5 M parameters, file 6.0 MB; process 300 MB" in text
    assert "one core would keep up with 80" in text and "verifier" not in text


def test_a_benchmark_of_two_stages_shows_each() -> None:
    cost = TwoStageCost(1_100_000, 7_700_000, 0.004, 90.0, 240.0)
    engines = (EngineCost("this model", 0.01, 1.0, 2.0),)
    benchmark = Benchmark(
        *("a + b", "chunked", 60.0, 8_800_000, 300.0, 152.5, 80.0, 1e-6), engines, cost
    )
    text = " ".join(printed(render_benchmark(benchmark, 6_000_000)).split())
    assert "gate: 1.1 M parameters, real-time factor 0.0040" in text
    assert "verifier: 7.7 M parameters, 90 ms a call, 240 calls per hour" in text
    assert "both: real-time factor 0.0100" in text  # 0.004 + 0.09 s · 240 / 3600 s
