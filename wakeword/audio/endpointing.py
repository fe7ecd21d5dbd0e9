"""One utterance out of a live stream: where it begins and ends, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wakeword.audio.samples import Samples

MARGIN_S = 0.3  # of sound kept before and after what was said
PAUSE_S = 0.6  # of quiet that ends an utterance
OVER_FLOOR_DB = 12.0  # how far speech stands out of the room's own noise
_FRAME_S = 0.02
_FLOOR_S = 0.3  # at first, to learn the room's noise
_SHORTEST_S = 0.12
_QUIET_DB, _FULL_SCALE = -45.0, 0.99


def next_utterance(
    blocks: Iterable[Samples], rate: int, *, wait_s: float = 8.0, longest_s: float = 4.0
) -> Samples | None:
    """The next thing that is said, with a margin; None where nothing is within `wait_s`.

    Speech is what stands out of the noise of the first moments; a click is too short for it. After
    `longest_s` it is cut off.

    Args:
        blocks: (n,) samples each, at `rate` Hz.
    """
    size = round(_FRAME_S * rate)
    sound = np.zeros(0, dtype=np.float32)
    for block in blocks:
        sound = np.concatenate([sound, block])
        found = _bounds(_levels(sound, size), round(longest_s / _FRAME_S))
        if found is None:
            if len(sound) > wait_s * rate:
                return None
            continue
        first, last, ended = found
        if ended:
            margin = round(MARGIN_S / _FRAME_S)
            return sound[max(0, first - margin) * size : (last + margin) * size]
    return None


def _levels(sound: Samples, size: int) -> Samples:
    """(samples,) → dB below full scale of each whole frame."""
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    levels: Samples = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-10)
    return levels


def _bounds(levels: Samples, longest: int) -> tuple[int, int, bool] | None:
    """First frame of speech, the one after its last, and whether it has ended; None before it."""
    floor_frames = round(_FLOOR_S / _FRAME_S)
    if len(levels) <= floor_frames:
        return None
    loud = levels > np.median(levels[:floor_frames]) + OVER_FLOOR_DB
    loud[:floor_frames] = False
    pause = round(PAUSE_S / _FRAME_S)
    first: int | None = None
    last = 0
    for i in np.flatnonzero(loud):
        if first is not None and i - last >= pause:
            if last - first >= _SHORTEST_S / _FRAME_S:
                return first, last, True
            first = None  # a click
        first = int(i) if first is None else first
        last = int(i) + 1
    if first is None:
        return None
    ended = len(levels) - last >= pause or len(levels) - first >= longest
    if ended and last - first < _SHORTEST_S / _FRAME_S:
        return None
    return first, last, ended


def recording_problems(sound: Samples) -> list[str]:
    """What is wrong with a recording, in words; [] where nothing is."""
    peak = float(np.abs(sound).max(initial=0.0))
    level_db = 10 * np.log10(np.square(sound).mean() + 1e-10) if len(sound) else -100.0
    found = []
    if peak >= _FULL_SCALE:
        found.append("too loud: it clips. Move away, or turn the microphone down.")
    if level_db < _QUIET_DB:
        found.append(f"very quiet ({level_db:.0f} dB). Come closer, or turn the microphone up.")
    return found
