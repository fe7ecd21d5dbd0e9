"""What a model does on streams, event by event, through the trigger that ships with it."""

from __future__ import annotations

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from wakeword import work
from wakeword.audio import Samples
from wakeword.data import Clip, Dataset, for_keywords
from wakeword.data.library import Library, check_broken
from wakeword.errors import ManifestError
from wakeword.evaluation import metrics, streams
from wakeword.evaluation.conditions import CLEAN, Condition, noisy
from wakeword.evaluation.metrics import Point, Rate
from wakeword.evaluation.spread import Cores, Spread, Task, Tick
from wakeword.model import WakeWordModel
from wakeword.trigger import Scores, trigger_for
from wakeword.work import Progress

HIT_TOLERANCE_S = 0.8
"""A detection from a word's start to this long after its end is a hit."""

PER_HOUR = (0.1, 0.5, 1.0, 2.0)
_GRID = 1 / (1 + np.exp(-np.linspace(-5.0, 16.0, 127)))  # thresholds, evenly spaced as logits


@dataclass(frozen=True)
class Track:
    """A stream as a model heard it.

    Attributes:
        logits: (frames, keywords).
        spoken: word, start and end in seconds.
        hours: of audio.
        pieces: where each clip begins, in seconds, with the clip; () where nobody asks.
    """

    name: str
    logits: Scores
    spoken: tuple[tuple[str, float, float], ...]
    hours: float
    pieces: tuple[tuple[float, Clip], ...] = ()

    def bounds(self, keyword: str) -> list[tuple[float, float]]:
        """Start and end of a keyword wherever it is said, in seconds."""
        return [(start, end) for label, start, end in self.spoken if label == keyword]

    def clip_at(self, time_s: float) -> Clip:
        """The clip that is heard at a time."""
        return self.pieces[bisect([start for start, _ in self.pieces], time_s) - 1][1]


@dataclass(frozen=True)
class Word:
    """One keyword clip of a stream and what became of it.

    Attributes:
        missed: at each rate of `PER_HOUR` that has an operating point.
        latency_s: from the word's end to its detection at the shipped threshold; None: missed.
    """

    clip: Clip
    missed: Mapping[float, bool]
    latency_s: float | None


@dataclass(frozen=True)
class Row:
    """One keyword under one condition."""

    keyword: str
    condition: str
    clips: int
    at: tuple[tuple[float, Point | None], ...]  # false accepts per hour → the point there
    curve: tuple[Point, ...]
    shipped: Point  # at the threshold that the model file holds
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class FalseAccept:
    """A detection at the shipped threshold where nobody said the keyword."""

    keyword: str
    time_s: float  # in the stream of negatives
    score: float
    clip: Clip


@dataclass(frozen=True)
class Source:
    """Negatives of one origin."""

    name: str
    clips: int
    hours: float
    false_accepts: int  # at the shipped threshold
    fired: int  # clips with at least one


@dataclass(frozen=True)
class NearMisses:
    """Clips that sound nearly like a keyword, at the shipped threshold. They count in no rate."""

    keyword: str
    clips: int
    fired: int

    @property
    def rate(self) -> Rate:
        """The share that set it off, with its Wilson interval."""
        return metrics.wilson(self.fired, self.clips)


@dataclass(frozen=True)
class Evaluation:
    """All that was measured, with the hours of negatives that it rests on."""

    rows: tuple[Row, ...]
    negative_hours: float
    notes: tuple[str, ...]
    false_accepts: tuple[FalseAccept, ...] = ()
    sources: tuple[Source, ...] = ()
    near_misses: tuple[NearMisses, ...] = ()

    def supports(self, per_hour: float) -> bool:
        """Whether the hours of audio can show a rate this low: at least one event's worth."""
        return self.negative_hours * per_hour >= 1.0


def evaluate(
    model: WakeWordModel,
    data: Dataset,
    *,
    split: str = "dev",
    conditions: Sequence[Condition] = (CLEAN, noisy(10.0)),
    progress: Progress | None = None,
    spread: Spread | None = None,
) -> Evaluation:
    """Play one split of a data set to a model: keyword clips under conditions, and all else.

    Negatives that are near-misses (`Clip.near_miss`) are played apart from the others. `spread` is
    where the streams are heard; None: on the cores here.

    Raises ManifestError where the split has no clips of a keyword, or no negatives.
    """
    part, near = for_keywords(data, model.keywords).subset(split).near_misses_apart()
    library = Library([], [], [], {})
    if not part.negatives:
        raise ManifestError(
            f"{data.root}: no negatives in the {split} split to count false accepts on."
        )
    missing = set(model.keywords) - set(part.words())
    if missing:
        raise ManifestError(f"{data.root}: no clips of {sorted(missing)} in the {split} split.")
    spoken = [streams.positive_stream(part, condition) for condition in conditions]
    close = [streams.near_miss_stream(near, word) for word in model.keywords if near]
    wanted = [streams.negative_stream(part), *spoken, *close]
    negatives, *tracks = listen(model, wanted, library, progress, spread)
    tracks, like_words = tracks[: len(spoken)], tracks[len(spoken) :]
    total = len(part.keywords) + len(part.negatives) + len(near) + len(part.noises)
    check_broken(len(library.broken), total, library.broken)
    rows = [row(model, k, track, negatives) for track in tracks for k in range(len(model.keywords))]
    broken = [f"broken clip skipped: {message}" for message in library.broken.values()]
    fired = _false_accepts(model, negatives)
    return Evaluation(
        tuple(rows),
        negatives.hours,
        (*part.notes, *broken),
        fired,
        _sources(negatives, fired),
        tuple(near_misses(model, k, track, negatives) for k, track in enumerate(like_words)),
    )


def near_misses(model: WakeWordModel, k: int, track: Track, negatives: Track) -> NearMisses:
    """How many of a stream of `streams.near_miss_stream` set a keyword off, as shipped."""
    shipped = row(model, k, track, negatives).shipped
    return NearMisses(model.keywords[k], shipped.spoken, shipped.spoken - shipped.missed)


def row(model: WakeWordModel, k: int, positives: Track, negatives: Track) -> Row:
    """One keyword's curve and operating points, and what became of each of its clips."""
    points = curve(model, k, positives, negatives)
    keyword = model.keywords[k]
    (shipped,) = _points(model, k, positives, negatives, [model.point.thresholds[keyword]])
    at = tuple((rate, metrics.at_false_accepts(points, rate)) for rate in PER_HOUR)
    return Row(
        keyword,
        positives.name,
        shipped.spoken,
        at,
        tuple(points),
        shipped,
        _words(model, k, positives, {rate: point.threshold for rate, point in at if point}),
    )


def _words(
    model: WakeWordModel, k: int, track: Track, thresholds: Mapping[float, float]
) -> tuple[Word, ...]:
    keyword = model.keywords[k]
    bounds = track.bounds(keyword)
    events = _events(model, track.logits[:, k : k + 1])
    found = {
        rate: metrics.hits(events(threshold), bounds, HIT_TOLERANCE_S)
        for rate, threshold in thresholds.items()
    }
    latencies = metrics.latencies(events(model.point.thresholds[keyword]), bounds, HIT_TOLERANCE_S)
    clips = [clip for _, clip in track.pieces if clip.label == keyword]
    return tuple(
        Word(clip, {rate: not hit[i] for rate, hit in found.items()}, latency)
        for i, (clip, latency) in enumerate(zip(clips, latencies, strict=False))
    )


def _false_accepts(model: WakeWordModel, negatives: Track) -> tuple[FalseAccept, ...]:
    trigger = trigger_for(model, [model.point.thresholds[word] for word in model.keywords])
    events, _ = trigger.run(negatives.logits)
    times = [(event, (event.frame + 1) * model.frame_s) for event in events]
    return tuple(
        FalseAccept(model.keywords[event.keyword], at, event.score, negatives.clip_at(at))
        for event, at in times
    )


def _sources(negatives: Track, fired: Sequence[FalseAccept]) -> tuple[Source, ...]:
    """Negatives by where they come from; other keywords are sources of their own, "word:…"."""
    starts = [start for start, _ in negatives.pieces]
    ends = [*starts[1:], negatives.hours * 3600]
    seconds: dict[str, float] = defaultdict(float)
    clips: Counter[str] = Counter()
    for (start, clip), end in zip(negatives.pieces, ends, strict=True):
        seconds[_source(clip)] += end - start
        clips[_source(clip)] += 1
    events = Counter(_source(accept.clip) for accept in fired)
    loud = Counter(_source(clip) for clip in {accept.clip for accept in fired})
    return tuple(
        Source(name, clips[name], seconds[name] / 3600, events[name], loud[name])
        for name in sorted(clips)
    )


def _source(clip: Clip) -> str:
    return clip.source or "other"


def by_speaker(row: Row) -> dict[str, tuple[int, int]]:
    """Speaker → clips missed at the shipped threshold, clips; {} where speakers are not known."""
    table: dict[str, tuple[int, int]] = {}
    for word in row.words:
        if word.clip.speaker is not None:
            missed, clips = table.get(word.clip.speaker, (0, 0))
            table[word.clip.speaker] = (missed + (word.latency_s is None), clips + 1)
    return table


def by_speakers(row: Row, per_hour: float) -> Rate | None:
    """The miss rate at a rate of false accepts with its interval over speakers drawn anew.

    None where speakers are not known or no point is within the rate.
    """
    groups: dict[str, list[bool]] = defaultdict(list)
    for word in row.words:
        if word.clip.speaker is None or per_hour not in word.missed:
            return None
        groups[word.clip.speaker].append(word.missed[per_hour])
    return metrics.bootstrap(list(groups.values())) if len(groups) > 1 else None


def latency(row: Row) -> tuple[float, float] | None:
    """Median and 95th percentile of the latencies at the shipped threshold, in seconds."""
    values = [word.latency_s for word in row.words if word.latency_s is not None]
    if not values:
        return None
    p50, p95 = np.percentile(values, (50, 95))
    return float(p50), float(p95)


def curve(model: WakeWordModel, k: int, positives: Track, negatives: Track) -> list[Point]:
    """Miss and false accepts of one keyword over a fixed grid of thresholds."""
    return _points(model, k, positives, negatives, [float(t) for t in _GRID])


def listen(
    model: WakeWordModel,
    wanted: Sequence[streams.Stream],
    library: Library,
    progress: Progress | None = None,
    spread: Spread | None = None,
) -> list[Track]:
    """Feed streams to a model in long blocks; its frames are those of the live detector.

    A stream of several hours is heard in parts (`Stream.parts`), each by a detector that has heard
    nothing before it and with a second of silence behind it; they are joined to one track.
    """
    jobs = [(i, part) for i, stream in enumerate(wanted) for part in stream.parts()]
    told = [work.Counted(f"listening: {each.name}", len(each.clips), progress) for each in wanted]
    task = Task(
        _heard, model, jobs, lambda job, more: told[job[0]](more),
        size=lambda job: len(job[1].clips), failed=lambda result: bool(result[1]),
    )  # fmt: skip
    heard = (spread or Cores()).run(task)
    tracks: list[list[Track]] = [[] for _ in wanted]
    for (i, _), (track, broken) in zip(jobs, heard, strict=True):
        tracks[i].append(track)
        library.broken |= broken
    return [_joined(parts, model.frame_s) for parts in tracks]


def _heard(
    model: WakeWordModel, job: tuple[int, streams.Stream], tick: Tick
) -> tuple[Track, dict[Path, str]]:
    """A part of a stream as a model heard it, and the clips that could not be read."""
    library = Library([], [], [], {})
    _, part = job
    heard = streams.Listened(part, library, lambda *_: tick(1))
    logits = model_logits(model, heard)
    track = Track(part.name, logits, tuple(heard.spoken), heard.hours, tuple(heard.pieces))
    return track, library.broken


def _joined(parts: Sequence[Track], frame_s: float) -> Track:
    """Parts of a stream as the one track that they are, the time of each counted on."""
    *before, last = parts
    later_s = [0.0, *np.cumsum([len(part.logits) * frame_s for part in before])]
    return Track(
        last.name,
        np.concatenate([part.logits for part in parts]),
        tuple(
            (word, start_s + by, end_s + by)
            for part, by in zip(parts, later_s, strict=True)
            for word, start_s, end_s in part.spoken
        ),
        later_s[-1] / 3600 + last.hours,
        tuple(
            (at + by, clip)
            for part, by in zip(parts, later_s, strict=True)
            for at, clip in part.pieces
        ),
    )


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
        positives.bounds(word),
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
