"""Measured miss rates of fine-tuning strategies: the table that the strategy "auto" reads."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files

_TABLE = "strategy_table.json"
_TOLERANCE = 0.005  # of the miss rate: within it, the strategy that trains less is better
_REACH = 3.0  # a row says nothing about more than this many times fewer or more clips


@dataclass(frozen=True)
class MeasuredStrategy:
    """A row of the table, measured by `recipes/depth` with all other settings at their defaults.

    Attributes:
        encoder: name of the encoder.
        strategy: name of the strategy.
        clips: training clips per keyword, the mean over keywords and draws.
        trainable: number of trained parameters.
        miss_rate: share of the clips, clean and at 10 dB, that were missed at no more than 0.5
            false accepts per hour.
        low: lower end of its Wilson interval (95 %).
        high: upper end.
    """

    encoder: str
    strategy: str
    clips: int
    trainable: int
    miss_rate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.strategy} missed {self.miss_rate:.1%} ({self.low:.1%}–{self.high:.1%})"


def to_json(rows: Iterable[MeasuredStrategy]) -> str:
    """Return the table as JSON, one row per line."""
    return "[\n" + ",\n".join(json.dumps(asdict(row)) for row in rows) + "\n]\n"


@cache
def measured_strategies() -> tuple[MeasuredStrategy, ...]:
    """Return all rows of the table that comes with the package."""
    text = files(__package__).joinpath(_TABLE).read_text("utf-8")
    return tuple(MeasuredStrategy(**row) for row in json.loads(text))


def nearest_rows(encoder: str, clips: float) -> list[MeasuredStrategy]:
    """Return the rows of an encoder with the nearest number of clips, lowest miss rate first.

    Args:
        encoder: name of the encoder.
        clips: training clips per keyword; the nearest number is that of the nearest logarithm.

    Returns:
        [] for an encoder without rows, or without rows within a factor of 3 of `clips`.
    """
    rows = [row for row in measured_strategies() if row.encoder == encoder]
    distances = {row.clips: abs(math.log(row.clips / max(1, clips))) for row in rows}
    nearest = min(distances, key=distances.__getitem__, default=0)
    if not nearest or distances[nearest] > math.log(_REACH):
        return []
    return sorted((row for row in rows if row.clips == nearest), key=lambda row: row.miss_rate)


def best_row(rows: Sequence[MeasuredStrategy]) -> MeasuredStrategy:
    """Return the row that trains least among those within 0.5 points of the lowest miss rate."""
    lowest = min(row.miss_rate for row in rows)
    candidates = (row for row in rows if row.miss_rate <= lowest + _TOLERANCE)
    return min(candidates, key=lambda row: row.trainable)
