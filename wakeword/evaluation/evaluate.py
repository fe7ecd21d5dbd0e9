"""What a model does on streams, event by event, through the trigger that ships with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from wakeword.audio.samples import Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader, check_broken
from wakeword.detection.trigger import Scores, trigger_for
from wakeword.errors import ManifestError
from wakeword.evaluation import metrics
from wakeword.evaluation.conditions import CLEAN, Condition, noisy
from wakeword.evaluation.metrics import DetPoint, Estimate
from wakeword.evaluation.results import (
    FALSE_ACCEPT_RATES,
    HIT_TOLERANCE_S,
    ClipResult,
    ConfusableResult,
    Evaluation,
    FalseAccept,
    KeywordResult,
    ScoredStream,
    SourceResult,
)
from wakeword.evaluation.test_streams import (
    Stream,
    StreamReader,
    confusable_stream,
    join_blocks,
    negative_stream,
    positive_stream,
)
from wakeword.model.network import WakeWordModel
from wakeword.parallel import Executor, JobBatch, JobProgress, LocalExecutor
from wakeword.progress import ProgressCallback, ProgressCounter

_GRID = 1 / (1 + np.exp(-np.linspace(-5.0, 16.0, 127)))  # thresholds, evenly spaced as logits


def evaluate(
    model: WakeWordModel,
    data: Dataset,
    *,
    split: str = "dev",
    conditions: Sequence[Condition] = (CLEAN, noisy(10.0)),
    progress: ProgressCallback | None = None,
    spread: Executor | None = None,
) -> Evaluation:
    """Play one split of a data set to a model: keyword clips under conditions, and all else.

    Confusable negatives (`Clip.is_confusable`) are played apart from the others. `spread` is
    where the streams are heard; None: on the cores here.

    Raises ManifestError where the split has no clips of a keyword, or no negatives.
    """
    part, near = select_keywords(data, model.keywords).subset(split).split_confusables()
    library = ClipLoader()
    if not part.negatives:
        raise ManifestError(
            f"{data.root}: no negatives in the {split} split to count false accepts on."
        )
    missing = set(model.keywords) - set(part.labels())
    if missing:
        raise ManifestError(f"{data.root}: no clips of {sorted(missing)} in the {split} split.")
    spoken = [positive_stream(part, condition) for condition in conditions]
    close = [confusable_stream(near, word) for word in model.keywords if near]
    wanted = [negative_stream(part), *spoken, *close]
    negatives, *tracks = score_streams(model, wanted, library, progress, spread)
    tracks, like_words = tracks[: len(spoken)], tracks[len(spoken) :]
    total = len(part.keywords) + len(part.negatives) + len(near) + len(part.noises)
    check_broken(len(library.broken), total, library.broken)
    rows = [
        keyword_result(model, k, track, negatives)
        for track in tracks
        for k in range(len(model.keywords))
    ]
    broken = [f"broken clip skipped: {message}" for message in library.broken.values()]
    fired = _false_accepts(model, negatives)
    return Evaluation(
        tuple(rows),
        negatives.hours,
        (*part.notes, *broken),
        fired,
        _sources(negatives, fired),
        tuple(confusable_result(model, k, track, negatives) for k, track in enumerate(like_words)),
    )


def confusable_result(
    model: WakeWordModel, k: int, track: ScoredStream, negatives: ScoredStream
) -> ConfusableResult:
    """How many of a stream of `streams.near_miss_stream` set a keyword off, as shipped."""
    shipped = keyword_result(model, k, track, negatives).shipped
    return ConfusableResult(model.keywords[k], shipped.spoken, shipped.spoken - shipped.missed)


def keyword_result(
    model: WakeWordModel, k: int, positives: ScoredStream, negatives: ScoredStream
) -> KeywordResult:
    """One keyword's curve and operating points, and what became of each of its clips."""
    points = det_curve(model, k, positives, negatives)
    keyword = model.keywords[k]
    (shipped,) = _points(
        model, k, positives, negatives, [model.operating_point.thresholds[keyword]]
    )
    at = tuple((rate, metrics.at_false_accepts(points, rate)) for rate in FALSE_ACCEPT_RATES)
    return KeywordResult(
        keyword,
        positives.name,
        shipped.spoken,
        at,
        tuple(points),
        shipped,
        _words(model, k, positives, {rate: point.threshold for rate, point in at if point}),
    )


def _words(
    model: WakeWordModel, k: int, track: ScoredStream, thresholds: Mapping[float, float]
) -> tuple[ClipResult, ...]:
    keyword = model.keywords[k]
    segments = track.segments_of(keyword)
    events = _events(model, track.logits[:, k : k + 1])
    found = {
        rate: metrics.detected(events(threshold), segments, HIT_TOLERANCE_S)
        for rate, threshold in thresholds.items()
    }
    latencies = metrics.latencies(
        events(model.operating_point.thresholds[keyword]), segments, HIT_TOLERANCE_S
    )
    clips = [clip for _, clip in track.pieces if clip.label == keyword]
    return tuple(
        ClipResult(clip, {rate: not hit[i] for rate, hit in found.items()}, latency)
        for i, (clip, latency) in enumerate(zip(clips, latencies, strict=False))
    )


def _false_accepts(model: WakeWordModel, negatives: ScoredStream) -> tuple[FalseAccept, ...]:
    trigger = trigger_for(
        model, [model.operating_point.thresholds[word] for word in model.keywords]
    )
    events, _ = trigger.run(negatives.logits)
    times = [(event, (event.frame + 1) * model.frame_s) for event in events]
    return tuple(
        FalseAccept(model.keywords[event.keyword], at, event.score, negatives.clip_at(at))
        for event, at in times
    )


def _sources(negatives: ScoredStream, fired: Sequence[FalseAccept]) -> tuple[SourceResult, ...]:
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
        SourceResult(name, clips[name], seconds[name] / 3600, events[name], loud[name])
        for name in sorted(clips)
    )


def _source(clip: Clip) -> str:
    return clip.source or "other"


def misses_by_speaker(row: KeywordResult) -> dict[str, tuple[int, int]]:
    """Speaker → clips missed at the shipped threshold, clips; {} where speakers are not known."""
    table: dict[str, tuple[int, int]] = {}
    for word in row.words:
        if word.clip.speaker is not None:
            missed, clips = table.get(word.clip.speaker, (0, 0))
            table[word.clip.speaker] = (missed + (word.latency_s is None), clips + 1)
    return table


def speaker_bootstrap(row: KeywordResult, per_hour: float) -> Estimate | None:
    """The miss rate at a rate of false accepts with its interval over speakers drawn anew.

    None where speakers are not known or no point is within the rate.
    """
    groups: dict[str, list[bool]] = defaultdict(list)
    for word in row.words:
        if word.clip.speaker is None or per_hour not in word.missed:
            return None
        groups[word.clip.speaker].append(word.missed[per_hour])
    return metrics.bootstrap(list(groups.values())) if len(groups) > 1 else None


def latency_percentiles(row: KeywordResult) -> tuple[float, float] | None:
    """Median and 95th percentile of the latencies at the shipped threshold, in seconds."""
    values = [word.latency_s for word in row.words if word.latency_s is not None]
    if not values:
        return None
    p50, p95 = np.percentile(values, (50, 95))
    return float(p50), float(p95)


def det_curve(
    model: WakeWordModel, k: int, positives: ScoredStream, negatives: ScoredStream
) -> list[DetPoint]:
    """Miss and false accepts of one keyword over a fixed grid of thresholds."""
    return _points(model, k, positives, negatives, [float(t) for t in _GRID])


def score_streams(
    model: WakeWordModel,
    wanted: Sequence[Stream],
    library: ClipLoader,
    progress: ProgressCallback | None = None,
    spread: Executor | None = None,
) -> list[ScoredStream]:
    """Feed streams to a model in long blocks; its frames are those of the live detector.

    A stream of several hours is heard in parts (`Stream.parts`), each by a detector that has heard
    nothing before it and with a second of silence behind it; they are joined to one track.
    """
    jobs = [(i, part) for i, stream in enumerate(wanted) for part in stream.parts()]
    told = [
        ProgressCounter(f"listening: {each.name}", len(each.clips), progress) for each in wanted
    ]
    task = JobBatch(
        _score_part, model, jobs, lambda job, more: told[job[0]](more),
        size=lambda job: len(job[1].clips), failed=lambda result: bool(result[1]),
    )  # fmt: skip
    heard = (spread or LocalExecutor()).run(task)
    tracks: list[list[ScoredStream]] = [[] for _ in wanted]
    for (i, _), (track, broken) in zip(jobs, heard, strict=True):
        tracks[i].append(track)
        library.broken |= broken
    return [_join_parts(parts, model.frame_s) for parts in tracks]


def _score_part(
    model: WakeWordModel, job: tuple[int, Stream], tick: JobProgress
) -> tuple[ScoredStream, dict[Path, str]]:
    """A part of a stream as a model heard it, and the clips that could not be read."""
    library = ClipLoader()
    _, part = job
    heard = StreamReader(part, library, lambda *_: tick(1))
    logits = model_logits(model, heard)
    track = ScoredStream(part.name, logits, tuple(heard.segments), heard.hours, tuple(heard.pieces))
    return track, library.broken


def _join_parts(parts: Sequence[ScoredStream], frame_s: float) -> ScoredStream:
    """Parts of a stream as the one track that they are, the time of each counted on."""
    *before, last = parts
    later_s = [0.0, *np.cumsum([len(part.logits) * frame_s for part in before])]
    return ScoredStream(
        last.name,
        np.concatenate([part.logits for part in parts]),
        tuple(
            segment.shifted(by)
            for part, by in zip(parts, later_s, strict=True)
            for segment in part.segments
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
    for block in join_blocks(pieces):
        block_logits, state = model(torch.from_numpy(block)[None], state)
        logits.append(block_logits[0])
    joined: Scores = torch.cat(logits).double().numpy()
    return joined


def _points(
    model: WakeWordModel,
    k: int,
    positives: ScoredStream,
    negatives: ScoredStream,
    thresholds: Sequence[float],
) -> list[DetPoint]:
    word = model.keywords[k]
    return metrics.sweep(
        _events(model, positives.logits[:, k : k + 1]),
        positives.segments_of(word),
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


def miss_rate_estimate(point: DetPoint) -> Estimate:
    """The miss rate with its Wilson interval."""
    return metrics.wilson(point.missed, point.spoken)
