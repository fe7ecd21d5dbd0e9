"""The picture of the race: miss rates with intervals, one panel per condition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from race_table import pooled_miss_rate
from scoring import EngineResult

from wakeword import storage
from wakeword.evaluation.report.layout import add_legend, new_figure, wrap

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = "osD^vP"


def save_plot(rows: Sequence[EngineResult], path: Path) -> None:
    """Plot the miss rate at 0.5 false accepts per hour of every engine, keyword and condition.

    Writes nothing where no row has an operating point.
    """
    rows = [row for row in rows if row.points]
    if not rows:
        return
    with storage.atomic_write(path) as part:
        race_figure(rows).savefig(part, format="png", dpi=160)


def race_figure(rows: Sequence[EngineResult]) -> Figure:
    """Return the plot of rows that have operating points."""
    conditions = list(dict.fromkeys(row.condition for row in rows))
    keywords = list(dict.fromkeys(row.keyword for row in rows))
    engines = list(dict.fromkeys(row.engine for row in rows))
    slot = 1.1  # inches for a keyword
    width = 2.2 + slot * len(conditions) * max(2, len(keywords))
    figure = new_figure(width, 4.0)
    panels = figure.subplots(1, len(conditions), sharey=True, squeeze=False)[0]
    for axes, condition in zip(panels, conditions, strict=True):
        _plot_condition(axes, [r for r in rows if r.condition == condition], keywords, engines)
        title = wrap(figure, condition, slot * max(2, len(keywords)), 10.5)
        axes.set_title(title, fontsize=10.5, parse_math=False)
        labels = [wrap(figure, keyword, slot) for keyword in keywords]
        axes.set_xticks(range(len(keywords)), labels, parse_math=False)
    panels[0].set_ylim(bottom=-0.04 * panels[0].get_ylim()[1])
    panels[0].set_ylabel("miss rate at 0.5 false accepts per hour (%)")
    for number, engine in enumerate(engines):
        panels[0].plot([], [], _marker(number), color=_colour(number), label=engine)
    add_legend(figure, fontsize=8.5)
    return figure


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
    axes.set_xlim(-0.6, len(keywords) - 0.4)
    axes.grid(True, axis="y", linewidth=0.5, alpha=0.6)


def _colour(engine: int) -> str:
    return COLOURS[engine % len(COLOURS)]


def _marker(engine: int) -> str:
    return MARKERS[engine % len(MARKERS)]
