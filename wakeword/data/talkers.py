"""Choose the clips that serve as competing speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wakeword.data.clip import Clip

MAX_TALKERS = 256
"""Clips that are held in memory."""
_SECONDS = (1.0, 15.0)  # shorter clips are single words, longer ones are cut


def choose_talkers(negatives: Sequence[Clip], count: int = MAX_TALKERS) -> tuple[Clip, ...]:
    """Choose clips without the keyword to play as competing speech.

    Confusable phrases are left out. The choice depends on the clips alone.

    Args:
        negatives: clips of a data set from `select_keywords`, which has dropped those whose
            transcript contains a keyword.
        count: clips to choose at most.
    """
    shortest_s, longest_s = _SECONDS
    order = np.random.default_rng(0).permutation(len(negatives))
    chosen: list[Clip] = []
    for clip in (negatives[i] for i in order):
        if len(chosen) == count:
            break
        seconds = clip.seconds()
        if seconds >= shortest_s and not clip.is_confusable:
            chosen.append(replace(clip, duration_s=min(seconds, longest_s)))
    return tuple(chosen)
