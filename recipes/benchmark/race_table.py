"""The table of the race, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scoring import EngineResult

from wakeword.evaluation import metrics
from wakeword.evaluation.metrics import DetPoint, Estimate

COLUMNS = (
    "engine",
    "keyword",
    "condition",
    "miss rate at 0.1 false accepts/h (95 %)",
    "miss rate at 0.5 false accepts/h (95 %)",
    "false accepts there",
    "latency s, p50 / p95",
    "real-time factor",
    "memory MB",
    "model MB",
    "licence",
)


def format_table(rows: Sequence[EngineResult]) -> str:
    """Return the table: all rows, their means over keywords, and the lowest rate they can show."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    lines += [format_row(row) for row in rows]
    lines += [_format_mean(group) for group in _groups(rows)]
    hours = min((row.negative_hours for row in rows if not row.note), default=0.0)
    if hours:
        bound = metrics.poisson(0, hours).high
        lines += [
            "",
            f"Even with zero false accepts in {hours:.2f} h, the rate could be up to "
            f"{bound:.1f} per hour.",
        ]
    return "\n".join(lines)


def format_row(row: EngineResult) -> str:
    """Return one line of the table."""
    if row.note:
        return f"| {row.engine} | {row.keyword} | {row.note} |"
    cells = [row.engine, row.keyword, row.condition]
    if row.confusables:
        rate = metrics.wilson(*row.confusables)
        detected = f"{row.confusables[0]} of {row.confusables[1]} falsely accepted"
        cells += ["", f"{detected}: {_format_estimate(rate)}"]
    else:
        cells += [*map(format_misses, row.points), _format_false_accepts(row.points[-1])]
        cells += [_format_latency(row.latency_s), f"{row.rtf:.4f}", f"{row.memory_mb:.0f}"]
        cells += [f"{row.model_mb:.1f}", row.licence]
    return f"| {' | '.join(cells)} |"


def format_misses(point: DetPoint | None) -> str:
    """Return the misses at an operating point: "1 of 4: 25.0% (4.6%–69.9%)"."""
    if point is None:
        return "no threshold"
    return f"{point.misses} of {point.spoken}: {_format_estimate(point.miss_rate_estimate)}"


def pooled_miss_rate(points: Sequence[DetPoint | None]) -> Estimate:
    """Return the mean miss rate of several keywords, with the interval of all their clips together.

    A keyword without an operating point counts as all missed.
    """
    mean = float(np.mean([point.miss_rate if point else 1.0 for point in points]))
    known = [point for point in points if point]
    if len(known) < len(points):
        return Estimate(mean, 0.0, 1.0)
    rate = metrics.wilson(sum(p.misses for p in known), sum(p.spoken for p in known))
    return Estimate(mean, rate.low, rate.high)


def _groups(rows: Sequence[EngineResult]) -> list[list[EngineResult]]:
    """Return the rows of each engine and condition that has several keywords."""
    groups: dict[tuple[str, str], list[EngineResult]] = {}
    for row in rows:
        if row.points:
            groups.setdefault((row.engine, row.condition), []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def _format_mean(group: Sequence[EngineResult]) -> str:
    cells = [group[0].engine, f"mean of {len(group)} keywords", group[0].condition]
    for points in zip(*(row.points for row in group), strict=True):
        cells.append(_format_estimate(pooled_miss_rate(points)))
    cells += ["", _format_latency([delay for row in group for delay in row.latency_s])]
    cells.append(f"{np.mean([row.rtf for row in group]):.4f}")
    cells.append(f"{max(row.memory_mb for row in group):.0f}")
    cells.append(f"{np.mean([row.model_mb for row in group]):.1f}")
    return f"| {' | '.join([*cells, group[0].licence])} |"


def _format_estimate(rate: Estimate) -> str:
    return f"{rate.value:.1%} ({rate.low:.1%}–{rate.high:.1%})"


def _format_false_accepts(point: DetPoint | None) -> str:
    if point is None:
        return "–"
    rate = point.false_accept_estimate
    return f"{point.false_accepts} in {point.hours:.2f} h ({rate.low:.1f}–{rate.high:.1f}/h)"


def _format_latency(delays_s: Sequence[float]) -> str:
    if not delays_s:
        return "–"
    median, late = np.percentile(delays_s, (50, 95))
    return f"{median:.2f} / {late:.2f}"
