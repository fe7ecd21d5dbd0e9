"""Word bounds: the loudest word of a clip is found in quiet, noise and hum."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import tiny as tiny_family
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wakeword.audio.activity import word_bounds
from wakeword.audio.samples import SAMPLE_RATE, Samples


def tone(seconds: float) -> Samples:
    time_s = np.arange(round(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    return (0.4 * np.sin(2 * np.pi * 440 * time_s)).astype("f4")


def quiet(seconds: float) -> Samples:
    return np.zeros(round(SAMPLE_RATE * seconds), np.float32)


@pytest.mark.parametrize("gain", [1.0, 1e-2])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_word_is_found_in_quiet_and_in_noise(gain: float, noise: float) -> None:
    samples = np.concatenate([quiet(0.5), tone(0.6), quiet(0.4)])
    samples += noise * np.random.default_rng(0).standard_normal(len(samples))
    assert word_bounds((gain * samples).astype("f4")) == pytest.approx((0.5, 1.1), abs=0.03)


def test_syllables_are_one_word_and_a_longer_pause_separates_words() -> None:
    syllables = np.concatenate([tone(0.3), quiet(0.1), tone(0.2)])
    samples = np.concatenate([tone(0.2), quiet(0.5), syllables, quiet(0.5)])
    assert word_bounds(samples) == pytest.approx((0.7, 1.3), abs=0.03)


def test_the_search_is_limited_to_the_times_given() -> None:
    two = np.concatenate([quiet(0.3), tone(0.3), quiet(0.4)] * 2)
    assert word_bounds(two, 0.0, 0.9) == pytest.approx((0.3, 0.6), abs=0.03)
    assert word_bounds(two, 1.0, 1.9) == pytest.approx((1.3, 1.6), abs=0.03)
    assert word_bounds(two, 1.0) == pytest.approx((1.3, 1.6), abs=0.03)


@pytest.mark.parametrize("samples", [tone(1.0), quiet(1.0), tone(0.01)])
def test_a_recording_of_constant_level_is_one_word(samples: Samples) -> None:
    seconds = len(samples) / SAMPLE_RATE
    assert word_bounds(samples) == pytest.approx((0.0, seconds), abs=0.03)


@pytest.mark.parametrize("hum", [0.1, 1.0])
def test_hum_as_loud_as_the_word_does_not_hide_it(hum: float) -> None:
    rng = np.random.default_rng(0)
    word = 0.3 * scipy.signal.lfilter([1], [1, -0.9], rng.standard_normal(8000))
    samples = np.concatenate([quiet(0.6), word, quiet(0.7)])
    time_s = np.arange(len(samples)) / SAMPLE_RATE
    rising = np.linspace(0.5, 1.0, len(samples))  # without the filter, its end is the loudest
    samples = samples + hum * rising * np.sin(2 * np.pi * 60 * time_s)
    samples *= 0.3 / np.abs(samples).max()
    assert word_bounds(samples.astype("f4")) == pytest.approx((0.6, 1.1), abs=0.05)


@settings(max_examples=40)
@example(1120, 1.0, None, 1)
@given(st.integers(1, 20_000), st.floats(0, 3), st.none() | st.floats(0, 3), st.integers(0, 9))
def test_bounds_lie_within_the_recording(
    length: int, first_s: float, last_s: float | None, seed: int
) -> None:
    samples = tiny_family.synthetic_audio(1.25, seed)[:length]
    start_s, end_s = word_bounds(samples, first_s, last_s)
    assert 0 <= start_s < end_s <= len(samples) / SAMPLE_RATE
