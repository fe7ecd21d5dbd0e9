"""Each transform does what was asked of it, and the same again from the same seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tiny as tiny_family
import torch
from numpy.random import Generator

from wakeword.audio.levels import rms, set_level
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.simulate.effects import (
    add_noise,
    change_pitch,
    change_speed,
    coloured_noise,
    limit_band,
    reverberate,
)
from wakeword.simulate.rirs import simulate_rir
from wakeword.training.augmentation import AugmentConfig, Augmenter, mask_features

SOUND = tiny_family.sound(1.0)
NOISE = tiny_family.sound(0.3, seed=7)


def rng(seed: int = 0) -> Generator:
    return np.random.default_rng(seed)


def level_db(samples: Samples) -> float:
    return 20 * np.log10(rms(samples))


AUGMENTER = Augmenter(AugmentConfig(pitch_share=0.5, room_share=0.5, band_share=0.5), [NOISE], [])
DRAWN: dict[str, Callable[[Generator], Samples]] = {
    "hiss": lambda r: coloured_noise(4000, r),
    "band": lambda r: limit_band(SOUND, r),
    "room": simulate_rir,
    "mask": lambda r: mask_features(torch.randn(200, 80), r).numpy(),
    "voice": lambda r: AUGMENTER.vary_voice(SOUND, r)[0],
    "place": lambda r: AUGMENTER.place(SOUND, rms(SOUND), r),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=list(DRAWN))
def test_a_seed_is_all_there_is_to_chance(draw: Callable[[Generator], Samples]) -> None:
    def drawn(seed: int, disturbance: int) -> Samples:
        np.random.seed(disturbance)  # what others do with it changes nothing
        torch.manual_seed(0)
        return draw(rng(seed))

    first = drawn(1, 1)
    np.testing.assert_array_equal(first, drawn(1, 2))
    assert any(not np.array_equal(first, drawn(seed, 1)) for seed in (2, 3, 4))


@pytest.mark.parametrize("transform", ["add_noise", "set_level", "reverberate", "limit_band"])
def test_what_comes_in_is_not_changed_and_keeps_its_form(transform: str) -> None:
    given, room = SOUND.copy(), np.float32([0.5, 1.0, 0.2])
    made = {
        "add_noise": lambda: add_noise(given, NOISE, 10.0, 0.1),
        "set_level": lambda: set_level(given, -30.0, 0.1),
        "reverberate": lambda: reverberate(given, room),
        "limit_band": lambda: limit_band(given, rng()),
    }[transform]()
    np.testing.assert_array_equal(given, SOUND)
    assert made.shape == SOUND.shape and made.dtype == np.float32
    assert not np.array_equal(made, SOUND)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 30.0])
@pytest.mark.parametrize("noise", [NOISE, NOISE * 100, np.resize(NOISE, 50_000)])
def test_noise_is_as_loud_as_asked(snr_db: float, noise: Samples) -> None:
    reference = rms(SOUND[4000:12_000])  # of the word alone
    added = add_noise(SOUND, noise, snr_db, reference) - SOUND
    heard = 20 * np.log10(reference / rms(added))
    assert heard == pytest.approx(snr_db, abs=1.0 if len(noise) > 16_000 else 0.5)


def test_silent_noise_adds_nothing() -> None:
    np.testing.assert_array_equal(add_noise(SOUND, 0 * NOISE, 0.0, 0.1), SOUND)


@pytest.mark.parametrize("asked", [-42.0, -26.0, -14.0])
def test_level_is_as_asked(asked: float) -> None:
    made = set_level(SOUND / 50, asked, rms(SOUND / 50))
    assert level_db(made) == pytest.approx(asked, abs=0.01)


def test_level_never_clips() -> None:
    made = set_level(SOUND, 20.0, rms(SOUND))
    assert np.abs(made).max() == pytest.approx(0.99, abs=1e-4)
    assert np.array_equal(set_level(0 * SOUND, -20.0, 0.1), 0 * SOUND)


@pytest.mark.parametrize("delay", [0, 1, 500])
def test_the_direct_sound_stays_in_place(delay: int) -> None:
    room = np.zeros(delay + 1000, np.float32)
    room[delay], room[delay + 300] = -0.5, 0.1
    click = np.zeros(4000, np.float32)
    click[1000] = 1.0
    heard = reverberate(click, room)
    assert heard.shape == click.shape
    assert np.flatnonzero(np.abs(heard) > 1e-5).tolist() == [1000, 1300]
    assert np.abs(heard[1000]) == pytest.approx(1.0, abs=1e-5)
    assert heard[1300] / heard[1000] == pytest.approx(-0.2, abs=1e-5)


def test_a_room_of_one_click_changes_nothing() -> None:
    np.testing.assert_allclose(reverberate(SOUND, np.float32([1.0])), SOUND, atol=1e-6)


def test_simulated_rooms_are_rooms() -> None:
    room = simulate_rir(rng())
    direct = int(np.abs(room).argmax())
    assert room.dtype == np.float32 and np.isfinite(room).all()
    assert direct < 0.05 * SAMPLE_RATE  # at most 17 m away
    energy = np.square(room[direct:])
    assert 0.01 < energy[SAMPLE_RATE // 200 :].sum() / energy.sum() < 0.99  # there is a tail


@pytest.mark.parametrize("factor", [0.88, 1.0, 1.14])
def test_speed_moves_tempo_and_pitch(factor: float) -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    faster = change_speed(tone, factor)
    assert len(faster) == pytest.approx(SAMPLE_RATE / factor, abs=1)
    spectrum = np.abs(np.fft.rfft(faster * np.hanning(len(faster))))
    assert spectrum.argmax() * SAMPLE_RATE / len(faster) == pytest.approx(500 * factor, abs=2)


@pytest.mark.parametrize("semitones", [-2.0, 2.0])
def test_pitch_moves_and_length_stays(semitones: float) -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    shifted = change_pitch(tone, semitones)
    assert shifted.shape == tone.shape and shifted.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(shifted * np.hanning(len(shifted))))
    assert spectrum.argmax() == pytest.approx(500 * 2 ** (semitones / 12), abs=10)


@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_band_leaves_the_middle(seed: int) -> None:
    white = rng(9).standard_normal(4 * SAMPLE_RATE).astype(np.float32)
    spectrum = np.square(np.abs(np.fft.rfft(limit_band(white, rng(seed)))))
    hz = np.arange(len(spectrum)) / 4
    middle = spectrum[(hz > 500) & (hz < 2500)].mean()
    assert spectrum[hz < 20].mean() < 0.01 * middle
    assert spectrum[hz > 7900].mean() < 0.1 * middle
    assert middle == pytest.approx(np.square(np.abs(np.fft.rfft(white))).mean(), rel=0.1)


def test_masks_are_stripes_of_the_mean() -> None:
    features = torch.randn(200, 80, generator=torch.Generator().manual_seed(0))
    seen = set()
    for seed in range(40):
        changed = mask_features(features, rng(seed)) != features
        bands, times = changed.all(dim=0), changed.all(dim=1)
        assert torch.equal(changed, bands[None] | times[:, None])
        assert int(bands.sum()) <= 28 and int(times.sum()) <= 24
        seen.add((bool(bands.any()), bool(times.any())))
    assert len(seen) == 4


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_masks_fit_short_features(frames: int) -> None:
    for seed in range(20):
        assert mask_features(torch.ones(frames, 80), rng(seed)).shape == (frames, 80)


def test_voice_tells_by_how_much_times_shrink() -> None:
    always = Augmenter(AugmentConfig(speed_share=1.0, pitch_share=0.0), [], [])
    for seed in range(5):
        samples, factor = always.vary_voice(SOUND, rng(seed))
        assert always.config.speed[0] <= factor <= always.config.speed[1]
        assert len(samples) == pytest.approx(len(SOUND) / factor, abs=1)
    never = Augmenter(AugmentConfig(speed_share=0.0, pitch_share=0.0), [], [])
    samples, factor = never.vary_voice(SOUND, rng())
    assert factor == 1.0 and np.array_equal(samples, SOUND)


def test_a_scene_has_a_level_within_the_range() -> None:
    config = AugmentConfig(room_share=0.0, noise_share=0.0, band_share=0.0)
    for seed in range(10):
        placed = Augmenter(config, [], []).place(SOUND / 9, rms(SOUND / 9), rng(seed))
        assert config.level_db[0] - 0.2 <= level_db(placed) <= config.level_db[1] + 0.2
        assert np.abs(placed).max() < 1.0
