"""Silence, told from sound by its level alone: where nothing can be heard, nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples

_FLOOR_STEPS = 500  # steps of which the quietest is the floor: 10 s


class SilenceGate:
    """Whether there is anything to hear in a stream: its level over its own floor.

    The floor is the quietest 20 ms of the last ten seconds, so the gate stays open in whatever
    changes in level: speech, music, television, a passing car. It closes in silence and in even
    noise, such as a fan's.

    Args:
        above_db: a 20 ms step so much louder than the floor opens it. A word as loud as the noise
            around it is 3 dB above it.
        hold_s: so long it stays open after the last such step, and at the beginning.
        before_s: so much sound from before it opens is computed then: no less than what the encoder
            and the head see.
    """

    STEP = 320  # samples, 20 ms

    def __init__(self, above_db: float = 3.0, hold_s: float = 1.5, before_s: float = 2.5) -> None:
        self.above_db, self.hold_s, self.before_s = above_db, hold_s, before_s
        self.reset()

    def reset(self) -> None:
        """As new."""
        self._power = np.zeros(0)  # of the last steps
        self._rest: Samples = np.zeros(0, dtype=np.float32)
        self._hold = self._hold_steps = round(self.hold_s * SAMPLE_RATE / self.STEP)

    def feed(self, samples: Samples) -> Iterator[tuple[Samples, bool]]:
        """The next (n,) samples at 16 kHz → in order, stretches and whether it is open in each.

        What is less than 20 ms waits for more.
        """
        sound = np.concatenate([self._rest, samples])
        whole = len(sound) // self.STEP * self.STEP
        self._rest = sound[whole:]
        steps = sound[:whole].reshape(-1, self.STEP)
        power = np.square(steps, dtype=np.float64).mean(axis=1)
        seen = np.concatenate([self._power, power])
        ratio = 10 ** (self.above_db / 10)
        is_open = []
        for i in range(len(self._power), len(seen)):
            floor = seen[max(0, i + 1 - _FLOOR_STEPS) : i + 1].min()
            self._hold = self._hold_steps if seen[i] > ratio * floor else self._hold - 1
            is_open.append(self._hold > 0)
        self._power = seen[-_FLOOR_STEPS:]
        at = 0
        for value, group in groupby(is_open):
            length = len(list(group))
            yield steps[at : at + length].ravel(), value
            at += length

    def rest(self) -> Samples:
        """What waits, at the end of a stream."""
        rest, self._rest = self._rest, self._rest[:0]
        return rest
