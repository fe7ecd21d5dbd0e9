"""Paired comparison of two models on the same streams, clip by clip."""

from __future__ import annotations

from dataclasses import dataclass

from wakeword.evaluation import metrics
from wakeword.evaluation.results import Evaluation


@dataclass(frozen=True)
class PairedComparison:
    """Clips of one keyword under one condition on which two models differ.

    Attributes:
        only_first: clips that only the first model missed.
        only_second: clips that only the second model missed.
        p: p-value of McNemar's exact test.
    """

    keyword: str
    condition: str
    only_first: int
    only_second: int
    p: float


def compare_evaluations(
    first: Evaluation, second: Evaluation, per_hour: float = 0.5
) -> list[PairedComparison]:
    """Compare two models, each at its own operating point within `per_hour` false accepts per hour.

    Keywords and conditions that only one of them has, or for which one has no operating point
    within the rate, are left out.
    """
    by_key = {(result.keyword, result.condition): result for result in second.results}
    comparisons = []
    for result in first.results:
        other = by_key.get((result.keyword, result.condition))
        if other is None or len(result.clip_results) != len(other.clip_results):
            continue
        clips = (*result.clip_results, *other.clip_results)
        if not all(per_hour in clip.missed_at for clip in clips):
            continue
        a = [clip.missed_at[per_hour] for clip in result.clip_results]
        b = [clip.missed_at[per_hour] for clip in other.clip_results]
        comparisons.append(
            PairedComparison(
                result.keyword,
                result.condition,
                sum(x and not y for x, y in zip(a, b, strict=True)),
                sum(y and not x for x, y in zip(a, b, strict=True)),
                metrics.mcnemar(a, b),
            )
        )
    return comparisons
