"""TODO."""

from __future__ import annotations

from typing import cast

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.errors import AudioError


def resample(samples: Samples, rate_from: int, rate_to: int) -> Samples:
    """(samples,) at one rate → the same sound at another, by soxr's high quality filter."""
    if rate_from == rate_to:
        return np.ascontiguousarray(samples, dtype=np.float32)
    import soxr  # only where rates differ: a detector at 16 kHz goes without it

    return cast(Samples, soxr.resample(samples, rate_from, rate_to).astype(np.float32, copy=False))


class StreamResampler:
    """A stream at any rate → 16 kHz. Whatever the pieces, the joined output is the same."""

    def __init__(self, rate: int) -> None:
        if not 1_000 <= rate <= 768_000:
            raise AudioError(f"a sample rate of {rate} Hz: expected 8000 to 192000. Check it.")
        self._stream = None
        if rate != SAMPLE_RATE:
            import soxr

            self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")

    def feed(self, samples: Samples, *, last: bool = False) -> Samples:
        """The next piece; `last` lets out what the filter still holds."""
        if self._stream is None:
            return samples
        return cast(Samples, self._stream.resample_chunk(samples, last=last))
