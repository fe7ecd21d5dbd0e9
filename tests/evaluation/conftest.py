"""A small data set for tests of streams, conditions and evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wakeword.audio.files import save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset


def tone(hz: float, seconds: float) -> Samples:
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """A keyword of two tones in quiet, two kinds of noise, a near and a far room."""
    rng = np.random.default_rng(0)
    keyword = np.concatenate([np.zeros(8000), tone(700, 0.3) + tone(6000, 0.3), np.zeros(8000)])
    near = np.zeros(4000)
    near[100], near[1000] = 1.0, 0.5
    far = np.zeros(4000)
    far[100], far[600], far[1200] = 1.0, 0.9, 0.9
    recordings = {
        "word": keyword,
        "hum": rng.standard_normal(30_000) * 0.1,
        "fan": rng.standard_normal(30_000) * 0.1,
        "near": near,
        "far": far,
        "talk": rng.standard_normal(60_000) * 0.1,
    }
    for name, samples in recordings.items():
        save_audio(tmp_path / f"{name}.flac", samples.astype(np.float32))

    def clip(name: str, **metadata: object) -> Clip:
        return Clip(tmp_path / f"{name}.flac", split="dev", **metadata)

    return Dataset(
        tmp_path,
        "made up",
        keywords=(clip("word", label="alexa", speaker="ann"),),
        negatives=(clip("talk", source="talk"),),
        noises=(clip("hum", source="hum"), clip("fan", source="fan")),
        rirs=(clip("near"), clip("far")),
    )
