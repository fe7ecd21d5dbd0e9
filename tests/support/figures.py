"""What is drawn in a figure."""

from __future__ import annotations

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text


def texts_outside(figure: Figure) -> list[str]:
    """The texts of a figure that are not wholly within it."""
    texts = drawn_texts(figure)
    within = figure.bbox.padded(1.0)
    extents = {each.get_text(): each.get_window_extent() for each in texts}
    assert len(extents) > 4
    return [
        text
        for text, extent in extents.items()
        if not (within.contains(*extent.min) and within.contains(*extent.max))
    ]


def drawn_texts(figure: Figure) -> list[Text]:
    """Titles, labels, the labels of ticks within the axes, and those of legends."""
    figure.draw_without_rendering()
    texts: list[Text] = [*figure.texts]
    for axes in figure.axes:
        texts += [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
        texts += [*tick_labels(axes.xaxis), *tick_labels(axes.yaxis)]
    for legend in (*figure.legends, *(axes.get_legend() for axes in figure.axes)):
        texts += legend.get_texts() if legend else []
    return [text for text in texts if text.get_visible() and text.get_text()]


def tick_labels(axis: Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    ticks = axis.get_major_ticks(len(axis.get_majorticklocs()))
    return [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
