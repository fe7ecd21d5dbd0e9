"""What an evaluation says in sentences, and the scale of its ratings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evaluations import full_evaluation, keyword_result

from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.report.verdict import (
    Rating,
    rate_false_accepts,
    rate_misses,
    ratings,
    verdict,
)
from wakeword.evaluation.results import Evaluation, KeywordResult


def result(
    misses: int = 0,
    clips: int = 43,
    *,
    condition: str = "clean",
    false_accepts: int = 0,
    hours: float = 4.0,
) -> KeywordResult:
    made = keyword_result([True] * misses + [False] * (clips - misses), condition=condition)
    return replace(made, shipped=DetPoint(0.7, misses, clips, false_accepts, hours))


def evaluation(*results: KeywordResult) -> Evaluation:
    return Evaluation(results, results[0].shipped.hours, ())


def test_a_short_test_promises_no_rate() -> None:
    rows = [
        result(misses, condition=name, hours=4 / 60)
        for misses, name in ((0, "clean"), (3, "10 dB"))
    ]
    assert verdict(evaluation(*rows)) == [
        "Detected 43 of 43 in quiet and 40 of 43 at 10 dB. "
        "0 false accepts in 4.0 min of other sound: too little to promise a rate."
    ]
    assert ratings(evaluation(*rows)) == [
        "Misses: good in quiet and fair at 10 dB; false accepts: open."
    ]


def test_a_rate_that_the_hours_show_is_given() -> None:
    (text,) = verdict(evaluation(result(false_accepts=1)))
    assert text.endswith("1 false accept in 4.0 h of other sound: 0.25 per hour (95 %: 0.01–1.39).")


def test_many_false_accepts_in_a_short_time_are_a_rate() -> None:
    made = result(false_accepts=10, hours=0.25)
    (text,) = verdict(evaluation(made))
    assert "10 false accepts in 15 min of other sound: 40.00 per hour" in text
    assert rate_false_accepts(made) is Rating.POOR


def test_the_hardest_condition_is_named() -> None:
    rows = [
        result(misses, condition=name)
        for misses, name in ((0, "clean"), (1, "10 dB"), (20, "far room"), (4, "talker"))
    ]
    (text,) = verdict(evaluation(*rows))
    assert "43 of 43 in quiet, 42 of 43 at 10 dB and 23 of 43 in a far room." in text
    (text,) = verdict(evaluation(*rows[:2], result(0, condition="talker")))
    assert "talker" not in text


def test_conditions_of_other_names_are_quoted_as_they_are() -> None:
    rows = [result(condition="natural voices, clean"), result(2, condition="10 dB street")]
    (text,) = verdict(evaluation(*rows))
    assert "43 of 43 (natural voices, clean) and 41 of 43 (10 dB street)." in text


def test_each_keyword_has_a_verdict() -> None:
    alexa, jarvis = verdict(full_evaluation())
    assert alexa.startswith("'alexa': Detected 19 of 20 in quiet. 1 false accept")
    assert jarvis.startswith("'jarvis': Detected 20 of 20 in quiet.")
    assert [text[:8] for text in ratings(full_evaluation())] == ["'alexa':", "'jarvis'"]


@pytest.mark.parametrize(
    ("misses", "clips", "expected"),
    [
        (0, 20, Rating.GOOD),
        (1, 20, Rating.GOOD),
        (2, 20, Rating.FAIR),
        (3, 20, Rating.POOR),
        (0, 19, Rating.OPEN),  # a single miss would be more than 5 %
        (1, 5, Rating.OPEN),
        (5, 5, Rating.POOR),
    ],
)
def test_ratings_of_misses(misses: int, clips: int, expected: Rating) -> None:
    assert rate_misses(result(misses, clips)) is expected


@pytest.mark.parametrize(
    ("false_accepts", "hours", "expected"),
    [
        (0, 2.0, Rating.GOOD),
        (1, 2.0, Rating.GOOD),
        (2, 2.0, Rating.FAIR),
        (3, 2.0, Rating.POOR),
        (0, 1.9, Rating.OPEN),
        (1, 1.0, Rating.OPEN),
        (30, 0.1, Rating.POOR),
    ],
)
def test_ratings_of_false_accepts(false_accepts: int, hours: float, expected: Rating) -> None:
    made = result(false_accepts=false_accepts, hours=hours)
    assert rate_false_accepts(made) is expected
