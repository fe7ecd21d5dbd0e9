"""Levels: RMS, gain, power of frames and decibels."""

from __future__ import annotations

import numpy as np
import pytest
import tiny as tiny_family

from wakeword.audio.levels import frame_power, level_db, power_to_db, rms, set_level


def test_the_level_is_in_db_relative_to_full_scale() -> None:
    assert level_db(np.ones(10, np.float32)) == 0
    assert level_db(np.full(10, 0.1, np.float32)) == pytest.approx(-20, abs=0.01)
    assert level_db(np.zeros(10, np.float32)) == level_db(np.zeros(0, np.float32)) == -90
    assert level_db(np.zeros(10, np.float32), -60.0) == -60


def test_rms_is_never_zero() -> None:
    assert rms(np.array([0.3, -0.3], np.float32)) == pytest.approx(0.3)
    assert rms(np.zeros(10, np.float32)) == pytest.approx(1e-6)


def test_a_level_is_set_without_clipping() -> None:
    samples = np.array([0.1, -0.1, 0.1, -0.1], np.float32)
    assert rms(set_level(samples, -26.0, rms(samples))) == pytest.approx(10 ** (-26 / 20))
    peaky = np.array([0.0, 0.0, 0.0, 1.0], np.float32)
    assert np.abs(set_level(peaky, 0.0, rms(peaky))).max() == pytest.approx(0.99)


@pytest.mark.parametrize("wanted_db", [-42.0, -26.0, -14.0])
def test_a_set_level_is_as_requested(wanted_db: float) -> None:
    samples = tiny_family.synthetic_audio(1.0) / 50
    given = samples.copy()
    result = set_level(given, wanted_db, rms(given))
    assert 20 * np.log10(rms(result)) == pytest.approx(wanted_db, abs=0.01)
    np.testing.assert_array_equal(given, samples)
    assert result.shape == samples.shape and result.dtype == np.float32


def test_no_level_clips_and_silence_stays_silent() -> None:
    samples = tiny_family.synthetic_audio(1.0)
    assert np.abs(set_level(samples, 20.0, rms(samples))).max() == pytest.approx(0.99, abs=1e-4)
    assert np.array_equal(set_level(0 * samples, -20.0, 0.1), 0 * samples)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frame_power_is_the_mean_square_of_whole_frames(dtype: type) -> None:
    samples = np.array([1, 1, 0, 2, 5], dtype)
    power = frame_power(samples, 2)
    assert power.dtype == dtype
    np.testing.assert_array_equal(power, [1, 2])


def test_power_below_the_floor_counts_as_the_floor() -> None:
    np.testing.assert_allclose(power_to_db(np.array([1.0, 0.01, 0.0])), [0, -20, -100])
    np.testing.assert_allclose(power_to_db(np.array([0.0]), 1e-3), [-30])
