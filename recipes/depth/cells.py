"""The records of the depth study: a cell is one training and what its model misses.

Cells are stored as JSON lines, one file per keyword.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wakeword import storage
from wakeword.evaluation import metrics
from wakeword.evaluation.metrics import Estimate
from wakeword.legacy import streaming_mode

EARLIER_NAMES = {
    "how": "setting",
    "beside": "extra_data",
    "word": "keyword",
    "asked": "clips_requested",
    "missed": "misses",
    "missed_0db": "misses_0db",
    "spoken": "positives",
    "took_s": "training_s",
}
"""Keys of lines that earlier versions wrote → today's fields."""


@dataclass(frozen=True)
class Setting:
    """What the study compares: everything but the keyword, its clips and the draw.

    Attributes:
        encoder: name of the encoder.
        streaming: "chunked" or "window".
        hop_ms: audio that the encoder takes in at once; None for its default.
        head: kind of head; "examples" for enrolment, which trains nothing.
        strategy: fine-tuning strategy.
        hours: hours of training examples.
        epochs: passes over them.
        extra_data: names of data sets that were added to the corpus for training.
    """

    encoder: str
    streaming: str
    hop_ms: int | None
    head: str
    strategy: str
    hours: float
    epochs: int
    extra_data: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One training and what its model misses on the dev split.

    Attributes:
        setting: what was trained.
        keyword: the keyword.
        clips_requested: clips drawn from the corpus; 0 for all.
        draw: number of the draw.
        clips: keyword clips in all, with those of extra data.
        minutes: their duration.
        trainable: parameters that were trained.
        misses: clips missed in quiet and at 10 dB together, of `positives`.
        misses_0db: clips missed at 0 dB, of half as many.
        positives: clips in quiet and at 10 dB together.
        false_accepts_per_hour: lowest rate at which no more than 5 % of the clips in quiet and at
            10 dB are missed; None where no threshold misses so few.
        hours: hours of negatives.
        training_s: duration of the training.
    """

    setting: Setting
    keyword: str
    clips_requested: int
    draw: int
    clips: int
    minutes: float
    trainable: int
    misses: int
    misses_0db: int
    positives: int
    false_accepts_per_hour: float | None
    hours: float
    training_s: float


Draws = Mapping[int, Sequence[Cell]]
"""Number of the draw → one cell per keyword."""


def read_cells(*files: Path) -> list[Cell]:
    """Return the cells in all files that exist, in the order of the table."""
    lines = [line for f in files if f.is_file() for line in f.read_text("utf-8").splitlines()]
    cells = [_parse(json.loads(line)) for line in lines]
    return sorted(
        cells, key=lambda c: (str(c.setting), c.clips_requested or 10**9, c.keyword, c.draw)
    )


def append_cell(file: Path, cell: Cell) -> None:
    """Append a cell to a file."""
    storage.append_line(file, json.dumps(asdict(cell)))


def group_by_draw(cells: Sequence[Cell]) -> dict[tuple[Setting, int], dict[int, list[Cell]]]:
    """Return {(setting, clips requested): {draw: one cell per keyword}}."""
    groups: dict[tuple[Setting, int], dict[int, list[Cell]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for cell in cells:
        groups[cell.setting, cell.clips_requested][cell.draw].append(cell)
    return groups


def flatten(draws: Draws) -> list[Cell]:
    """Return the cells of all draws."""
    return [cell for draw in draws.values() for cell in draw]


def mean_miss_rate(cells: Sequence[Cell]) -> float:
    """Return the miss rate in quiet and at 10 dB, averaged over the cells."""
    return float(np.mean([cell.misses / cell.positives for cell in cells]))


def miss_rate_over_draws(draws: Draws) -> Estimate:
    """Return the mean miss rate over keywords and draws.

    The interval (Wilson, 95 %) is that of the clips of one draw: other draws are measured on the
    same clips.
    """
    rate = mean_miss_rate(flatten(draws))
    positives = sum(cell.positives for cell in max(draws.values(), key=len))
    return replace(metrics.wilson(round(rate * positives), positives), value=rate)


def _parse(line: Mapping[str, Any]) -> Cell:
    fields = _with_todays_names(line)
    setting = _with_todays_names(fields["setting"])
    setting["streaming"] = streaming_mode(setting["streaming"])
    setting["extra_data"] = tuple(setting["extra_data"])
    return Cell(**{**fields, "setting": Setting(**setting)})


def _with_todays_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {EARLIER_NAMES.get(name, name): value for name, value in fields.items()}
