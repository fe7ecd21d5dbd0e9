"""Voices that speak in tones at once, instead of the installed engines."""

from __future__ import annotations

import pytest
import tiny as tiny_family
import training

from wakeword.audio.samples import Samples
from wakeword.data.keywords import contains_phrase
from wakeword.synthetic import dataset, noises, plan, takes
from wakeword.tts.voices import Voice

PHRASE = "hey jarvis"
VARIANTS = ("f1", "f2", "m1", "m2", "f3", "m4")  # the last two are held out


@pytest.fixture
def voices() -> list[Voice]:
    """Four voices to train on and two to hold out."""
    return [Voice("espeak", f"en-us+{name}", f"espeak_{name}") for name in VARIANTS]


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch, voices: list[Voice]) -> list[str]:
    """The voices speak in tones: one word for the phrase. Returns what they have spoken so far."""
    spoken: list[str] = []

    def synthesise(text: str, voice: Voice, *, seed: int = 0, **_: object) -> Samples:
        spoken.append(text)
        seed += VARIANTS.index(voice.name.partition("+")[2]) << 20
        if contains_phrase(PHRASE, text):
            return training.word(seed)
        return tiny_family.synthetic_audio(1.5, seed=seed)

    monkeypatch.setattr(takes, "synthesise", synthesise)
    monkeypatch.setattr(takes, "available_cores", lambda: 1)
    monkeypatch.setattr(dataset, "list_language_voices", lambda language, engines=(): voices)
    monkeypatch.setattr(plan, "similar_words", lambda phrase, count: ["hey service"])
    monkeypatch.setattr(noises, "_NOISE_S", 2.0)
    return spoken
