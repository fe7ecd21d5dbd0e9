"""Notes for the user on the results to expect from the training data."""

from __future__ import annotations

from pathlib import Path

from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation import metrics
from wakeword.heads import ExamplesHead

_NAMED = 5  # broken clips in a note


def broken_clip_notes(broken: dict[Path, str]) -> list[str]:
    """Name the clips that could not be used."""
    if not broken:
        return []
    names = ", ".join(path.name for path in list(broken)[:_NAMED])
    return [f"{len(broken)} broken clip(s) skipped: {names}"]


def small_data_notes(held_out: int, clips: int) -> list[str]:
    """Warn where few held-out clips leave the miss rate open, or where few clips suit enrolment.

    Args:
        held_out: keyword clips held out for validation.
        clips: keyword clips to train on.
    """
    notes = []
    if clips <= ExamplesHead.EXAMPLES:
        notes.append(
            f"{clips} clips to train on: with so few, enrolment without training may do as well or "
            "better (wakeword enroll)."
        )
    upper_bound = metrics.wilson(0, held_out).high
    if upper_bound > 0.1:
        notes.append(
            f"only {held_out} keyword clips are held out: even if none of them is missed, the miss "
            f"rate may be as high as {upper_bound:.0%} (95 % interval). Clips of more people would "
            "narrow it."
        )
    return notes


def transfer_notes(spec: EncoderSpec, hours: float) -> list[str]:
    """Suggest a comparison with random weights where there is as much data as the encoder had.

    Args:
        spec: of the pretrained encoder.
        hours: of keyword clips.
    """
    if not 0 < spec.hours <= hours:
        return []
    return [
        f"{hours:.0f} h of keyword clips are no less than the {spec.hours} h that {spec.name} was "
        "trained on: the same network may do as well from random weights (--compare-scratch)."
    ]
