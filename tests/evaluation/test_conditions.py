"""Conditions by name, and the acoustics that each of them gives a keyword clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wakeword.data.dataset import Dataset
from wakeword.errors import ConfigError
from wakeword.evaluation.conditions import (
    CLEAN,
    NARROW,
    QUIET,
    ROOMS,
    TALKER,
    all_conditions,
    conditions_by_name,
    noisy,
)
from wakeword.simulate.acoustics import Acoustics

NOISES = [np.arange(1.0, 4.0, dtype=np.float32), np.arange(4.0, 7.0, dtype=np.float32)]
RIRS = [np.float32([1.0]), np.float32([1.0, 0.5])]


def test_conditions_are_those_that_the_data_has_recordings_for(data: Dataset) -> None:
    names = [condition.name for condition in all_conditions(data)]
    assert names == [
        *("clean", "10 dB", "5 dB", "0 dB", "talker", "near room", "far room"),
        *("30 dB quieter", "8 kHz"),
    ]
    more = [condition.name for condition in all_conditions(data, by_noise=True)]
    assert set(more) - set(names) == {f"{s} dB {n}" for s in (10, 5, 0) for n in ("hum", "fan")}
    assert not any(c.room for c in all_conditions(replace(data, rirs=())))
    assert conditions_by_name(["0 dB fan", "clean"], data) == (noisy(0.0, "fan"), CLEAN)
    with pytest.raises(ConfigError, match="far room"):
        conditions_by_name(["farroom"], data)


def test_conditions_that_choose_nothing_draw_nothing() -> None:
    rng = np.random.default_rng(0)
    assert CLEAN.acoustics(100, NOISES, [], rng) == Acoustics()
    assert QUIET.acoustics(100, NOISES, [], rng) == Acoustics(gain_db=-30.0)
    assert NARROW.acoustics(100, NOISES, [], rng) == Acoustics(bandwidth_hz=4000.0)
    assert rng.random() == np.random.default_rng(0).random()


def test_rooms_and_noises_are_chosen_by_the_generator() -> None:
    room_acoustics = [
        ROOMS[1].acoustics(100, [], RIRS, np.random.default_rng(i)) for i in range(20)
    ]
    assert {id(acoustics.rir) for acoustics in room_acoustics} == {id(rir) for rir in RIRS}
    assert all(acoustics.fits_peaks and acoustics.noise is None for acoustics in room_acoustics)
    noises = [noisy(5.0).acoustics(100, NOISES, [], np.random.default_rng(i)) for i in range(60)]
    drawn = {tuple(acoustics.noise.tolist()) for acoustics in noises}
    rotations = {tuple(np.roll(noise, k).tolist()) for noise in NOISES for k in range(3)}
    assert drawn == rotations
    assert all(acoustics.snr_db == 5.0 and acoustics.fits_peaks for acoustics in noises)


def test_the_noise_of_a_talker_is_speech_without_a_pause() -> None:
    talkers = [np.full(30, 0.5, dtype=np.float32), np.full(45, -0.1, dtype=np.float32)]
    acoustics = TALKER.acoustics(100, talkers, [], np.random.default_rng(0))
    assert acoustics.noise is not None and acoustics.noise.shape == (100,)
    assert acoustics.snr_db == 5.0 and acoustics.fits_peaks
    assert set(acoustics.noise.round(4)) == {1.0, -1.0}  # every talker at the same level
    alone = TALKER.acoustics(100, [], [], np.random.default_rng(0))  # no negatives: synthetic noise
    assert alone.noise is not None and len(set(alone.noise.round(4))) > 10


def test_noise_is_synthetic_where_the_data_has_none() -> None:
    acoustics = noisy(0.0).acoustics(100, [], [], np.random.default_rng(0))
    assert acoustics.noise is not None and acoustics.noise.shape == (100,)
