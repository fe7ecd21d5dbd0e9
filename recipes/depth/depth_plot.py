"""The picture of the depth study: miss rate over minutes of the keyword, a panel per encoder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from cells import Cell, Draws, Setting, flatten, group_by_draw, mean_miss_rate, miss_rate_over_draws
from grid import ENROLMENT, FALSE_ACCEPTS_PER_HOUR
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from wakeword import storage
from wakeword.encoders.registry import resolve_encoder, streaming_modes
from wakeword.evaluation.report.layout import add_legend, new_figure
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig

MINUTES = (0.5, 1, 2, 5, 10, 20, 50, 100)
PERCENT = ("0.2", "0.5", "1", "2", "5", "10", "20", "50", "100")

Points = Sequence[tuple[float, Setting, Draws]]
"""The points of a curve: minutes of the keyword, setting, draws."""


def save_plot(cells: Sequence[Cell], path: Path) -> None:
    """Write the plot of `depth_figure` as a PNG file."""
    figure = depth_figure(cells)
    with storage.atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=130)


def depth_figure(cells: Sequence[Cell]) -> Figure:
    """Plot the miss rates of the default head of each encoder, and of enrolment.

    A band is the interval in the table, a dot is a draw. Lines with extra data are dashed; markers
    are diamonds where the amount of training audio is not the default.
    """
    shown = {
        key: draws
        for key, draws in group_by_draw(cells).items()
        if key[0].head in (resolve_encoder(key[0].encoder).family.head, ENROLMENT)
    }
    encoders = sorted({setting.encoder for setting, _ in shown})
    strategies = sorted({setting.strategy for setting, _ in shown})
    colours = {strategy: f"C{i}" for i, strategy in enumerate(strategies)}
    figure = new_figure(6 * len(encoders), 4.2)
    panels = np.ravel(figure.subplots(1, len(encoders), sharex=True, sharey=True))
    lines: dict[str, Line2D] = {}
    for axes, encoder in zip(panels, encoders, strict=True):
        curves: dict[str, list[tuple[float, Setting, Draws]]] = defaultdict(list)
        for (setting, _), draws in shown.items():
            if setting.encoder == encoder:
                minutes = float(np.mean([cell.minutes for cell in flatten(draws)]))
                curves[curve_label(setting)].append((minutes, setting, draws))
        lines |= {name: _plot_curve(axes, name, each, colours) for name, each in curves.items()}
        _label_minutes(axes, encoder)
    add_legend(figure, columns=5, fontsize=8, handles=list(lines.values()))
    panels[0].set_yscale("log")
    panels[0].set_yticks([float(each) for each in PERCENT], PERCENT)
    panels[0].set_ylim(0.15, 110)
    panels[0].set_ylabel(f"miss rate (%) at {FALSE_ACCEPTS_PER_HOUR:g} false accepts per hour")
    return figure


def curve_label(setting: Setting) -> str:
    """Return what the points of a curve have in common: all but the number of clips.

    Points with different amounts of extra data are on the same curve.
    """
    parts = ["enroll" if setting.head == ENROLMENT else setting.strategy]
    if setting.streaming != streaming_modes(setting.encoder)[0]:
        parts.append(setting.streaming)
    if has_other_audio(setting):
        parts.append(f"{setting.hours:g} h × {setting.epochs}")
    parts += sorted({f"with {name.split()[0]}" for name in setting.extra_data})
    return ", ".join(parts)


def has_other_audio(setting: Setting) -> bool:
    """Return whether the corpus alone was trained on, in another amount than the default."""
    default = (ExampleConfig().hours, TrainConfig.epochs)
    return (setting.hours, setting.epochs) != default and not setting.extra_data


def _plot_curve(axes: Axes, label: str, points: Points, colours: Mapping[str, str]) -> Line2D:
    minutes, settings, draws = zip(*sorted(points, key=lambda point: point[0]), strict=True)
    rates = [miss_rate_over_draws(each) for each in draws]
    colour, dashed = colours[settings[0].strategy], bool(settings[0].extra_data)
    marker = "D" if has_other_audio(settings[0]) else "o"
    (line,) = axes.plot(
        minutes,
        [100 * rate.value for rate in rates],
        marker + ("--" if dashed else "-"),
        color=colour,
        markerfacecolor="white" if dashed else colour,
        label=label,
    )
    low, high = [100 * rate.low for rate in rates], [100 * rate.high for rate in rates]
    axes.fill_between(minutes, low, high, color=colour, alpha=0.15, linewidth=0)
    for x, each in zip(minutes, draws, strict=True):
        percent = [100 * mean_miss_rate(draw) for draw in each.values()]
        axes.plot([x] * len(each), percent, ".", c=colour, ms=3)
    return line


def _label_minutes(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xscale("log")
    axes.set_xticks(MINUTES, ["½", *(f"{each}" for each in MINUTES[1:])])
    axes.minorticks_off()
    axes.set_xlabel("minutes of the keyword in the training data")
    axes.grid(True, linewidth=0.5, alpha=0.6)
