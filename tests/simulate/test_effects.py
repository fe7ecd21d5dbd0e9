"""Each effect does what its parameters say, and leaves its input unchanged."""

from __future__ import annotations

import numpy as np
import pytest
import tiny as tiny_family

from wakeword.audio.levels import rms
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.simulate.effects import (
    add_noise,
    band_pass,
    change_pitch,
    change_speed,
    coloured_noise,
    fit_peaks,
    limit_bandwidth,
    random_offset,
    reverberate,
)

SOUND = tiny_family.synthetic_audio(1.0)
NOISE = tiny_family.synthetic_audio(0.3, seed=7)
RIR = np.float32([0.5, 1.0, 0.2])


def white_noise(seconds: float = 4.0) -> Samples:
    samples = np.random.default_rng(9).standard_normal(round(seconds * SAMPLE_RATE))
    return samples.astype(np.float32)


def power_spectrum(samples: Samples) -> np.ndarray:
    return np.square(np.abs(np.fft.rfft(samples)))


def tone(hz: float) -> Samples:
    return np.sin(2 * np.pi * hz * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)


EFFECTS = {
    "add_noise": lambda samples: add_noise(samples, NOISE, 10.0, 0.1),
    "reverberate": lambda samples: reverberate(samples, RIR),
    "band_pass": lambda samples: band_pass(samples, 200.0, 3400.0),
    "limit_bandwidth": lambda samples: limit_bandwidth(samples, 4000.0),
    "fit_peaks": lambda samples: fit_peaks(samples * np.float32(5.0)),
    "random_offset": lambda samples: random_offset(samples, np.random.default_rng(0)),
}


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_keeps_its_input_and_its_form(effect: str) -> None:
    samples = SOUND.copy()
    result = EFFECTS[effect](samples)
    np.testing.assert_array_equal(samples, SOUND)
    assert result.shape == SOUND.shape and result.dtype == np.float32
    assert not np.array_equal(result, SOUND)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 30.0])
@pytest.mark.parametrize("noise", [NOISE, NOISE * 100, np.resize(NOISE, 50_000)])
def test_noise_has_the_requested_ratio(snr_db: float, noise: Samples) -> None:
    reference_rms = rms(SOUND[4000:12_000])  # of the keyword alone
    added = add_noise(SOUND, noise, snr_db, reference_rms) - SOUND
    measured_db = 20 * np.log10(reference_rms / rms(added))
    assert measured_db == pytest.approx(snr_db, abs=1.0 if len(noise) > 16_000 else 0.5)


def test_silent_noise_adds_nothing() -> None:
    np.testing.assert_array_equal(add_noise(SOUND, 0 * NOISE, 0.0, 0.1), SOUND)


def test_coloured_noise_has_a_peak_of_one_and_a_falling_spectrum() -> None:
    for seed in range(5):
        noise = coloured_noise(SAMPLE_RATE, np.random.default_rng(seed))
        assert noise.dtype == np.float32 and np.abs(noise).max() == pytest.approx(1.0)
        spectrum = power_spectrum(noise)
        assert spectrum[10:400].mean() > 0.9 * spectrum[4000:].mean()


def test_an_offset_rotates_the_noise() -> None:
    for seed in range(5):
        rotated = random_offset(NOISE, np.random.default_rng(seed))
        first = int(np.flatnonzero(rotated[0] == NOISE)[0])
        np.testing.assert_array_equal(rotated, np.concatenate([NOISE[first:], NOISE[:first]]))


@pytest.mark.parametrize("delay", [0, 1, 500])
def test_the_direct_sound_stays_in_place(delay: int) -> None:
    rir = np.zeros(delay + 1000, np.float32)
    rir[delay], rir[delay + 300] = -0.5, 0.1
    click = np.zeros(4000, np.float32)
    click[1000] = 1.0
    reverberant = reverberate(click, rir)
    assert reverberant.shape == click.shape
    assert np.flatnonzero(np.abs(reverberant) > 1e-5).tolist() == [1000, 1300]
    assert np.abs(reverberant[1000]) == pytest.approx(1.0, abs=1e-5)
    assert reverberant[1300] / reverberant[1000] == pytest.approx(-0.2, abs=1e-5)


def test_a_response_of_one_impulse_changes_nothing() -> None:
    np.testing.assert_allclose(reverberate(SOUND, np.float32([1.0])), SOUND, atol=1e-6)


@pytest.mark.parametrize("low_hz", [60.0, 200.0, 350.0])
@pytest.mark.parametrize("high_hz", [3000.0, 3400.0, 7500.0])
def test_a_band_pass_keeps_the_middle(low_hz: float, high_hz: float) -> None:
    white = white_noise()
    spectrum = power_spectrum(band_pass(white, low_hz, high_hz))
    hz = np.arange(len(spectrum)) / 4
    middle = spectrum[(hz > 500) & (hz < 2500)].mean()
    assert spectrum[hz < 20].mean() < 0.01 * middle
    assert spectrum[hz > 7900].mean() < 0.1 * middle
    assert middle == pytest.approx(power_spectrum(white).mean(), rel=0.1)


@pytest.mark.parametrize("bandwidth_hz", [2000.0, 4000.0])
def test_a_lower_bandwidth_removes_what_is_above(bandwidth_hz: float) -> None:
    white = white_noise()
    spectrum = power_spectrum(limit_bandwidth(white, bandwidth_hz))
    hz = np.arange(len(spectrum)) / 4
    assert spectrum[hz > 1.05 * bandwidth_hz].mean() < 1e-3 * power_spectrum(white).mean()
    below = spectrum[hz < 0.85 * bandwidth_hz].mean()
    assert below == pytest.approx(power_spectrum(white).mean(), rel=0.05)


def test_peaks_beyond_full_scale_are_fitted() -> None:
    loud = SOUND * np.float32(2.0 / np.abs(SOUND).max())
    np.testing.assert_allclose(fit_peaks(loud), loud / 2, rtol=1e-6)
    np.testing.assert_array_equal(fit_peaks(loud / 4), loud / 4)


@pytest.mark.parametrize("factor", [0.88, 1.0, 1.14])
def test_speed_moves_tempo_and_pitch(factor: float) -> None:
    faster = change_speed(tone(500), factor)
    assert len(faster) == pytest.approx(SAMPLE_RATE / factor, abs=1)
    spectrum = np.abs(np.fft.rfft(faster * np.hanning(len(faster))))
    assert spectrum.argmax() * SAMPLE_RATE / len(faster) == pytest.approx(500 * factor, abs=2)


@pytest.mark.parametrize("semitones", [-2.0, 2.0])
def test_pitch_moves_and_length_stays(semitones: float) -> None:
    shifted = change_pitch(tone(500), semitones)
    assert shifted.shape == (SAMPLE_RATE,) and shifted.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(shifted * np.hanning(len(shifted))))
    assert spectrum.argmax() == pytest.approx(500 * 2 ** (semitones / 12), abs=10)
