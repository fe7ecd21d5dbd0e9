"""Plots of evaluations, drawn on figures of their own: no window, no global state."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from wakeword import storage
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.report.format import format_hours
from wakeword.evaluation.report.layout import add_legend, add_title, new_figure
from wakeword.evaluation.report.theme import LIGHT, Theme
from wakeword.evaluation.results import Evaluation, KeywordResult

_STYLES = ("-", "--", "-.", ":")


def save_det_plot(evaluation: Evaluation, path: Path) -> None:
    """Write the DET curves of an evaluation as a PNG file.

    Raises:
        ConfigError: the file cannot be written.
    """
    figure = det_figure(evaluation)
    with storage.atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=200)


def det_png(evaluation: Evaluation, theme: Theme = LIGHT) -> bytes:
    """Return the DET plot as the content of a PNG file."""
    png = io.BytesIO()
    det_figure(evaluation, theme).savefig(png, format="png", dpi=160)
    return png.getvalue()


def det_figure(evaluation: Evaluation, theme: Theme = LIGHT) -> Figure:
    """Return the DET plot: miss rate over false accepts per hour, by keyword and condition.

    Rates below one false accept in the hours of negatives are greyed out: there the evaluation
    cannot distinguish them.
    """
    figure = new_figure(5.4, 4.0)
    axes = figure.add_subplot()
    lowest = 1.0 / max(evaluation.negative_hours, 1e-3)
    left, right = (
        10.0 ** math.floor(math.log10(lowest / 5)),
        10.0 ** math.ceil(math.log10(lowest * 10)),
    )
    _grey_out(axes, left, lowest, evaluation.negative_hours, theme)
    highest = 0.0
    for number, result in enumerate(evaluation.results):
        label = evaluation.label(result.keyword, result.condition)
        rates, misses = frontier(result.curve, left, right)
        highest = max(highest, *misses, 100 * result.shipped.miss_rate)
        _draw(axes, result, number, (label, rates, misses), math.sqrt(left * lowest), theme)
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    top = max(5.0, 1.4 * highest)  # leaves room for the label above the curves
    axes.set_ylim(-0.03 * top, top)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= min(100, top)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("false accepts per hour")
    axes.set_ylabel("miss rate (%)")
    axes.grid(True, which="major", color=theme.muted, linewidth=0.5, alpha=0.35)
    axes.plot(
        [], [], "o", color=theme.text, markerfacecolor="none", label="at the stored threshold"
    )
    keyword = f": '{evaluation.keywords[0]}'" if len(evaluation.keywords) == 1 else ""
    add_title(figure, f"Miss rate against false accepts{keyword}")
    add_legend(figure)
    _apply(theme, figure, axes)
    return figure


def _apply(theme: Theme, figure: Figure, axes: Axes) -> None:
    """Colour everything but the curves."""
    figure.set_facecolor(theme.background)
    axes.set_facecolor(theme.background)
    axes.tick_params(which="both", colors=theme.text)
    for spine in axes.spines.values():
        spine.set_edgecolor(theme.text)
    legend_texts = [text for legend in figure.legends for text in legend.get_texts()]
    for text in (*figure.texts, *legend_texts, axes.xaxis.label, axes.yaxis.label):
        text.set_color(theme.text)


def frontier(
    curve: Sequence[DetPoint], left: float, right: float
) -> tuple[list[float], list[float]]:
    """Return the lower envelope of a DET curve as steps from left to right.

    Where no threshold is within a rate, all keywords count as missed.

    Args:
        curve: points in any order.
        left: lowest rate of the plot, in false accepts per hour.
        right: highest rate of the plot.

    Returns:
        False accepts per hour, and the lowest miss rate within each, in percent.
    """
    rates, misses = [left], [100.0]
    for point in sorted(curve, key=lambda p: (p.false_accepts_per_hour, p.misses)):
        rate, miss = point.false_accepts_per_hour, 100 * point.miss_rate
        if rate > right or miss >= misses[-1]:
            continue
        if rate <= left:
            misses[0] = miss
        else:
            rates.append(rate)
            misses.append(miss)
    return [*rates, right], [*misses, misses[-1]]


def _draw(
    axes: Axes,
    result: KeywordResult,
    number: int,
    line: tuple[str, list[float], list[float]],
    zero_at: float,
    theme: Theme,
) -> None:
    """Draw one curve with its stored threshold; a rate of zero is drawn at `zero_at`."""
    label, rates, misses = line
    colour = theme.curves[number % len(theme.curves)]
    axes.plot(
        rates,
        misses,
        drawstyle="steps-post",
        color=colour,
        linestyle=_STYLES[number % len(_STYLES)],
        linewidth=max(1.6, 3.4 - 0.5 * number),
        label=label,
    )
    shipped = result.shipped
    axes.plot(
        [shipped.false_accepts_per_hour or zero_at],
        [100 * shipped.miss_rate],
        "o",
        markersize=max(6.0, 11.0 - 1.5 * number),
        color=colour,
        markerfacecolor=theme.background,
        markeredgewidth=1.8,
        zorder=5,
    )


def _grey_out(axes: Axes, left: float, lowest: float, hours: float, theme: Theme) -> None:
    axes.axvspan(left, lowest, color=theme.grey, zorder=0, gid="unsupported")
    axes.text(
        math.sqrt(left * lowest),
        0.97,
        f"fewer than 1\nin {format_hours(hours)}:\nnot measurable",
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="top",
        fontsize=8.5,
        color=theme.muted,
        gid="unsupported-label",
    )
