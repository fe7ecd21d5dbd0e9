"""Decode clips and measure what a check of the data needs, on several processor cores."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.audio.files import AudioInfo, audio_info, iter_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.check import duplicates
from wakeword.data.clip import Clip
from wakeword.errors import AudioError, ConfigError
from wakeword.progress import ProgressCallback

FULL_SCALE = 0.99
_LONG_S = 600.0  # longer files are read piece by piece, to keep memory small
_CHUNK = 32  # clips that a worker gets at once
_FEW = 256  # so few clips are faster read here than by new processes


@dataclass(frozen=True)
class Measured:
    """What decoding one clip told."""

    rate: int = 0
    """Sample rate of the file, in Hz."""
    channels: int = 0
    file_seconds: float = 0.0
    seconds: float = 0.0
    """Length of the clip as it was read."""
    peak: float = 0.0
    """The largest absolute sample, 1.0 is full scale."""
    full_scale_run: int = 0
    """The longest row of samples at `FULL_SCALE` or above, at 16 kHz."""
    digest: str = ""
    """Equal for clips with equal samples."""
    fingerprint: npt.NDArray[np.float32] | None = None
    """See `duplicates.fingerprint`; None where none was asked for."""
    error: str | None = None
    """Why the clip cannot be used; nothing else is known then."""


def measure(clip: Clip, *, fingerprint: bool = False) -> Measured:
    """Decode a clip whole and measure it; a broken one comes back with its `error`."""
    try:
        head = audio_info(clip.path)
        digest, count, peak, run = hashlib.blake2b(digest_size=16), 0, 0.0, 0
        mark = None
        for samples in _pieces(clip, head):
            digest.update(samples.tobytes())
            count += samples.size
            peak = max(peak, float(np.max(np.abs(samples), initial=0.0)))
            run = max(run, _longest_run(np.abs(samples) >= FULL_SCALE))
            if fingerprint and mark is None:
                mark = duplicates.fingerprint(samples)
    except (AudioError, OSError) as error:
        return Measured(error=str(error))
    return Measured(
        rate=head.rate,
        channels=head.channels,
        file_seconds=head.seconds,
        seconds=count / SAMPLE_RATE,
        peak=peak,
        full_scale_run=run,
        digest=digest.hexdigest(),
        fingerprint=mark,
    )


def measure_all(
    clips: Sequence[Clip],
    fingerprinted: Sequence[bool],
    *,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> list[Measured]:
    """`measure` for every clip, in order, by `workers` processes (None: one for each core)."""
    results: list[Measured | None] = [None] * len(clips)
    done = 0
    for start, part in _parts(list(zip(clips, fingerprinted, strict=True)), workers):
        results[start : start + len(part)] = part
        done += len(part)
        if progress is not None:
            progress("reading", done, len(clips))
    return [result for result in results if result is not None]


def _parts(
    jobs: list[tuple[Clip, bool]], workers: int | None
) -> Iterator[tuple[int, list[Measured]]]:
    """(index of the first, results) of each chunk, as they are ready."""
    count = workers or _cores()
    chunks = {start: jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)}
    if count == 1 or len(jobs) <= _FEW:
        yield from ((start, _measure_chunk(chunk)) for start, chunk in chunks.items())
        return
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
    try:
        futures: dict[Future[list[Measured]], int] = {
            pool.submit(_measure_chunk, chunk): start for start, chunk in chunks.items()
        }
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise ConfigError(
            "a process that reads the recordings died. In a script of your own, call the check "
            'below `if __name__ == "__main__":`; if memory ran out, pass workers=1.'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _measure_chunk(jobs: Iterable[tuple[Clip, bool]]) -> list[Measured]:
    return [measure(clip, fingerprint=marked) for clip, marked in jobs]


def _cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pieces(clip: Clip, head: AudioInfo) -> Iterator[Samples]:
    """The clip's samples; a long file that is one clip comes in blocks."""
    length = head.seconds if clip.duration_s is None else clip.duration_s
    if clip.offset_s == 0.0 and length > _LONG_S and length >= head.seconds - 0.01:
        yield from iter_audio(clip.path)
    else:
        yield clip.load()


def _longest_run(flags: npt.NDArray[np.bool_]) -> int:
    """The length of the longest row of True."""
    if not flags.any():
        return 0
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return int(np.max(edges[1::2] - edges[::2]))
