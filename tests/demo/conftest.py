"""A small data set of tones instead of speech, and a model that detects the keyword's tone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import torch

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import contains_phrase
from wakeword.demo import dataset
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.synthetic import noises, takes
from wakeword.tts.voices import Voice, all_voices

KEYWORD = "hey jarvis"
FRAME = 640  # samples


class FakeSynthesise(Protocol):
    def __call__(
        self, text: str, voice: Voice, *, speed: float = 1.0, pitch: float = 0.0, seed: int = 0
    ) -> Samples: ...


class ToneModel(torch.nn.Module):
    """Stands in for a model trained on these tones: detects the keyword where the tone is high."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.keywords, self.frame_s = (KEYWORD,), FRAME / SAMPLE_RATE
        self.first_block = self.block = FRAME
        self.operating_point = OperatingPoint({KEYWORD: threshold}, 0.08, 1.0, "made up")
        self.origin = Origin("tones", "chunked", "", "none", "none")

    def forward(
        self, samples: torch.Tensor, state: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(1, samples) → (1, U, 1)"""
        pending = samples if state is None else torch.cat([state, samples], dim=1)
        frames = pending[0, : pending.shape[1] // FRAME * FRAME].reshape(-1, FRAME)
        spectrum = torch.fft.rfft(frames).abs()
        high = spectrum.argmax(dim=1) * SAMPLE_RATE / FRAME > 700
        loud = frames.square().mean(dim=1) > 1e-4
        return 16.0 * (high & loud)[None, :, None] - 8.0, pending[:, frames.numel() :]

    step = WakeWordModel.step
    device = torch.device("cpu")


@pytest.fixture
def tone_model() -> Callable[[float], ToneModel]:
    """Returns a model with the given threshold."""
    return ToneModel


@pytest.fixture
def fake_synthesise() -> FakeSynthesise:
    """A rising tone for the keyword, a deep buzz for all else; voices differ a little."""

    def synthesise(
        text: str, voice: Voice, *, speed: float = 1.0, pitch: float = 0.0, seed: int = 0
    ) -> Samples:
        rng = np.random.default_rng((seed, len(voice.id)))
        time_s = np.arange(round(SAMPLE_RATE * 0.6 / speed)) / SAMPLE_RATE
        sweep_hz = 1500.0 if contains_phrase(KEYWORD, text) else 0.0
        phase = 2 * np.pi * (200 + 15 * pitch + sweep_hz * time_s) * time_s
        samples = np.sin(phase) + 0.05 * rng.standard_normal(len(time_s))
        return (0.3 * samples).astype(np.float32)

    return synthesise


@pytest.fixture
def fake_voices(monkeypatch: pytest.MonkeyPatch, fake_synthesise: FakeSynthesise) -> None:
    """All voices are installed, and speak in tones."""
    monkeypatch.setattr(takes, "synthesise", fake_synthesise)
    monkeypatch.setattr(dataset, "list_voices", lambda: list(all_voices()))


@pytest.fixture
def few_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set that is made in a second."""
    monkeypatch.setattr(dataset, "_TRAIN_CLIPS", {"kokoro": 8, "espeak": 40})
    monkeypatch.setattr(dataset, "_HELD_OUT_CLIPS", {"kokoro": 6, "joe": 2, "espeak": 12})
    monkeypatch.setattr(dataset, "_HELD_OUT_CONFUSABLES", {"kokoro": 6, "joe": 2, "espeak": 12})
    monkeypatch.setattr(dataset, "_HELD_OUT_SPEECH", {"kokoro": 6, "espeak": 24})
    monkeypatch.setattr(noises, "_NOISE_S", 3.0)


@pytest.fixture
def data(tmp_path: Path, fake_voices: None, few_clips: None) -> Dataset:
    """The demo's data set, of few clips."""
    return dataset.make_demo_dataset(tmp_path / "data", KEYWORD, workers=1)
