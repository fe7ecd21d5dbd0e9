"""What sounds like a keyword: by its phonemes, not by its letters."""

from __future__ import annotations

import importlib.resources

import pytest

from wakeword.data.keywords import contains_phrase
from wakeword.errors import ConfigError
from wakeword.tts.confusables import _distance, similar_words


@pytest.fixture
def lexicon() -> None:
    pytest.importorskip("hibari")


@pytest.mark.usefixtures("lexicon")
def test_neighbours_by_sound_nearest_first() -> None:
    near = similar_words("jarvis", 20)
    assert len(near) == 20 and {"service", "harvest", "dervish"} <= set(near)
    assert "jarvis" not in near and "Jarvis" not in near
    assert near == similar_words("jarvis", 60)[:20]


@pytest.mark.usefixtures("lexicon")
def test_of_two_words_each_has_its_neighbours() -> None:
    near = similar_words("hey siri", 40)
    assert {"hey series", "hey Syria", "fay siri"} <= set(near)
    assert not any(contains_phrase("hey siri", phrase) for phrase in near)


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ("", "", 0.0),
        ("bæt", "bæt", 0.0),
        ("bæt", "pæt", 0.4),  # two stops
        ("sæt", "tæt", 0.6),  # a fricative, a stop
        ("mæt", "tæt", 0.9),
        ("bæt", "bæ", 0.8),
        ("bæt", "", 2.4),
        ("æ", "t", 1.2),  # a vowel is no consonant
    ],
)
def test_distance(first: str, second: str, apart: float) -> None:
    assert _distance(first, second) == pytest.approx(apart)
    assert _distance(second, first) == pytest.approx(apart)


def test_without_the_lexicon_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from wakeword.tts.confusables import _lexicon

    def missing(package: str) -> None:
        raise ModuleNotFoundError(package)

    _lexicon.cache_clear()
    monkeypatch.setattr(importlib.resources, "files", missing)
    with pytest.raises(ConfigError, match=r"wakeword\[demo\]"):
        similar_words("a word of which nobody has asked yet")
