"""What a model does on streams, event by event, through the trigger that ships with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from wakeword import work
from wakeword.audio import Samples
from wakeword.data import Dataset, for_keywords
from wakeword.data.library import Library, check_broken
from wakeword.detector import Scores, trigger_for
from wakeword.errors import ManifestError
from wakeword.evaluation import metrics, streams
from wakeword.evaluation.metrics import Point, Rate
from wakeword.model import WakeWordModel
from wakeword.work import Progress

HIT_TOLERANCE_S = 0.8
"""A detection from a word's start to this long after its end is a hit."""

PER_HOUR = (0.1, 0.5, 1.0, 2.0)
_GRID = 1 / (1 + np.exp(-np.linspace(-5.0, 16.0, 127)))  # thresholds, evenly spaced as logits


@dataclass(frozen=True)
class Track:
    """A stream as a model heard it."""

    name: str
    logits: Scores  # (frames, keywords)
    spoken: tuple[tuple[str, float, float], ...]  # word, start and end in seconds
    hours: float


@dataclass(frozen=True)
class Row:
    """One keyword under one condition."""

    keyword: str
    condition: str
    clips: int
    at: tuple[tuple[float, Point | None], ...]  # false accepts per hour → the point there
    curve: tuple[Point, ...]
    shipped: Point  # at the threshold that the model file holds


@dataclass(frozen=True)
class Evaluation:
    """All that was measured, with the hours of negatives that it rests on."""

    rows: tuple[Row, ...]
    negative_hours: float
    notes: tuple[str, ...]

    def supports(self, per_hour: float) -> bool:
        """Whether the hours of audio can show a rate this low: at least one event's worth."""
        return self.negative_hours * per_hour >= 1.0


def evaluate(
    model: WakeWordModel,
    data: Dataset,
    *,
    split: str = "dev",
    snr_db: Sequence[float] = (10.0,),
    progress: Progress | None = None,
) -> Evaluation:
    """Play one split of a data set to a model: keyword clips in quiet and in noise, and all else.

    Raises ManifestError where the split has no clips of a keyword, or no negatives.
    """
    part = for_keywords(data, model.keywords).subset(split)
    library = Library([], [], [], {})
    if not part.negatives:
        raise ManifestError(
            f"{data.root}: no negatives in the {split} split to count false accepts on."
        )
    missing = set(model.keywords) - set(part.words())
    if missing:
        raise ManifestError(f"{data.root}: no clips of {sorted(missing)} in the {split} split.")
    wanted = [streams.positive_stream(part, snr_db=snr) for snr in (None, *snr_db)]
    with work.one_thread_each(), ThreadPoolExecutor(work.cores()) as pool:
        negatives, *conditions = pool.map(
            lambda stream: listen(model, stream, library, progress),
            [streams.negative_stream(part), *wanted],
        )
    total = len(part.keywords) + len(part.negatives) + len(part.noises)
    check_broken(len(library.broken), total, library.broken)
    rows = [
        row(model, k, track, negatives) for track in conditions for k in range(len(model.keywords))
    ]
    broken = [f"broken clip skipped: {message}" for message in library.broken.values()]
    return Evaluation(tuple(rows), negatives.hours, (*part.notes, *broken))


def row(model: WakeWordModel, k: int, positives: Track, negatives: Track) -> Row:
    """One keyword's curve and operating points."""
    points = curve(model, k, positives, negatives)
    word = model.keywords[k]
    (shipped,) = _points(model, k, positives, negatives, [model.point.thresholds[word]])
    return Row(
        word,
        positives.name,
        shipped.spoken,
        tuple((rate, metrics.at_false_accepts(points, rate)) for rate in PER_HOUR),
        tuple(points),
        shipped,
    )


def curve(model: WakeWordModel, k: int, positives: Track, negatives: Track) -> list[Point]:
    """Miss and false accepts of one keyword over a fixed grid of thresholds."""
    return _points(model, k, positives, negatives, [float(t) for t in _GRID])


def pick_threshold(points: Sequence[Point], per_hour: float) -> float | None:
    """A threshold within `per_hour`: of those that miss least, one three quarters of the way up.

    The few hours that are held out from a training show few false accepts, and a threshold at
    the lower edge would let many through in a longer run. None where none is within.
    """
    best = metrics.at_false_accepts(points, per_hour)
    if best is None:
        return None
    within = [p.threshold for p in points if p.false_accepts_per_hour <= per_hour]
    equal = [p.threshold for p in points if p.threshold in within and p.missed == best.missed]
    return sorted(equal)[len(equal) * 3 // 4]


def listen(
    model: WakeWordModel, stream: streams.Stream, library: Library, progress: Progress | None = None
) -> Track:
    """Feed a stream to a model in long blocks; its frames are those of the live detector."""
    heard = streams.Listened(stream, library, progress)
    logits = model_logits(model, heard)
    return Track(stream.name, logits, tuple(heard.spoken), heard.hours)


@torch.inference_mode()
def model_logits(model: WakeWordModel, pieces: Iterable[Samples]) -> Scores:
    """(frames, keywords): a whole stream through a model, in blocks of 20 s."""
    state = None
    logits: list[torch.Tensor] = [torch.zeros(0, len(model.keywords))]
    for block in streams.joined(pieces):
        block_logits, state = model(torch.from_numpy(block)[None], state)
        logits.append(block_logits[0])
    joined: Scores = torch.cat(logits).double().numpy()
    return joined


def _points(
    model: WakeWordModel, k: int, positives: Track, negatives: Track, thresholds: Sequence[float]
) -> list[Point]:
    word = model.keywords[k]
    return metrics.sweep(
        _events(model, positives.logits[:, k : k + 1]),
        [(start, end) for label, start, end in positives.spoken if label == word],
        _events(model, negatives.logits[:, k : k + 1]),
        negatives.hours,
        thresholds,
        HIT_TOLERANCE_S,
    )


def _events(model: WakeWordModel, logits: Scores) -> metrics.Events:
    def at(threshold: float) -> list[float]:
        events, _ = trigger_for(model, (threshold,)).run(logits)
        return [(event.frame + 1) * model.frame_s for event in events]

    return at


def interval(point: Point) -> Rate:
    """The miss rate with its Wilson interval."""
    return metrics.wilson(point.missed, point.spoken)
