"""From pieces of a stream, of any length and rate, to the blocks of samples that a model takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wakeword.audio.resampling import StreamResampler
from wakeword.audio.samples import SAMPLE_RATE, Samples, as_float32
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.history import AudioHistory
from wakeword.detection.trigger import StreamModel
from wakeword.errors import ConfigError

AudioPiece = npt.NDArray[np.float32] | npt.NDArray[np.int16]
"""(n,) samples of one channel, float32 in [-1, 1] or int16."""


class Block(NamedTuple):
    """Samples that a model takes in one step.

    Attributes:
        samples: (first_block,) or (block,) at 16 kHz.
        is_first: whether the model starts here, without a state.
    """

    samples: Samples
    is_first: bool


class Gap(NamedTuple):
    """A stretch of silence that no block covers.

    Attributes:
        end: sample of the stream, at 16 kHz, with which the next block begins.
    """

    end: int


class BlockBuffer:
    """Collects one stream into the blocks of a model.

    A model's first block is longer than the others, because the first frames wait for the
    look-ahead. However the stream is cut into pieces, the blocks are the same.

    Args:
        model: whose blocks are collected.
        rate: of the stream, in Hz; samples are resampled to 16 kHz.
        keep_s: seconds before each detection that the history holds; 0 keeps none.

    Attributes:
        history: the last samples at 16 kHz, also those that a gate drops.
        in_silence: whether the gate was closed at the end of the last piece.
    """

    def __init__(self, model: StreamModel, rate: int, keep_s: float = 0.0) -> None:
        self._rate = rate
        self._first_block, self._block = model.first_block, model.block
        # after a gap, blocks begin where they would begin without one
        self._grid = math.lcm(round(model.frame_s * SAMPLE_RATE), model.block)
        self._resampler = StreamResampler(rate)
        self._pending: Samples = np.zeros(0, dtype=np.float32)
        self._position = 0  # samples of the stream before `_pending`
        self._next_is_first = True
        self.in_silence = False
        # a detection is at most this long before what the model has taken
        delay = model.first_block + self._grid
        self.history = AudioHistory(round(keep_s * SAMPLE_RATE) + delay if keep_s else 0)

    def push(self, piece: AudioPiece) -> None:
        """Append the next samples of the stream.

        Raises:
            ConfigError: samples of several channels, or of another type than float or int16.
        """
        self._append(self._resampled(piece))

    def pop(self) -> Block | None:
        """Return the next block and remove it, or None until all of its samples are there."""
        size = self._first_block if self._next_is_first else self._block
        if len(self._pending) < size:
            return None
        block = Block(self._pending[:size], self._next_is_first)
        self._pending = self._pending[size:]
        self._position += size
        self._next_is_first = False
        return block

    def pop_all(self) -> Iterator[Block]:
        """Yield every block that is complete, and remove it."""
        while (block := self.pop()) is not None:
            yield block

    def push_gated(self, piece: AudioPiece, gate: SilenceGate) -> Iterator[Block | Gap]:
        """Append the next samples; yield the blocks of those that the gate lets through.

        While the gate is closed, samples are kept as far back as it states and then dropped.
        """
        for stretch, is_open in gate.feed(self._resampled(piece)):
            self.in_silence = not is_open
            if is_open:
                self._append(stretch)
                yield from self.pop_all()
                continue
            # one step after the other: what is dropped must not depend on the pieces
            for step in np.split(stretch, len(stretch) // SilenceGate.STEP):
                self._append(step)
                if gap := self._drop_silence(round(gate.before_s * SAMPLE_RATE)):
                    yield gap

    def finish(self, gate: SilenceGate | None = None) -> None:
        """End the stream: append what resampler and gate hold, and silence to fill the blocks."""
        tail = self._resampler.feed(np.zeros(0, dtype=np.float32), last=True)
        silence = np.zeros(self._first_block + self._block, dtype=np.float32)
        tail = np.concatenate([tail, silence])
        self.history.append(tail, self._position)
        self._resampler = StreamResampler(self._rate)
        self._append(np.concatenate([gate.rest(), tail]) if gate else tail)

    def _append(self, samples: Samples) -> None:
        self._pending = np.concatenate([self._pending, samples])

    def _resampled(self, piece: AudioPiece) -> Samples:
        """Return (n,) samples of any rate at 16 kHz.

        Raises:
            ConfigError: several channels, or no samples.
        """
        samples = as_float32(piece)
        if samples.ndim != 1:
            first = "samples[0]" if samples.shape[:1] < samples.shape[1:] else "samples[:, 0]"
            raise ConfigError(
                f"samples of shape {samples.shape}: expected one channel, (n,). "
                f"Take one channel, {first}, or the mean of all."
            )
        resampled = self._resampler.feed(samples)
        self.history.append(resampled, self._position)
        return resampled

    def _drop_silence(self, keep: int) -> Gap | None:
        """Drop all but the last `keep` samples once they are a second longer.

        After the gap the model starts from a fresh state.
        """
        if len(self._pending) < keep + SAMPLE_RATE:
            return None
        end = self._position + len(self._pending)
        start = (end - keep) // self._grid * self._grid
        self._pending = self._pending[start - self._position :]
        self._position = start
        self._next_is_first = True
        return Gap(start)
