"""The picture of the race: miss rates with intervals, one panel per condition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from race_table import pooled_miss_rate
from scoring import EngineResult

from wakeword import storage

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = "osD^vP"


def save_plot(rows: Sequence[EngineResult], path: Path) -> None:
    """Plot the miss rate at 0.5 false accepts per hour of every engine, keyword and condition.

    Writes nothing where no row has an operating point.
    """
    rows = [row for row in rows if row.points]
    if not rows:
        return
    conditions = list(dict.fromkeys(row.condition for row in rows))
    keywords = list(dict.fromkeys(row.keyword for row in rows))
    engines = list(dict.fromkeys(row.engine for row in rows))
    width = 2.2 + 1.1 * len(conditions) * max(2, len(keywords))
    figure = Figure(figsize=(width, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(conditions), sharey=True, squeeze=False)[0]
    for axes, condition in zip(panels, conditions, strict=True):
        _plot_condition(axes, [r for r in rows if r.condition == condition], keywords, engines)
        axes.set_title(condition, fontsize=10.5)
    panels[0].set_ylim(bottom=-0.04 * panels[0].get_ylim()[1])
    panels[0].set_ylabel("miss rate at 0.5 false accepts per hour (%)")
    for number, engine in enumerate(engines):
        panels[0].plot([], [], _marker(number), color=_colour(number), label=engine)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5, frameon=False)
    with storage.atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=160)


def _plot_condition(
    axes: Axes, rows: Sequence[EngineResult], keywords: Sequence[str], engines: Sequence[str]
) -> None:
    for row in rows:
        number = engines.index(row.engine)
        rate = pooled_miss_rate(row.points[-1:])
        mean, low, high = (100 * value for value in (rate.value, rate.low, rate.high))
        axes.errorbar(
            keywords.index(row.keyword) + 0.11 * (number - (len(engines) - 1) / 2),
            mean,
            [[max(0, mean - low)], [max(0, high - mean)]],
            color=_colour(number),
            marker=_marker(number),
            markersize=6,
            capsize=2,
            linestyle="none",
        )
    axes.set_xticks(range(len(keywords)), keywords)
    axes.set_xlim(-0.6, len(keywords) - 0.4)
    axes.grid(True, axis="y", linewidth=0.5, alpha=0.6)


def _colour(engine: int) -> str:
    return COLOURS[engine % len(COLOURS)]


def _marker(engine: int) -> str:
    return MARKERS[engine % len(MARKERS)]
