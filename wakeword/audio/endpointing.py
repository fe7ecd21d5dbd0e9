"""Endpointing: cut one utterance out of a live stream, and judge the recording.

This is the detector for `wakeword record`, and for the speech after a keyword
(`wakeword.detection.following_speech`). It learns the room's noise from the first moments or is
given a level, ignores clicks, and ends an utterance after a pause; so it lags behind the stream and
keeps a margin. For the exact place of a word within a finished clip see `wakeword.audio.activity`;
to save computation on a stream without end see `wakeword.audio.silence_gate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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


class Utterance(NamedTuple):
    """An utterance in samples that may go on.

    Attributes:
        first: its first frame of 20 ms.
        last: the frame after its last one.
        ended: whether the pause after it is long enough.
    """

    first: int
    last: int
    ended: bool

    def first_sample(self, rate: int) -> int:
        """Return its first sample at a rate in Hz."""
        return self.first * round(_FRAME_S * rate)

    def end_sample(self, rate: int) -> int:
        """Return the sample after its margin at a rate in Hz, which may be beyond the stream."""
        return (self.last + _MARGIN_FRAMES) * round(_FRAME_S * rate)

    def cut(self, samples: Samples, rate: int) -> Samples:
        """Return the utterance with a margin before and after it.

        Args:
            samples: (n,) in which it was found.
            rate: of the samples, in Hz.
        """
        start = max(0, self.first - _MARGIN_FRAMES) * round(_FRAME_S * rate)
        return samples[start : self.end_sample(rate)]


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
    samples = np.zeros(0, dtype=np.float32)
    for block in blocks:
        samples = np.concatenate([samples, block])
        utterance = find_utterance(samples, rate, longest_s=longest_s)
        if utterance is None:
            if len(samples) > wait_s * rate:
                return None
        elif utterance.ended:
            return utterance.cut(samples, rate)
    return None


def find_utterance(
    samples: Samples, rate: int, *, longest_s: float, speech_db: float | None = None
) -> Utterance | None:
    """Return the first utterance in the samples so far; None before it begins.

    What begins within the first 0.3 s is not searched, but may be part of the margin.

    Args:
        samples: (n,) of a stream.
        rate: of the samples, in Hz.
        longest_s: cut the utterance off after so long.
        speech_db: level of speech, at least, in dBFS; None is 12 dB over the first 0.3 s.
    """
    level_db = levels_db(samples, rate)
    if len(level_db) <= _NOISE_FRAMES:
        return None
    if speech_db is None:
        speech_db = float(np.median(level_db[:_NOISE_FRAMES])) + OVER_FLOOR_DB
    active = level_db > speech_db
    active[:_NOISE_FRAMES] = False
    return _first_utterance(active, round(longest_s / _FRAME_S))


def levels_db(samples: Samples, rate: int) -> Samples:
    """Return the level of each whole frame of 20 ms, in dBFS; at least -100.

    Args:
        samples: (n,).
        rate: of the samples, in Hz.
    """
    # adding the power of silence keeps a muted room from -∞ upwards
    return power_to_db(frame_power(samples, round(_FRAME_S * rate)) + SILENCE_POWER)


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


def _first_utterance(active: npt.NDArray[np.bool_], longest: int) -> Utterance | None:
    """The first utterance in (n,) frames so far; None before it begins. `longest` in frames."""
    first: int | None = None
    last = latest = 0
    for i in np.flatnonzero(active):
        if first is not None and i - last >= _PAUSE_FRAMES:
            if last - first >= _SHORTEST_S / _FRAME_S:
                return Utterance(first, min(last, latest), ended=True)
            first = None  # a click
        if first is None:
            first, latest = int(i), int(i) + longest - _MARGIN_FRAMES
        last = int(i) + 1
    if first is None:
        return None
    ended = len(active) - last >= _PAUSE_FRAMES or len(active) - first >= longest
    if ended and last - first < _SHORTEST_S / _FRAME_S:
        return None
    return Utterance(first, min(last, latest), ended)
