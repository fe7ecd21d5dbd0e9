"""Group the clips that are the same recording, for the check and for the splits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.data.check.context import CheckedClip, is_single_word
from wakeword.data.check.duplicates import DisjointSets, find_copies
from wakeword.data.check.measure import Measurement, measure
from wakeword.data.clip import Clip
from wakeword.data.dataset import Role
from wakeword.errors import ConfigError
from wakeword.parallel import available_cores
from wakeword.progress import ProgressCallback

_VERSION = 1  # raise it whenever other clips count as copies


def group_copies(
    clips: Sequence[CheckedClip], progress: ProgressCallback | None = None
) -> list[list[int]]:
    """Group equal recordings by their index: near copies of single words, exact ones of others.

    Args:
        clips: measured clips; those without a fingerprint are compared by their digest alone.
        progress: called as `progress("comparing", done, total)`.
    """
    audible = [i for i, each in enumerate(clips) if each.readable and not each.silent]
    groups = DisjointSets(len(clips))
    first_with_digest: dict[str, int] = {}
    for i in audible:
        digest = clips[i].measurement.digest
        if digest:
            groups.join(first_with_digest.setdefault(digest, i), i)
    fingerprinted = [
        (i, fingerprint)
        for i in first_with_digest.values()
        if (fingerprint := clips[i].measurement.fingerprint) is not None
    ]
    if fingerprinted:
        report = None if progress is None else _for_stage(progress, "comparing")
        for first, second in find_copies(
            np.stack([fingerprint for _, fingerprint in fingerprinted]),
            lambda row: clips[fingerprinted[row][0]].clip.load(),
            report,
        ):
            groups.join(fingerprinted[first][0], fingerprinted[second][0])
    return groups.larger_than_one()


def find_copy_groups(
    clips: Sequence[tuple[Clip, Role]], progress: ProgressCallback | None = None
) -> list[list[Clip]]:
    """Decode clips and group those that are the same recording, as the check does.

    Other clips than single words are decoded only where their length is that of another clip. The
    result is kept in the cache, as long as no file changes.

    Args:
        clips: each with its role.
        progress: called as `progress(stage, done, total)`.
    """
    if len(clips) < 2:
        return []
    key = storage.cache_key(_VERSION, [_file_version(clip, role) for clip, role in clips])
    cached = storage.cache_dir() / "copies" / f"{key}.json"
    try:
        groups = json.loads(cached.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        groups = group_copies(_measure_candidates(clips, progress), progress)
        with suppress(ConfigError), storage.atomic_write(cached) as part:
            part.write_text(json.dumps(groups), encoding="utf-8")
    return [[clips[i][0] for i in group] for group in groups]


def _measure_candidates(
    clips: Sequence[tuple[Clip, Role]], progress: ProgressCallback | None
) -> list[CheckedClip]:
    """Measure the clips that may be copies; the others keep an empty measurement."""
    words = [is_single_word(clip, role) for clip, role in clips]
    lengths = [round(clip.seconds() * SAMPLE_RATE) for clip, _ in clips]
    count = Counter(lengths)
    chosen = [i for i, word in enumerate(words) if word or count[lengths[i]] > 1]
    measured = [Measurement()] * len(clips)
    with ThreadPoolExecutor(available_cores()) as pool:
        results = pool.map(lambda i: measure(clips[i][0], fingerprint=words[i]), chosen)
        for done, (i, measurement) in enumerate(zip(chosen, results, strict=True), start=1):
            measured[i] = measurement
            if progress is not None:
                progress("looking for copies", done, len(chosen))
    return [
        CheckedClip(clip, role, measurement)
        for (clip, role), measurement in zip(clips, measured, strict=True)
    ]


def _file_version(clip: Clip, role: Role) -> tuple[object, ...]:
    """Return what tells that the audio of a clip is unchanged, without reading it."""
    size = modified = 0
    with suppress(OSError):
        status = clip.path.stat()
        size, modified = status.st_size, status.st_mtime_ns
    word = is_single_word(clip, role)
    return str(clip.path.absolute()), size, modified, clip.offset_s, clip.duration_s, role, word


def _for_stage(progress: ProgressCallback, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(stage, done, total)
