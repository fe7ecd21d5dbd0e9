"""Augmentation draws within its ranges, and the same again from the same seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tiny as tiny_family
import torch
from numpy.random import Generator

from wakeword.audio.levels import rms
from wakeword.audio.samples import Samples
from wakeword.simulate.effects import coloured_noise
from wakeword.simulate.rirs import simulate_rir
from wakeword.training.augmentation import AugmentConfig, Augmenter, mask_features

SOUND = tiny_family.synthetic_audio(1.0)
NOISE = tiny_family.synthetic_audio(0.3, seed=7)
RIR = np.float32([0.5, 1.0, 0.2])


def rng(seed: int = 0) -> Generator:
    return np.random.default_rng(seed)


def level_db(samples: Samples) -> float:
    return 20 * np.log10(rms(samples))


AUGMENTER = Augmenter(AugmentConfig(pitch_share=0.5, room_share=0.5, band_share=0.5), [NOISE], [])
DRAWS: dict[str, Callable[[Generator], Samples]] = {
    "noise": lambda r: coloured_noise(4000, r),
    "room": simulate_rir,
    "mask": lambda r: mask_features(torch.randn(200, 80), r).numpy(),
    "voice": lambda r: AUGMENTER.vary_voice(SOUND, r)[0],
    "acoustics": lambda r: AUGMENTER.draw_acoustics(len(SOUND), r).apply(SOUND, rms(SOUND)),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=list(DRAWS))
def test_only_the_generator_determines_a_draw(draw: Callable[[Generator], Samples]) -> None:
    def drawn(seed: int, global_seed: int) -> Samples:
        np.random.seed(global_seed)  # global random state has no influence
        torch.manual_seed(0)
        return draw(rng(seed))

    first = drawn(1, 1)
    np.testing.assert_array_equal(first, drawn(1, 2))
    assert any(not np.array_equal(first, drawn(seed, 1)) for seed in (2, 3, 4))


def test_the_factor_is_by_how_much_a_clip_shrinks() -> None:
    always = Augmenter(AugmentConfig(speed_share=1.0, pitch_share=0.0), [], [])
    for seed in range(5):
        samples, factor = always.vary_voice(SOUND, rng(seed))
        assert always.config.speed[0] <= factor <= always.config.speed[1]
        assert len(samples) == pytest.approx(len(SOUND) / factor, abs=1)
    never = Augmenter(AugmentConfig(speed_share=0.0, pitch_share=0.0), [], [])
    samples, factor = never.vary_voice(SOUND, rng())
    assert factor == 1.0 and np.array_equal(samples, SOUND)


def test_the_level_lies_within_its_range() -> None:
    config = AugmentConfig(room_share=0.0, noise_share=0.0, band_share=0.0)
    for seed in range(10):
        acoustics = Augmenter(config, [], []).draw_acoustics(len(SOUND), rng(seed))
        samples = acoustics.apply(SOUND / 9, rms(SOUND / 9))
        assert config.level_db[0] - 0.2 <= level_db(samples) <= config.level_db[1] + 0.2
        assert np.abs(samples).max() < 1.0


def test_acoustics_are_drawn_from_shares_and_ranges() -> None:
    config = AugmentConfig(room_share=0.5, noise_share=0.5, band_share=0.5)
    augmenter = Augmenter(config, [NOISE], [RIR])
    drawn = [augmenter.draw_acoustics(16_000, rng(seed)) for seed in range(200)]
    shares = [
        np.mean([acoustics.rir is not None for acoustics in drawn]),
        np.mean([acoustics.snr_db < 30 for acoustics in drawn]),
        np.mean([acoustics.band_hz is not None for acoustics in drawn]),
    ]
    assert shares == pytest.approx([0.5] * 3, abs=0.12)
    assert sum(acoustics.rir is RIR for acoustics in drawn) > 0.6 * 0.5 * len(drawn)
    for acoustics in drawn:
        assert -5 <= acoustics.snr_db <= 25 or 35 <= acoustics.snr_db <= 60
        assert acoustics.noise is not None and not acoustics.fits_peaks
        if acoustics.band_hz:
            low_hz, high_hz = acoustics.band_hz
            assert 60 <= low_hz <= 350 and 3000 <= high_hz <= 7500


def test_a_share_of_the_noises_is_competing_speech() -> None:
    talker = np.full(4000, 0.25, dtype=np.float32)  # at an RMS of 1 it is constant
    config = AugmentConfig(noise_share=0.5, talker_share=0.4, room_share=0.0)

    def drawn(config: AugmentConfig, talkers: list[Samples]) -> float:
        augmenter = Augmenter(config, [NOISE], [], talkers)
        acoustics = [augmenter.draw_acoustics(16_000, rng(seed)) for seed in range(300)]
        noises = [each.noise for each in acoustics if each.snr_db < 30]
        speech = [noise for noise in noises if noise is not None and np.all(noise == 1.0)]
        assert {noise.shape for noise in speech} <= {(16_000,)}
        return len(speech) / len(noises)

    assert drawn(config, [talker]) == pytest.approx(0.4, abs=0.1)
    assert drawn(replace(config, talker_share=1.0), [talker]) == 1.0
    assert drawn(replace(config, talker_share=0.0), [talker]) == 0.0
    assert drawn(config, []) == 0.0  # without recordings of speech there is none


def test_masks_are_stripes_of_the_mean() -> None:
    features = torch.randn(200, 80, generator=torch.Generator().manual_seed(0))
    kinds = set()
    for seed in range(40):
        changed = mask_features(features, rng(seed)) != features
        bands, frames = changed.all(dim=0), changed.all(dim=1)
        assert torch.equal(changed, bands[None] | frames[:, None])
        assert int(bands.sum()) <= 28 and int(frames.sum()) <= 24
        kinds.add((bool(bands.any()), bool(frames.any())))
    assert len(kinds) == 4


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_masks_fit_short_features(frames: int) -> None:
    for seed in range(20):
        assert mask_features(torch.ones(frames, 80), rng(seed)).shape == (frames, 80)
