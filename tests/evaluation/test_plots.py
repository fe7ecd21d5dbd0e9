"""The DET picture: a real PNG, the unsupported region greyed, every line where the numbers are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from figures import drawn_texts, texts_outside
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from wakeword.errors import ConfigError
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.report.plots import (
    det_figure,
    det_png,
    frontier,
    save_det_plot,
)
from wakeword.evaluation.report.theme import DARK, LIGHT, Theme
from wakeword.evaluation.results import Evaluation, KeywordResult

HOURS = 0.5


def row(
    keyword: str = "alexa", condition: str = "clean", *, misses: int = 4, false_accepts: int = 0
) -> KeywordResult:
    """Missed falls from 10 to 0 of 20 while false accepts rise from 0 to 10 in half an hour."""
    curve = tuple(DetPoint(1 - i / 11, 10 - i, 20, i, HOURS) for i in range(11))
    return KeywordResult(
        keyword, condition, 20, {}, curve, DetPoint(0.6, misses, 20, false_accepts, HOURS)
    )


def evaluation(*rows: KeywordResult) -> Evaluation:
    return Evaluation(rows, HOURS, ())


def artist(figure: Figure, gid: str):  # type: ignore[no-untyped-def]
    found = [a for a in figure.axes[0].get_children() if a.get_gid() == gid]
    assert len(found) == 1
    return found[0]


def test_writes_a_png_with_colours_in_it(tmp_path: Path) -> None:
    import matplotlib.image

    path = tmp_path / "new folder" / "det.png"
    save_det_plot(evaluation(row(), row(condition="10 dB", misses=7)), path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n")
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[0] > 600 and pixels.shape[1] > 900
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 50
    assert [file.name for file in path.parent.iterdir()] == ["det.png"]


def test_rates_below_one_event_in_the_hours_are_greyed_out_and_labelled() -> None:
    figure = det_figure(evaluation(row()))
    axes = figure.axes[0]
    grey = artist(figure, "unsupported").get_window_extent()
    left, right = axes.transData.inverted().transform([grey.p0, grey.p1])[:, 0]
    assert left == pytest.approx(axes.get_xlim()[0], rel=1e-3)
    assert right == pytest.approx(1 / HOURS, rel=1e-3)
    assert "30 min" in artist(figure, "unsupported-label").get_text()
    assert axes.get_xscale() == "log"


def test_the_label_stays_inside_the_grey() -> None:
    for hours in (0.03, 0.24, 0.5, 3.0, 7.5, 40.0):
        figure = det_figure(Evaluation((row(),), hours, ()))
        figure.draw_without_rendering()
        grey = artist(figure, "unsupported").get_window_extent()
        label = artist(figure, "unsupported-label").get_window_extent()
        assert grey.x0 <= label.x0 and label.x1 <= grey.x1, hours


def test_a_line_for_each_keyword_and_condition_with_its_shipped_point() -> None:
    rows = [row(k, c) for k in ("alexa", "jarvis") for c in ("clean", "10 dB")]
    figure = det_figure(evaluation(*rows))
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 1]
    points = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) == 1]
    assert [line.get_label() for line in lines] == [
        "'alexa', clean",
        "'alexa', 10 dB",
        "'jarvis', clean",
        "'jarvis', 10 dB",
    ]
    assert len(points) == 4
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][-1] == "at the stored threshold"


def test_a_shipped_point_without_false_accepts_lies_in_the_grey() -> None:
    def shipped_x(false_accepts: int) -> float:
        figure = det_figure(evaluation(row(false_accepts=false_accepts)))
        (point,) = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) == 1]
        return float(point.get_xdata()[0])

    assert shipped_x(false_accepts=3) == pytest.approx(6.0)
    assert shipped_x(false_accepts=0) < 1 / HOURS


def test_the_frontier_is_the_fewest_misses_within_each_rate() -> None:
    curve = [
        DetPoint(0.9, 8, 20, 0, HOURS),
        DetPoint(0.8, 5, 20, 1, HOURS),
        DetPoint(0.7, 6, 20, 2, HOURS),  # more false accepts and more misses: no better
        DetPoint(0.6, 1, 20, 3, HOURS),
        DetPoint(0.1, 0, 20, 5000, HOURS),  # beyond the picture
    ]
    rates, misses = frontier(curve, 0.1, 100.0)
    assert rates == [0.1, 2.0, 6.0, 100.0]
    assert misses == [40.0, 25.0, 5.0, 5.0]


def test_without_any_point_in_a_rate_all_is_missed_there() -> None:
    rates, misses = frontier([DetPoint(0.9, 2, 20, 4, HOURS)], 0.1, 100.0)
    assert (rates, misses) == ([0.1, 8.0, 100.0], [100.0, 10.0, 10.0])


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_det_plot(evaluation(row()), tmp_path / "file" / "det.png")


CONDITIONS = ("clean", "10 dB", "0 dB", "30 dB quieter", "10 dB the-neighbours-washing-machine")
LONG = "hey there my dear old computer in the kitchen please listen to what I have to say"


@pytest.mark.parametrize(
    "keywords",
    [
        ("alexa",),
        (LONG,),
        ("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,),
        ("a price of $5 and $6",),
        tuple(f"{LONG} {number}" for number in range(8)),
    ],
)
def test_no_text_leaves_the_figure_and_the_axes_keep_their_size(keywords: tuple[str, ...]) -> None:
    figure = det_figure(evaluation(*(row(k, c) for k in keywords for c in CONDITIONS)))
    assert texts_outside(figure) == []
    assert figure.axes[0].get_window_extent().height / figure.dpi > 2.5
    if len(keywords) == 1:
        (title,) = figure.texts
        assert keywords[0].replace(" ", "") in title.get_text().replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_everything_is_legible_on_the_background_of_its_theme(theme: Theme) -> None:
    figure = det_figure(evaluation(row(), row(condition="10 dB")), theme)
    background = luminance(to_hex(figure.get_facecolor()))
    texts = [text for text in drawn_texts(figure) if text.get_gid() is None]
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 1]
    assert len(texts) > 8 and len(lines) == 2
    assert all(contrast(luminance(to_hex(t.get_color())), background) >= 4.5 for t in texts)
    assert all(contrast(luminance(to_hex(each)), background) >= 2.0 for each in theme.curves)
    assert contrast(luminance(theme.muted), luminance(theme.grey)) >= 4.5
    assert det_png(evaluation(row()), theme).startswith(b"\x89PNG")


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", as the Web Content Accessibility Guidelines define it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
