"""Endpointing: cut one utterance out of a live stream, and judge the recording.

This is the detector for `wakeword record`. It learns the room's noise from the first moments,
ignores clicks, and ends an utterance after a pause; so it lags behind the stream and keeps a
margin. For the exact place of a word within a finished clip see `wakeword.audio.activity`; to save
computation on a stream without end see `wakeword.audio.silence_gate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from wakeword.audio.levels import SILENCE_POWER, frame_power, power_to_db
from wakeword.audio.samples import Samples

MARGIN_S = 0.3  # kept before and after the utterance
PAUSE_S = 0.6  # of quiet that ends an utterance
OVER_FLOOR_DB = 12.0  # of speech, over the room's noise
_FRAME_S = 0.02
_NOISE_S = 0.3  # at the start of the stream, to learn the room's noise
_SHORTEST_S = 0.12  # anything shorter is a click
_PAUSE_FRAMES = round(PAUSE_S / _FRAME_S)
_NOISE_FRAMES = round(_NOISE_S / _FRAME_S)
_MARGIN_FRAMES = round(MARGIN_S / _FRAME_S)
_QUIET_DB = -45.0
_CLIPPING_PEAK = 0.99


class _Utterance(NamedTuple):
    """Frames `first` to `last` - 1; `ended` once the pause after it is long enough."""

    first: int
    last: int
    ended: bool


def next_utterance(
    blocks: Iterable[Samples], rate: int, *, wait_s: float = 8.0, longest_s: float = 4.0
) -> Samples | None:
    """Return the next utterance of a live stream, with a margin before and after it.

    Speech is what is 12 dB louder than the first 0.3 s; shorter than 0.12 s it is a click.

    Args:
        blocks: (n,) samples each, any n.
        rate: of the samples, in Hz.
        wait_s: give up when nothing is spoken for so long.
        longest_s: cut the utterance off after so long.

    Returns:
        (n,) at `rate`; None where nothing is spoken within `wait_s` or before the stream ends.
    """
    frame_length = round(_FRAME_S * rate)
    samples = np.zeros(0, dtype=np.float32)
    for block in blocks:
        samples = np.concatenate([samples, block])
        utterance = _find_utterance(_levels_db(samples, frame_length), round(longest_s / _FRAME_S))
        if utterance is None:
            if len(samples) > wait_s * rate:
                return None
        elif utterance.ended:
            start = max(0, utterance.first - _MARGIN_FRAMES)
            return samples[start * frame_length : (utterance.last + _MARGIN_FRAMES) * frame_length]
    return None


def recording_problems(samples: Samples) -> list[str]:
    """Describe what is wrong with a recording, one sentence a problem; [] where nothing is.

    Args:
        samples: (n,) of one utterance with its margin.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    power = np.square(samples).mean() if len(samples) else np.float32(0.0)
    level_db = float(power_to_db(power + SILENCE_POWER))
    problems = []
    if peak >= _CLIPPING_PEAK:
        problems.append("too loud: it clips. Move away, or turn the microphone down.")
    if level_db < _QUIET_DB:
        problems.append(f"very quiet ({level_db:.0f} dB). Come closer, or turn the microphone up.")
    return problems


def _levels_db(samples: Samples, frame_length: int) -> Samples:
    """dBFS of each whole frame. Adding the power of silence keeps a muted room from -∞ upwards."""
    return power_to_db(frame_power(samples, frame_length) + SILENCE_POWER)


def _find_utterance(level_db: Samples, longest: int) -> _Utterance | None:
    """The first utterance in the levels so far; None before it begins. `longest` in frames."""
    if len(level_db) <= _NOISE_FRAMES:
        return None
    active = level_db > np.median(level_db[:_NOISE_FRAMES]) + OVER_FLOOR_DB
    active[:_NOISE_FRAMES] = False
    first: int | None = None
    last = 0
    for i in np.flatnonzero(active):
        if first is not None and i - last >= _PAUSE_FRAMES:
            if last - first >= _SHORTEST_S / _FRAME_S:
                return _Utterance(first, last, ended=True)
            first = None  # a click
        first = int(i) if first is None else first
        last = int(i) + 1
    if first is None:
        return None
    ended = len(level_db) - last >= _PAUSE_FRAMES or len(level_db) - first >= longest
    if ended and last - first < _SHORTEST_S / _FRAME_S:
        return None
    return _Utterance(first, last, ended)
