"""Decode clips and measure their audio, in several processes."""

from __future__ import annotations

import hashlib
import multiprocessing
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
from wakeword.parallel import available_cores
from wakeword.progress import ProgressCallback

FULL_SCALE = 0.99
_LONG_S = 600.0  # longer files are read in blocks, to limit memory
_CHUNK = 32  # clips per task of a worker
_MIN_PARALLEL = 256  # up to this number of clips, one process is faster than starting workers


@dataclass(frozen=True)
class Measurement:
    """The audio of one clip."""

    rate: int = 0
    """Sample rate of the file in Hz."""
    channels: int = 0
    file_seconds: float = 0.0
    """Length of the file."""
    seconds: float = 0.0
    """Length of the clip as decoded."""
    peak: float = 0.0
    """Largest absolute sample; 1.0 is full scale."""
    full_scale_run: int = 0
    """Largest number of consecutive samples at or above `FULL_SCALE`, at 16 kHz."""
    digest: str = ""
    """Equal for clips with equal samples."""
    fingerprint: npt.NDArray[np.float32] | None = None
    """See `duplicates.fingerprint`; None if not requested."""
    error: str | None = None
    """Why the clip cannot be read; all other fields are then unset."""


def measure(clip: Clip, *, fingerprint: bool = False) -> Measurement:
    """Decode a clip completely and measure it; for an unreadable clip, `error` is set.

    Args:
        clip: the clip to decode.
        fingerprint: whether to compute a fingerprint; of a long file, for its first block.
    """
    try:
        info = audio_info(clip.path)
        digest, count, peak, run = hashlib.blake2b(digest_size=16), 0, 0.0, 0
        clip_fingerprint = None
        for samples in _blocks(clip, info):
            digest.update(samples.tobytes())
            count += samples.size
            peak = max(peak, float(np.max(np.abs(samples), initial=0.0)))
            run = max(run, _longest_run(np.abs(samples) >= FULL_SCALE))
            if fingerprint and clip_fingerprint is None:
                clip_fingerprint = duplicates.fingerprint(samples)
    except (AudioError, OSError) as error:
        return Measurement(error=str(error))
    return Measurement(
        rate=info.rate,
        channels=info.channels,
        file_seconds=info.seconds,
        seconds=count / SAMPLE_RATE,
        peak=peak,
        full_scale_run=run,
        digest=digest.hexdigest(),
        fingerprint=clip_fingerprint,
    )


def measure_all(
    clips: Sequence[Clip],
    fingerprinted: Sequence[bool],
    *,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> list[Measurement]:
    """Measure clips in several processes.

    Args:
        clips: the clips to decode.
        fingerprinted: for each clip, whether to compute a fingerprint.
        workers: number of processes; None: one per core.
        progress: called as `progress("reading", done, total)`.

    Returns:
        The measurements in the order of the clips.

    Raises:
        ConfigError: a process died.
    """
    results: list[Measurement | None] = [None] * len(clips)
    done = 0
    for start, part in _measured_chunks(list(zip(clips, fingerprinted, strict=True)), workers):
        results[start : start + len(part)] = part
        done += len(part)
        if progress is not None:
            progress("reading", done, len(clips))
    return [result for result in results if result is not None]


def _measured_chunks(
    jobs: list[tuple[Clip, bool]], workers: int | None
) -> Iterator[tuple[int, list[Measurement]]]:
    """Yield (index of the first job, results) of each chunk, as chunks complete."""
    processes = workers or available_cores()
    chunks = {start: jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)}
    if processes == 1 or len(jobs) <= _MIN_PARALLEL:
        yield from ((start, _measure_chunk(chunk)) for start, chunk in chunks.items())
        return
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
    try:
        futures: dict[Future[list[Measurement]], int] = {
            pool.submit(_measure_chunk, chunk): start for start, chunk in chunks.items()
        }
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise ConfigError(
            "a process that reads the recordings died. In your own script, call the check below "
            '`if __name__ == "__main__":`; if memory ran out, pass workers=1.'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _measure_chunk(jobs: Iterable[tuple[Clip, bool]]) -> list[Measurement]:
    return [measure(clip, fingerprint=fingerprint) for clip, fingerprint in jobs]


def _blocks(clip: Clip, info: AudioInfo) -> Iterator[Samples]:
    """Yield the samples of a clip; a clip that is a whole long file comes in blocks."""
    length_s = info.seconds if clip.duration_s is None else clip.duration_s
    if clip.offset_s == 0.0 and length_s > _LONG_S and length_s >= info.seconds - 0.01:
        yield from iter_audio(clip.path)
    else:
        yield clip.load()


def _longest_run(flags: npt.NDArray[np.bool_]) -> int:
    """Return the length of the longest run of True."""
    if not flags.any():
        return 0
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return int(np.max(edges[1::2] - edges[::2]))
