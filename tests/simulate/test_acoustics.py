"""The simulator applies its effects in the documented order, for training and tests alike."""

from __future__ import annotations

import numpy as np
import pytest
import tiny as tiny_family

from wakeword.audio.levels import rms, set_level
from wakeword.simulate.acoustics import Acoustics
from wakeword.simulate.effects import (
    add_noise,
    band_pass,
    fit_peaks,
    limit_bandwidth,
    reverberate,
)

SOUND = tiny_family.synthetic_audio(1.0)
NOISE = tiny_family.synthetic_audio(0.3, seed=7)
RIR = np.float32([0.5, 1.0, 0.0, 0.8])
REFERENCE_RMS = rms(SOUND[4000:12_000])


def test_no_acoustics_change_nothing() -> None:
    assert Acoustics().apply(SOUND, REFERENCE_RMS) is SOUND


@pytest.mark.parametrize(
    ("acoustics", "expected"),
    [
        (Acoustics(rir=RIR), reverberate(SOUND, RIR)),
        (Acoustics(noise=NOISE, snr_db=5.0), add_noise(SOUND, NOISE, 5.0, REFERENCE_RMS)),
        (Acoustics(band_hz=(200.0, 3400.0)), band_pass(SOUND, 200.0, 3400.0)),
        (Acoustics(bandwidth_hz=4000.0), limit_bandwidth(SOUND, 4000.0)),
        (Acoustics(level_db=-40.0), set_level(SOUND, -40.0, REFERENCE_RMS)),
        (Acoustics(gain_db=-20.0), SOUND * np.float32(0.1)),
    ],
    ids=["rir", "noise", "band", "bandwidth", "level", "gain"],
)
def test_each_field_is_its_effect(acoustics: Acoustics, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(acoustics.apply(SOUND, REFERENCE_RMS), expected)


def test_peaks_are_fitted_only_where_they_exceed_full_scale() -> None:
    loud = Acoustics(noise=NOISE, snr_db=-20.0, fits_peaks=True).apply(SOUND, REFERENCE_RMS)
    assert np.abs(loud).max() == pytest.approx(1.0)
    np.testing.assert_array_equal(Acoustics(fits_peaks=True).apply(SOUND, REFERENCE_RMS), SOUND)


def test_the_order_is_room_noise_band_level() -> None:
    acoustics = Acoustics(
        rir=RIR,
        noise=NOISE,
        snr_db=-10.0,
        fits_peaks=True,
        band_hz=(200.0, 3400.0),
        bandwidth_hz=4000.0,
        level_db=-30.0,
        gain_db=-6.0,
    )
    expected = fit_peaks(add_noise(reverberate(SOUND, RIR), NOISE, -10.0, REFERENCE_RMS))
    expected = limit_bandwidth(band_pass(expected, 200.0, 3400.0), 4000.0)
    expected = set_level(expected, -30.0, REFERENCE_RMS) * np.float32(10 ** (-6 / 20))
    np.testing.assert_array_equal(acoustics.apply(SOUND, REFERENCE_RMS), expected)
