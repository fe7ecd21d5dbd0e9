"""Titles and legends of figures: wrapped and sized so that no text leaves the figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

_MARGIN = 0.96  # share of the width that text may take
_HANDLE_EM = 4.5  # widths of letters that a legend needs beside a label


def new_figure(width: float, height: float) -> Figure:
    """Return a figure with constrained layout and a canvas, in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def add_title(figure: Figure, title: str, fontsize: float = 10.5) -> None:
    """Set the title of a figure in as many lines as it needs; the figure becomes higher by these.

    Args:
        figure: with constrained layout.
        title: text, of any length.
        fontsize: in points.
    """
    width = _MARGIN * figure.get_figwidth()
    text = wrap(figure, title, width, fontsize)
    figure.suptitle(text, fontsize=fontsize, parse_math=False)
    _grow(figure, 1.4 * fontsize / 72 * text.count("\n"))


def add_legend(
    figure: Figure, columns: int = 2, fontsize: float = 9.0, handles: Sequence[Artist] | None = None
) -> None:
    """Add a legend below the axes; the figure becomes higher by it, and the axes keep their size.

    Takes fewer columns where the labels are long, and wraps those that are too long for one.

    Args:
        figure: with constrained layout.
        columns: at most.
        fontsize: in points.
        handles: to list; None takes every artist with a label.
    """
    width = _MARGIN * figure.get_figwidth()
    if handles is None:
        handles = [each for axes in figure.axes for each in axes.get_legend_handles_labels()[0]]
    labels = [str(each.get_label()) for each in handles]
    for ncols in range(min(columns, len(labels)), 0, -1):
        room = width / ncols - _HANDLE_EM * fontsize / 72
        wrapped = labels if ncols > 1 else [wrap(figure, each, room, fontsize) for each in labels]
        legend = _legend(figure, handles, wrapped, ncols, fontsize)
        extent = legend.get_window_extent()
        if extent.width / figure.dpi <= width or ncols == 1:
            _grow(figure, float(extent.height) / figure.dpi)
            return
        legend.remove()


def wrap(figure: Figure, text: str, width: float, fontsize: float = 10.0) -> str:
    """Return text in lines that are no wider than `width` inches; long words are broken."""
    for letters in range(len(text), 1, -1):
        lines = "\n".join(textwrap.wrap(text, letters, break_on_hyphens=False))
        if _width(figure, lines, fontsize) <= width:
            return lines
    return text


def _legend(
    figure: Figure, handles: Sequence[Artist], labels: Sequence[str], columns: int, fontsize: float
) -> Legend:
    legend = figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        fontsize=fontsize,
        frameon=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend


def _width(figure: Figure, text: str, fontsize: float) -> float:
    """Return the width of text in inches."""
    artist = Text(0, 0, text, fontsize=fontsize, parse_math=False, figure=figure)
    return float(artist.get_window_extent().width) / figure.dpi


def _grow(figure: Figure, inches: float) -> None:
    figure.set_figheight(figure.get_figheight() + inches)
