"""Two models on the same streams, clip by clip."""

from __future__ import annotations

from dataclasses import dataclass

from wakeword.evaluation import metrics
from wakeword.evaluation.results import Evaluation


@dataclass(frozen=True)
class PairedComparison:
    """One keyword under one condition: the clips on which two models differ.

    Attributes:
        p: McNemar's exact test; small where the difference is more than chance.
    """

    keyword: str
    condition: str
    only_first: int  # clips that only the first model missed
    only_second: int
    p: float


def compare_evaluations(
    first: Evaluation, second: Evaluation, per_hour: float = 0.5
) -> list[PairedComparison]:
    """Each model at its own operating point within `per_hour` false accepts per hour.

    Rows that only one of them has, or in which one has no such point, are left out.
    """
    others = {(row.keyword, row.condition): row for row in second.rows}
    found = []
    for row in first.rows:
        other = others.get((row.keyword, row.condition))
        if other is None or len(row.words) != len(other.words):
            continue
        if not all(per_hour in word.missed for word in (*row.words, *other.words)):
            continue
        a = [word.missed[per_hour] for word in row.words]
        b = [word.missed[per_hour] for word in other.words]
        found.append(
            PairedComparison(
                row.keyword,
                row.condition,
                sum(x and not y for x, y in zip(a, b, strict=True)),
                sum(y and not x for x, y in zip(a, b, strict=True)),
                metrics.mcnemar(a, b),
            )
        )
    return found
