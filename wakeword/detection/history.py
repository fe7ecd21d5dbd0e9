"""The last seconds of a stream, kept so that they can be read back by time."""

from __future__ import annotations

from collections import deque

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.errors import AudioError


class AudioHistory:
    """The last samples of one stream at 16 kHz, whatever the pieces in which they come.

    Args:
        keep: samples that are kept before the position that `append` names; 0 keeps nothing.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._pieces: deque[Samples] = deque()
        self._start = self._end = 0  # samples of the stream before the first and after the last

    def append(self, samples: Samples, position: int) -> None:
        """Append the next (n,) samples of the stream.

        Args:
            samples: are copied.
            position: of the stream, in samples; what is more than `keep` before it is dropped,
                piece by piece.
        """
        if not self._keep:
            return
        while self._pieces and self._start + len(self._pieces[0]) <= position - self._keep:
            self._start += len(self._pieces.popleft())
        self._pieces.append(samples.copy())
        self._end += len(samples)

    def between(self, start_s: float, end_s: float | None = None) -> Samples:
        """Return the samples between two times of the stream.

        Args:
            start_s: in seconds.
            end_s: in seconds; None is the end of the stream so far.

        Returns:
            (samples,) float32 at 16 kHz, a copy.

        Raises:
            AudioError: they are not there any more, or not yet.
        """
        first = round(start_s * SAMPLE_RATE)
        last = self._end if end_s is None else round(end_s * SAMPLE_RATE)
        if not self._start <= first <= last <= self._end:
            raise AudioError(self._out_of_range_message(start_s, end_s))
        joined = np.concatenate([np.zeros(0, dtype=np.float32), *self._pieces])
        return joined[first - self._start : last - self._start]

    def _out_of_range_message(self, start_s: float, end_s: float | None) -> str:
        asked = f"audio from {start_s:.2f} s" + ("" if end_s is None else f" to {end_s:.2f} s")
        if not self._keep:
            return f"{asked}: this detector keeps no audio. Give it keep_s, in seconds."
        kept = f"{self._start / SAMPLE_RATE:.2f} s to {self._end / SAMPLE_RATE:.2f} s"
        return (
            f"{asked} of the stream is not there: it has {kept}. Expected times in this order and "
            "range; a larger keep_s keeps more, and what comes later is there once it is fed."
        )
