"""An exported model against the one that it was made from: the same audio through both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch

from wakeword.audio import SAMPLE_RATE, Samples
from wakeword.model import WakeWordModel
from wakeword.runtime import ExportedModel
from wakeword.trigger import Scores, StreamModel, detections, smooth, trigger_for

_NEAR_S = 0.2


@dataclass(frozen=True)
class Comparison:
    """What both gave for the same audio, block by block, on one thread.

    Attributes:
        seconds: of audio.
        difference: max |score − score|.
        detections: how many the model and its export gave at the model's own thresholds.
        shared: how many of them are the same word, no more than 0.2 s apart.
        identical: whether all are the same words at the very same times.
        real_time_factors: processor seconds for a second of audio, of the model and its export.
    """

    seconds: float
    difference: float
    detections: tuple[int, int]
    shared: int
    identical: bool
    real_time_factors: tuple[float, float]


def compare(
    model: WakeWordModel, exported: ExportedModel, recordings: Iterable[Iterable[Samples]]
) -> Comparison:
    """Both over recordings, each a stream of its own that comes in pieces of any length."""
    seconds = difference = 0.0
    counts, spent = np.zeros(2, int), np.zeros(2)
    shared = 0
    identical = True

    def by_torch(block: Samples, state: Any) -> tuple[Scores, Any]:
        logits, state = model(torch.from_numpy(block)[None], state)
        return logits[0].double().numpy(), state

    def by_runtime(block: Samples, state: Any) -> tuple[Scores, Any]:
        logits, state = exported(block, state)
        return logits.astype(np.float64), state

    for recording in recordings:
        runs = [_Run(by_torch), _Run(by_runtime)]
        for block in _blocks(recording, model):
            seconds += len(block) / SAMPLE_RATE
            for run in runs:
                run.feed(block)
        logits = [np.concatenate(run.logits) for run in runs]
        smoothing = trigger_for(model, [0.5] * len(model.keywords)).smoothing
        scores = [smooth(each, smoothing) for each in logits]
        difference = max(difference, float(np.abs(scores[0] - scores[1]).max()))
        found = [_found(model, each) for each in logits]
        identical = identical and found[0] == found[1]
        shared += _shared(*found)
        counts += [len(each) for each in found]
        spent += [run.spent for run in runs]
    return Comparison(
        seconds,
        difference,
        (int(counts[0]), int(counts[1])),
        shared,
        identical,
        (float(spent[0] / seconds), float(spent[1] / seconds)),
    )


class _Run:
    """One engine on one stream."""

    def __init__(self, engine: Callable[[Samples, Any], tuple[Scores, Any]]) -> None:
        self.engine = engine
        self.state: Any = None
        self.logits: list[Scores] = []
        self.spent = 0.0

    def feed(self, block: Samples) -> None:
        began = time.process_time()
        with torch.inference_mode():
            logits, self.state = self.engine(block, self.state)
        self.spent += time.process_time() - began
        self.logits.append(logits)


def _blocks(pieces: Iterable[Samples], model: StreamModel) -> Iterator[Samples]:
    """The model's own blocks, with silence after the last piece."""
    wanted, held = model.first_block, np.zeros(0, dtype=np.float32)
    silence = np.zeros(model.first_block + model.block, dtype=np.float32)
    for piece in chain(pieces, [silence]):
        held = np.concatenate([held, piece])
        while len(held) >= wanted:
            yield held[:wanted]
            held, wanted = held[wanted:], model.block


def _found(model: WakeWordModel, logits: Scores) -> list[tuple[str, float]]:
    """Words and times."""
    thresholds = [model.point.thresholds[word] for word in model.keywords]
    events, _ = trigger_for(model, thresholds).run(logits)
    return [(each.keyword, each.time) for each in detections(events, model)]


def _shared(some: list[tuple[str, float]], others: list[tuple[str, float]]) -> int:
    """How many of some have one of the others to themselves that is the same within 0.2 s."""
    left = list(others)
    for word, time_s in some:
        near = [each for each in left if each[0] == word and abs(each[1] - time_s) <= _NEAR_S]
        if near:
            left.remove(min(near, key=lambda each: abs(each[1] - time_s)))
    return len(others) - len(left)
