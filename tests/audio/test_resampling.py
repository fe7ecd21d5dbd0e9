"""Resampling gives the same samples whatever the blocks of a stream."""

from __future__ import annotations

import numpy as np
import pytest
import tiny as tiny_family
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.audio.resampling import StreamResampler, resample
from wakeword.errors import AudioError


@settings(max_examples=40)
@given(
    st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]),
    st.lists(st.integers(0, 5000), min_size=1, max_size=8),
    st.integers(0, 12_000),
)
def test_a_stream_in_any_blocks_gives_the_same_samples(
    rate: int, sizes: list[int], length: int
) -> None:
    samples = tiny_family.synthetic_audio(12_000 / rate, rate=rate)[:length]
    whole = StreamResampler(rate).feed(samples, last=True)
    stream = StreamResampler(rate)
    out, position = [], 0
    for size in sizes:
        out.append(stream.feed(samples[position : position + size]))
        position += size
    out.append(stream.feed(samples[position:], last=True))
    np.testing.assert_array_equal(np.concatenate(out), whole)


def test_equal_rates_change_nothing() -> None:
    samples = tiny_family.synthetic_audio(0.1)
    np.testing.assert_array_equal(resample(samples, 16_000, 16_000), samples)
    np.testing.assert_array_equal(StreamResampler(16_000).feed(samples), samples)


@pytest.mark.parametrize("rate", [0, -1, 999, 1_000_000])
def test_impossible_rates_are_refused(rate: int) -> None:
    with pytest.raises(AudioError, match=f"sample rate of {rate} Hz is out of range"):
        StreamResampler(rate)
