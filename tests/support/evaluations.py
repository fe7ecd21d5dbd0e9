"""Evaluations made by hand, for tests of what is computed and reported from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.report.subject import Subject
from wakeword.evaluation.results import (
    FALSE_ACCEPT_RATES,
    CallResult,
    ClipResult,
    ConfusableResult,
    Evaluation,
    FalseAccept,
    KeywordResult,
    SourceResult,
)


def keyword_result(
    misses: Sequence[bool], *, keyword: str = "alexa", condition: str = "clean", hours: float = 4.0
) -> KeywordResult:
    """A result whose clips, by three speakers in turn, are missed as given at every rate."""
    point = DetPoint(0.7, sum(misses), len(misses), 1, hours)
    clips = [Clip(Path(f"{i}.wav"), keyword, f"s{i % 3}") for i in range(len(misses))]
    clip_results = tuple(
        ClipResult(clip, dict.fromkeys(FALSE_ACCEPT_RATES, miss), None if miss else 0.1)
        for clip, miss in zip(clips, misses, strict=True)
    )
    points = dict.fromkeys(FALSE_ACCEPT_RATES, point)
    return KeywordResult(keyword, condition, len(misses), points, (point,), point, clip_results)


def evaluation(misses: Sequence[bool], hours: float = 4.0) -> Evaluation:
    """An evaluation of one keyword under one condition, with a note."""
    return Evaluation((keyword_result(misses, hours=hours),), hours, ("a <note>",))


def full_evaluation() -> Evaluation:
    """Two keywords, false accepts in one of two sources, and confusable phrases."""
    results = (
        keyword_result([True] + [False] * 19),
        keyword_result([False] * 20, keyword="jarvis"),
    )
    clip = Clip(Path("radio.flac"), source="radio")
    return Evaluation(
        results,
        4.0,
        ("a <note>",),
        (FalseAccept("alexa", 12.5, 0.91, 0.98, clip),),
        (SourceResult("radio", 8, 3.0, 1, 1), SourceResult("street", 4, 1.0, 0, 0)),
        (ConfusableResult("alexa", 20, 1),),
    )


def two_stage_evaluation() -> Evaluation:
    """Of a two-stage model: the verifier is called 48 times in 4 h, and at 18 of 20 clips."""
    whole = evaluation([True] + [False] * 19)
    (result,) = whole.results
    calls = CallResult(48, {"alexa": 20}, whole.negative_hours)
    return replace(whole, results=(replace(result, called=18),), calls=calls)


SUBJECT = Subject(
    "my <model>.wakeword",
    {"gate": "a small encoder", "verifier": "a large encoder"},
    {"alexa": 0.7, "jarvis": 0.65},
    "from <a test>",
    "dev split of recordings",
    "1.2.3",
    "2025-05-04",
)
