"""Run a model over test streams: logits for every frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.loader import ClipLoader
from wakeword.detection.blocks import BlockBuffer
from wakeword.detection.trigger import Scores
from wakeword.evaluation.results import ScoredStream, VerifierCalls
from wakeword.evaluation.test_streams import Stream, StreamReader, join_blocks
from wakeword.model.cascade import CLOSED_LOGIT
from wakeword.parallel import Executor, JobBatch, JobProgress, LocalExecutor
from wakeword.progress import ProgressCallback, ProgressCounter
from wakeword.runtime import AnyExportedModel, ExportedModel, ExportedTwoStageModel

if TYPE_CHECKING:  # torch is loaded only for a model that needs it
    from wakeword.model.network import WakeWordModel
    from wakeword.model.two_stage import AnyModel

_BLOCK = 20 * SAMPLE_RATE

ScorableModel: TypeAlias = "AnyModel | AnyExportedModel"
"""A model of one stage or of two, or an exported one."""


def score_streams(
    model: ScorableModel,
    streams: Sequence[Stream],
    loader: ClipLoader,
    progress: ProgressCallback | None = None,
    executor: Executor | None = None,
) -> list[ScoredStream]:
    """Run a model over streams in long blocks; the logits are those of the live detector.

    Streams of several hours are scored in parts (`Stream.parts`). Each part starts from a fresh
    state and ends with a second of silence; the parts are joined afterwards.

    Args:
        model: to score with.
        streams: to score.
        loader: collects the clips that cannot be read, in `loader.broken`.
        progress: called with each stream's name and the clips done.
        executor: where the parts are scored; None uses the cores of this machine.

    Returns:
        One scored stream per stream, in order.
    """
    jobs = [(i, part) for i, stream in enumerate(streams) for part in stream.parts()]
    counters = [
        ProgressCounter(f"scoring: {each.name}", len(each.clips), progress) for each in streams
    ]
    batch = JobBatch(
        _score_part, model, jobs, lambda job, more: counters[job[0]](more),
        size=lambda job: len(job[1].clips), failed=lambda result: bool(result[1]),
    )  # fmt: skip
    results = (executor or LocalExecutor()).run(batch)
    parts: list[list[ScoredStream]] = [[] for _ in streams]
    for (i, _), (scored, broken) in zip(jobs, results, strict=True):
        parts[i].append(scored)
        loader.broken |= broken
    return [_join_parts(each, model.frame_s) for each in parts]


def _score_part(
    model: ScorableModel, job: tuple[int, Stream], report: JobProgress
) -> tuple[ScoredStream, dict[Path, str]]:
    """Score a part of a stream; returns the clips that could not be read too."""
    loader = ClipLoader()
    _, part = job
    reader = StreamReader(part, loader, lambda *_: report(1))
    logits, calls = _score(model, reader)
    scored = ScoredStream(
        part.name, logits, tuple(reader.segments), reader.hours, tuple(reader.pieces), calls
    )
    return scored, loader.broken


def _join_parts(parts: Sequence[ScoredStream], frame_s: float) -> ScoredStream:
    """Join the parts of a stream; times are shifted by the length of the parts before."""
    *before, last = parts
    shifts_s = list(accumulate((len(part.logits) * frame_s for part in before), initial=0.0))
    return ScoredStream(
        last.name,
        np.concatenate([part.logits for part in parts]),
        tuple(
            segment.shifted(by)
            for part, by in zip(parts, shifts_s, strict=True)
            for segment in part.segments
        ),
        shifts_s[-1] / 3600 + last.hours,
        tuple(
            (at + by, clip)
            for part, by in zip(parts, shifts_s, strict=True)
            for at, clip in part.pieces
        ),
        _join_calls([part.calls for part in parts], shifts_s),
    )


def _join_calls(
    parts: Sequence[VerifierCalls | None], shifts_s: Sequence[float]
) -> VerifierCalls | None:
    """Join the calls of the parts of a stream, if the model has two stages."""
    shifted = [
        (calls.times_s + by, calls.reached)
        for calls, by in zip(parts, shifts_s, strict=True)
        if calls is not None
    ]
    if not shifted:
        return None
    times_s, reached = zip(*shifted, strict=True)
    return VerifierCalls(np.concatenate(times_s), np.concatenate(reached))


def model_logits(model: ScorableModel, pieces: Iterable[Samples]) -> Scores:
    """Run a model over one stream; of two stages, return the final logits.

    Args:
        model: to run.
        pieces: consecutive (n,) samples at 16 kHz, of any lengths.

    Returns:
        (frames, keywords) logits.
    """
    logits, _ = _score(model, pieces)
    return logits


def _score(model: ScorableModel, pieces: Iterable[Samples]) -> tuple[Scores, VerifierCalls | None]:
    """Run a model over one stream; return its logits, and the calls of its second stage."""
    if isinstance(model, (ExportedModel, ExportedTwoStageModel)):
        return _score_exported(model, pieces)
    from wakeword.model.two_stage import TwoStageModel

    if not isinstance(model, TwoStageModel):
        return stage_logits(model, pieces), None
    read: list[Samples] = []
    gate = stage_logits(model.gate, _equal_blocks(pieces, read))
    samples = np.concatenate(read)
    calls = model.calls(gate)
    logits = model.cascade.final_logits(len(gate), calls, model.verify_calls(samples, calls))
    times_s = np.array([(call.frame + 1) * model.frame_s for call in calls])
    gated = np.array([call.gate for call in calls]).reshape(-1, len(model.keywords))
    return logits, VerifierCalls(times_s, gated > CLOSED_LOGIT)


def _equal_blocks(pieces: Iterable[Samples], read: list[Samples]) -> Iterator[Samples]:
    """Cut a stream into blocks of 20 s, the last one shorter; all that is read goes to `read`."""
    pending = np.zeros(0, dtype=np.float32)
    for piece in pieces:
        read.append(piece)
        pending = np.concatenate([pending, piece])
        while len(pending) >= _BLOCK:
            yield pending[:_BLOCK]
            pending = pending[_BLOCK:]
    if len(pending):
        yield pending


def _score_exported(
    model: AnyExportedModel, pieces: Iterable[Samples]
) -> tuple[Scores, VerifierCalls | None]:
    """Run an exported model over one stream, block by block as the live detector does."""
    buffer, state = BlockBuffer(model, SAMPLE_RATE), cast(Any, None)
    logits = [np.zeros((0, len(model.keywords)))]
    times_s: list[float] = []
    reached = [np.zeros((0, len(model.keywords)), dtype=bool)]
    frames = 0
    for piece in pieces:
        buffer.push(piece)
        for block in buffer.pop_all():
            if isinstance(model, ExportedTwoStageModel):
                started = model.begin(block.samples, state)
                if started.call:
                    times_s.append((frames + started.call.frame + 1) * model.frame_s)
                    reached.append(started.call.gate[None] > CLOSED_LOGIT)
                new, state = model.finish(started)
            else:
                new, state = model.step(block.samples, state)
            logits.append(new)
            frames += len(new)
    two_stages = isinstance(model, ExportedTwoStageModel)
    calls = VerifierCalls(np.array(times_s), np.concatenate(reached)) if two_stages else None
    return np.concatenate(logits), calls


def stage_logits(model: WakeWordModel, pieces: Iterable[Samples]) -> Scores:
    """Run a model of one stage over a stream, in blocks of 20 s."""
    import torch

    state = None
    logits: list[torch.Tensor] = [torch.zeros(0, len(model.keywords))]
    with torch.inference_mode():
        for block in join_blocks(pieces, _BLOCK):
            block_logits, state = model(torch.from_numpy(block)[None].to(model.device), state)
            logits.append(block_logits[0].cpu())
        joined: Scores = torch.cat(logits).double().numpy()
    return joined
