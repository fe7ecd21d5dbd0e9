"""What each depth of fine-tuning was measured to miss: the rows that `--strategy auto` goes by."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files

_ROWS = "strategy_table.json"
_EQUAL = 0.005  # of a miss rate: so near to the best, what learns less is taken
_REACH = 3.0  # times fewer or more clips than measured: a row says nothing of others


@dataclass(frozen=True)
class MeasuredStrategy:
    """A line of the study of depths (`recipes/depth`), every other setting at its default.

    Attributes:
        clips: of each word, the mean of its words and draws.
        trainable: parameters that learned.
        missed, low, high: share of the words in quiet and at 10 dB that were missed at no more than
            0.5 false accepts per hour, with its interval (Wilson, 95 %).
    """

    encoder: str
    strategy: str
    clips: int
    trainable: int
    missed: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.strategy} missed {self.missed:.1%} ({self.low:.1%}–{self.high:.1%})"


def to_json(rows: Iterable[MeasuredStrategy]) -> str:
    """A line for each."""
    return "[\n" + ",\n".join(json.dumps(asdict(row)) for row in rows) + "\n]\n"


@cache
def measured_strategies() -> tuple[MeasuredStrategy, ...]:
    """All rows that come with the package."""
    text = files(__package__).joinpath(_ROWS).read_text("utf-8")
    return tuple(MeasuredStrategy(**row) for row in json.loads(text))


def nearest_rows(encoder: str, clips: float) -> list[MeasuredStrategy]:
    """The encoder's rows of the number of clips that is nearest, by its logarithm, what misses
    least first; [] for an encoder that was not measured, or not with about as many clips."""
    rows = [row for row in measured_strategies() if row.encoder == encoder]
    apart = {row.clips: abs(math.log(row.clips / max(1, clips))) for row in rows}
    nearest = min(apart, key=apart.__getitem__, default=0)
    if not nearest or apart[nearest] > math.log(_REACH):
        return []
    return sorted((row for row in rows if row.clips == nearest), key=lambda row: row.missed)


def best_row(rows: Sequence[MeasuredStrategy]) -> MeasuredStrategy:
    """What misses least; of those half a point behind it at most, what learns least."""
    least = min(row.missed for row in rows)
    return min((row for row in rows if row.missed <= least + _EQUAL), key=lambda row: row.trainable)
