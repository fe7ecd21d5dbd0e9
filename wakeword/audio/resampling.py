"""Resampling of clips and of streams, by soxr's high quality filter.

soxr is imported only where rates differ: a detector at 16 kHz needs numpy alone.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.errors import AudioError


def resample(samples: Samples, rate_from: int, rate_to: int) -> Samples:
    """Convert (n,) samples from one rate to another, both in Hz."""
    if rate_from == rate_to:
        return np.ascontiguousarray(samples, dtype=np.float32)
    import soxr

    return cast(Samples, soxr.resample(samples, rate_from, rate_to).astype(np.float32, copy=False))


class StreamResampler:
    """Converts a stream of any rate to 16 kHz; the joined output does not depend on the blocks.

    Args:
        rate: of the stream, in Hz.

    Raises:
        AudioError: the rate is not between 1000 and 768000 Hz.
    """

    def __init__(self, rate: int) -> None:
        if not 1_000 <= rate <= 768_000:
            raise AudioError(
                f"a sample rate of {rate} Hz is out of range: expected 8000 to 192000 Hz. "
                "Check the rate that the source states."
            )
        self._stream = None
        if rate != SAMPLE_RATE:
            import soxr

            self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")

    def feed(self, samples: Samples, *, last: bool = False) -> Samples:
        """Convert the next (n,) samples; `last` also returns what the filter still holds."""
        if self._stream is None:
            return samples
        return cast(Samples, self._stream.resample_chunk(samples, last=last))
