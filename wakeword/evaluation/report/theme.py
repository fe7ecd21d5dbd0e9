"""Colours of pages and plots, for readers who prefer light or dark ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """Colours as "#rrggbb".

    Attributes:
        background: of pages and plots.
        text: of text and frames.
        muted: of what matters less, such as the label in a greyed area.
        line: between the rows of a table.
        grey: of areas: code, and what the hours cannot show.
        good, fair, poor: of ratings; also of hits, false accepts and misses.
        warning: of the area of a warning.
        curves: of a plot, in turn.
    """

    background: str
    text: str
    muted: str
    line: str
    grey: str
    good: str
    fair: str
    poor: str
    warning: str
    curves: tuple[str, ...]


LIGHT = Theme(
    background="#ffffff",
    text="#222222",
    muted="#555555",
    line="#dddddd",
    grey="#e4e4e4",
    good="#00662b",
    fair="#8a4b00",
    poor="#b00020",
    warning="#fff4d6",
    curves=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"),
)
DARK = Theme(
    background="#16181c",
    text="#e6e6e6",
    muted="#b4b8bf",
    line="#3a3f47",
    grey="#2b2f36",
    good="#5fd38d",
    fair="#f0b357",
    poor="#ff8a8a",
    warning="#3d3215",
    curves=("#56b4e9", "#ff9a52", "#3ddc9f", "#f0a3cf", "#a8a4ff", "#f0e442"),
)
