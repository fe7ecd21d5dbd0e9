"""What an evaluation says, in sentences: what was detected, and whether that is good."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from wakeword.evaluation.conditions import CLEAN, NARROW, QUIET, ROOMS, SNR_DB, TALKER, noisy
from wakeword.evaluation.metrics import Estimate
from wakeword.evaluation.report.format import format_false_accepts, format_rate_interval
from wakeword.evaluation.results import Evaluation, KeywordResult

GOOD_MISS_RATE = 0.05
"""Share of keywords missed at most, in quiet and in noise, that released products aim at."""

GOOD_FALSE_ACCEPTS_PER_HOUR = 0.5
"""False accepts per hour at most that released products aim at."""

_FAIR = 2.0  # times as much

SCALE = (
    f"good: no more than {GOOD_MISS_RATE:.0%} of the keywords missed, and no more than "
    f"{GOOD_FALSE_ACCEPTS_PER_HOUR:g} false accepts per hour, as released products aim at; fair: "
    "up to twice as many; poor: more; open: too few clips or hours to tell"
).replace("%", " %")
"""The ratings, in words."""

_PHRASES = {
    CLEAN.name: "in quiet",
    TALKER.name: "with another talker",
    QUIET.name: "at a level 30 dB lower",
    NARROW.name: "in a band of 8 kHz",
    **{noisy(snr_db).name: f"at {snr_db:g} dB" for snr_db in SNR_DB},
    **{room.name: f"in a {room.name}" for room in ROOMS},
}


class Rating(Enum):
    """Whether a number is good, by the limits in this module."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    OPEN = "open"


def rate_misses(result: KeywordResult) -> Rating:
    """Rate the misses of a keyword under one condition, at the stored threshold."""
    point = result.shipped
    shown = point.spoken * GOOD_MISS_RATE >= 1.0
    return _rate(point.miss_rate_estimate, GOOD_MISS_RATE, shown)


def rate_false_accepts(result: KeywordResult) -> Rating:
    """Rate the false accepts of a keyword at the stored threshold."""
    point = result.shipped
    shown = point.hours * GOOD_FALSE_ACCEPTS_PER_HOUR >= 1.0
    return _rate(point.false_accept_estimate, GOOD_FALSE_ACCEPTS_PER_HOUR, shown)


def verdict(evaluation: Evaluation) -> list[str]:
    """Return what was detected, missed and falsely accepted: one text per keyword.

    Names the clean condition, noise at 10 dB and, of the others, the one with the most misses.
    """
    return [
        f"{prefix}Detected {_detected(results)}. {_false_accepts(results[0])}"
        for prefix, results in _by_keyword(evaluation)
    ]


def ratings(evaluation: Evaluation) -> list[str]:
    """Return the ratings of what `verdict` names: one text per keyword."""
    return [
        f"{prefix}Misses: {_rated(results)}; false accepts: {rate_false_accepts(results[0]).value}."
        for prefix, results in _by_keyword(evaluation)
    ]


def _by_keyword(evaluation: Evaluation) -> Iterator[tuple[str, list[KeywordResult]]]:
    """Yield the results of each keyword, with its name as a prefix where there are several."""
    for keyword in evaluation.keywords:
        prefix = f"'{keyword}': " if len(evaluation.keywords) > 1 else ""
        yield prefix, [each for each in evaluation.results if each.keyword == keyword]


def _rate(estimate: Estimate, limit: float, shown: bool) -> Rating:
    """Rate a number; one that the data do not show is rated only where its interval is beyond."""
    if not shown and estimate.low <= limit:
        return Rating.OPEN
    if estimate.value <= limit:
        return Rating.GOOD
    return Rating.FAIR if estimate.value <= _FAIR * limit else Rating.POOR


def _shown(results: list[KeywordResult]) -> list[KeywordResult]:
    """Return the results that the verdict names, the hardest last."""
    usual = [each for each in results if each.condition in (CLEAN.name, noisy(10.0).name)]
    shown = usual or results[:2]
    others = [each for each in results if each not in shown]
    hardest = max(others, key=lambda each: each.shipped.miss_rate, default=None)
    highest = max(each.shipped.miss_rate for each in shown)
    if hardest is not None and hardest.shipped.miss_rate > highest:
        return [*shown, hardest]
    return shown


def _detected(results: list[KeywordResult]) -> str:
    parts = [
        f"{each.clips - each.shipped.misses} of {each.clips} {_phrase(each)}"
        for each in _shown(results)
    ]
    return _enumerate(parts)


def _rated(results: list[KeywordResult]) -> str:
    return _enumerate([f"{rate_misses(each).value} {_phrase(each)}" for each in _shown(results)])


def _false_accepts(result: KeywordResult) -> str:
    point = result.shipped
    counted = format_false_accepts(point.false_accepts, point.hours)
    if rate_false_accepts(result) is Rating.OPEN:
        return f"{counted}: too little to promise a rate."
    rate = point.false_accept_estimate
    return f"{counted}: {rate.value:.2f} per hour (95 %: {format_rate_interval(rate)})."


def _phrase(result: KeywordResult) -> str:
    return _PHRASES.get(result.condition, f"({result.condition})")


def _enumerate(parts: list[str]) -> str:
    """Join parts: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
