"""Silence gate: which parts of a stream are so quiet that no model needs to run. Numpy alone.

This is the detector for streams without end. It adapts to the noise of the last ten seconds and
errs towards open: anything that changes in level may be speech. It does not find words; for that
see `wakeword.audio.activity` (whole clips) and `wakeword.audio.endpointing` (one utterance).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from wakeword.audio.levels import frame_power
from wakeword.audio.samples import SAMPLE_RATE, Samples

_FLOOR_STEPS = 500  # the quietest step of the last 10 s is the floor


class SilenceGate:
    """Opens when a stream rises above its own floor, and closes in silence or even noise.

    The floor is the quietest 20 ms of the last ten seconds, so the gate stays open while the level
    changes: speech, music, television, a passing car. It closes in silence and in even noise, such
    as a fan's.

    Args:
        above_db: a 20 ms step this much louder than the floor opens the gate. A word as loud as the
            noise around it is 3 dB above it.
        hold_s: the gate stays open this long after the last such step, and at the beginning.
        before_s: a detector computes this much audio from before the gate opened; no less than the
            receptive field of encoder and head.
    """

    STEP = 320  # samples, 20 ms

    def __init__(self, above_db: float = 3.0, hold_s: float = 1.5, before_s: float = 2.5) -> None:
        self.above_db, self.hold_s, self.before_s = above_db, hold_s, before_s
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        self._power = np.zeros(0)  # of the last steps
        self._rest: Samples = np.zeros(0, dtype=np.float32)  # less than a step
        self._hold = self._hold_steps = round(self.hold_s * SAMPLE_RATE / self.STEP)

    def feed(self, samples: Samples) -> Iterator[tuple[Samples, bool]]:
        """Take the next samples and yield stretches of whole steps, in order.

        Args:
            samples: (n,) at 16 kHz, any n; what does not fill a step of 20 ms waits for more.

        Yields:
            (m,) samples, and whether the gate is open in them.
        """
        samples = np.concatenate([self._rest, samples])
        complete = len(samples) // self.STEP * self.STEP
        samples, self._rest = samples[:complete], samples[complete:]
        power = np.concatenate([self._power, frame_power(samples.astype(np.float64), self.STEP)])
        ratio = 10 ** (self.above_db / 10)
        is_open = []
        for i in range(len(self._power), len(power)):
            floor = power[max(0, i + 1 - _FLOOR_STEPS) : i + 1].min()
            self._hold = self._hold_steps if power[i] > ratio * floor else self._hold - 1
            is_open.append(self._hold > 0)
        self._power = power[-_FLOOR_STEPS:]
        position = 0
        for value, group in groupby(is_open):
            length = len(list(group)) * self.STEP
            yield samples[position : position + length], value
            position += length

    def rest(self) -> Samples:
        """Return, once, the samples that do not fill a step; for the end of a stream."""
        rest, self._rest = self._rest, self._rest[:0]
        return rest
