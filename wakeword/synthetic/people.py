"""From synthetic voices to people: what is known of how much more often people are missed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from wakeword.evaluation import metrics

_TABLE = "people_table.json"


@dataclass(frozen=True)
class MeasuredPhrase:
    """A model of one phrase, trained on synthetic voices alone and measured on held-out clips.

    Attributes:
        phrase: that it detects.
        synthetic_missed: clips of held-out synthetic voices that it missed.
        synthetic_clips: of these clips.
        people_missed: clips of people that it missed at the same threshold.
        people_clips: of these clips.
    """

    phrase: str
    synthetic_missed: int
    synthetic_clips: int
    people_missed: int
    people_clips: int


@cache
def measured_phrases() -> tuple[MeasuredPhrase, ...]:
    """Return the table that comes with the package; () where nothing has been measured."""
    text = files(__package__).joinpath(_TABLE).read_text("utf-8")
    return tuple(MeasuredPhrase(**row) for row in json.loads(text))


def synthetic_only_note(phrase: str, measured: Sequence[MeasuredPhrase]) -> str:
    """Return a note on a model whose clips of a phrase are synthetic voices only.

    Args:
        phrase: that it detects.
        measured: rows of `measured_phrases`.
    """
    note = (
        f"the clips of '{phrase}' are synthetic voices only, in training and in the held-out part; "
        "people are missed more often. Measure with recordings of people (wakeword record, "
        "wakeword eval), and train with them: wakeword train --say … DATA."
    )
    if not measured:
        return note
    rates = [
        metrics.wilson(sum(misses), sum(clips))
        for misses, clips in (
            zip(*((row.synthetic_missed, row.synthetic_clips) for row in measured), strict=True),
            zip(*((row.people_missed, row.people_clips) for row in measured), strict=True),
        )
    ]
    synthetic, people = (f"{rate.value:.1%} ({rate.low:.1%}–{rate.high:.1%})" for rate in rates)
    return (
        f"{note} Models of {len(measured)} phrases that were made like this missed {synthetic} of "
        f"held-out synthetic clips and {people} of people's."
    )
