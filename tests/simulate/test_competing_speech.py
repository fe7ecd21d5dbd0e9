"""Competing speech: level, length and the generator."""

from __future__ import annotations

import numpy as np
import pytest
import tiny as tiny_family

from wakeword.audio.levels import rms
from wakeword.simulate.talkers import competing_speech

LOUD = tiny_family.synthetic_audio(1.0, seed=1)
QUIET = tiny_family.synthetic_audio(1.5, seed=2) / 100


@pytest.mark.parametrize("length", [1, 1000, 16_000, 100_000])
def test_speech_fills_the_length_at_one_level(length: int) -> None:
    speech = competing_speech([LOUD, QUIET], length, np.random.default_rng(0))
    assert speech.shape == (length,) and speech.dtype == np.float32
    assert length < 16_000 or rms(speech) == pytest.approx(1.0, abs=0.3)


def test_a_quiet_talker_is_as_loud_as_a_loud_one() -> None:
    for talker in (LOUD, QUIET):
        speech = competing_speech([talker], len(talker), np.random.default_rng(0))
        assert rms(speech) == pytest.approx(1.0, abs=1e-3)


def test_the_generator_alone_determines_who_speaks() -> None:
    def drawn(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        return [float(value) for value in competing_speech([LOUD, QUIET], 40_000, rng)]

    assert drawn(1) == drawn(1)
    assert any(drawn(seed) != drawn(1) for seed in (2, 3))


def test_silence_stays_finite() -> None:
    silence = np.zeros(8000, dtype=np.float32)
    speech = competing_speech([silence], 20_000, np.random.default_rng(0))
    assert not speech.any() and np.isfinite(speech).all()
