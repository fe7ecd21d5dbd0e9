"""Results as JSON: keys that scripts read, and values that `json.dumps` accepts."""

from __future__ import annotations

import json

import pytest
from evaluations import SUBJECT, evaluation, full_evaluation, two_stage_evaluation

from wakeword.evaluation.compare import compare_evaluations
from wakeword.evaluation.report.json import evaluation_as_dict


def test_an_evaluation_has_the_documented_keys() -> None:
    values = json.loads(json.dumps(evaluation_as_dict(full_evaluation())))
    assert values.keys() == {
        *("negative_hours", "notes", "rows", "sources", "confusables", "false_accepts"),
        "verdict",
    }
    alexa, jarvis = values["rows"]
    assert (alexa["keyword"], alexa["condition"], jarvis["keyword"]) == ("alexa", "clean", "jarvis")
    assert alexa.keys() == {
        *("keyword", "condition", "at_false_accepts_per_hour", "shipped"),
        *("latency_s", "speakers", "curve", "ratings"),
    }
    assert alexa["ratings"] == {"misses": "good", "false_accepts": "good"}
    assert values["verdict"][0].startswith("'alexa': Detected 19 of 20 in quiet.")
    assert alexa["at_false_accepts_per_hour"].keys() == {"0.5", "1", "2"}  # 0.1 needs 10 h
    assert alexa["speakers"] == {"s0": [1, 7], "s1": [0, 7], "s2": [0, 6]}
    assert values["sources"][0] == {
        "name": "radio",
        "clips": 8,
        "hours": 3.0,
        "false_accepts": 1,
        "clips_with_false_accepts": 1,
        "fired": 1,
    }
    assert values["confusables"] == [{"keyword": "alexa", "clips": 20, "detected": 1}]
    assert values["false_accepts"] == [
        {"keyword": "alexa", "time": 12.5, "score": 0.91, "peak": 0.98, "file": "radio.flac"}
    ]


def test_a_point_has_its_intervals() -> None:
    (row,) = evaluation_as_dict(evaluation([True] + [False] * 19))["rows"]
    point = row["at_false_accepts_per_hour"]["0.5"]
    assert (point["missed"], point["clips"], point["miss_rate"]) == (1, 20, 0.05)
    low, high = point["miss_rate_interval"]
    assert low < 0.05 < high
    assert point["miss_rate_interval_speakers"][0] == 0.0
    assert "miss_rate_interval_speakers" not in row["shipped"]


def test_what_was_evaluated_is_added_on_request() -> None:
    subject = json.loads(json.dumps(evaluation_as_dict(full_evaluation(), subject=SUBJECT)))[
        "subject"
    ]
    assert subject["file"] == "my <model>.wakeword" and subject["version"] == "1.2.3"
    assert subject["encoders"] == {"gate": "a small encoder", "verifier": "a large encoder"}


def test_comparisons_are_added_on_request() -> None:
    first, second = evaluation([True, False]), evaluation([False, False])
    assert "compared" not in evaluation_as_dict(first)
    compared = evaluation_as_dict(first, compare_evaluations(first, second))["compared"]
    assert compared == [
        {"keyword": "alexa", "condition": "clean", "only_first": 1, "only_second": 0, "p": 1.0}
    ]


def test_two_stages_add_the_calls_of_the_verifier() -> None:
    values = json.loads(json.dumps(evaluation_as_dict(two_stage_evaluation())))
    calls = values["verifier_calls"]
    assert (calls["calls"], calls["calls_per_hour"]) == (48, 12.0)
    assert calls["calls_per_hour_interval"] == pytest.approx([8.85, 15.91], abs=0.01)
    assert calls["candidates"] == {"alexa": 20} and calls["candidates_per_hour"] == {"alexa": 5.0}
    (row,) = values["rows"]
    assert row["gate_recall"] == 0.9
    assert row["gate_recall_interval"] == pytest.approx([0.699, 0.972], abs=1e-3)
    assert "verifier_calls" not in evaluation_as_dict(full_evaluation())
