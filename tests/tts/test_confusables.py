"""Confusable phrases, by spelling and by pronunciation."""

from __future__ import annotations

import importlib.resources

import pytest

from wakeword.data.keywords import contains_phrase
from wakeword.errors import ConfigError
from wakeword.tts.confusables import (
    _distance,
    _lexicon,
    confusable_phrases,
    one_consonant_replaced,
    partial_phrases,
    similar_words,
)


@pytest.fixture
def lexicon() -> None:
    """Skips the test where the lexicon is not installed."""
    pytest.importorskip("hibari")


def test_confusable_phrases_differ_from_the_keyword_in_one_word() -> None:
    phrases = confusable_phrases("hey jarvis")
    assert len(phrases) > 15
    assert {"hey malis", "hey travis", "hello jarvis"} <= set(phrases)
    for phrase in phrases:
        assert phrase.startswith("hey ") != phrase.endswith(" jarvis")


def test_one_consonant_of_a_long_word_is_replaced() -> None:
    phrases = one_consonant_replaced("oye casa")
    assert {"oye cama", "oye masa"} <= set(phrases)
    assert all(phrase.startswith("oye ") and len(phrase) == 8 for phrase in phrases)
    assert "buenos dbas" not in one_consonant_replaced("buenos días")  # a vowel with an accent
    assert one_consonant_replaced("你好") == []


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("hey there buddy", ["hey", "hey there", "there", "there buddy", "buddy"]),
        ("computer", ["compu", "uter"]),
        ("alexa", []),
    ],
)
def test_partial_phrases_are_proper_parts_of_the_keyword(keyword: str, expected: list[str]) -> None:
    assert partial_phrases(keyword) == expected


@pytest.mark.usefixtures("lexicon")
def test_similar_words_come_nearest_first() -> None:
    similar = similar_words("jarvis", 20)
    assert len(similar) == 20 and {"service", "harvest", "dervish"} <= set(similar)
    assert "jarvis" not in similar and "Jarvis" not in similar
    assert similar == similar_words("jarvis", 60)[:20]


@pytest.mark.usefixtures("lexicon")
def test_the_longer_words_of_a_phrase_are_replaced_by_their_neighbours() -> None:
    similar = similar_words("hey siri", 40)
    assert {"hey series", "hey Syria"} <= set(similar)
    assert all(phrase.startswith("hey ") for phrase in similar)  # not "fay siri"
    assert not any(contains_phrase("hey siri", phrase) for phrase in similar)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("", "", 0.0),
        ("bæt", "bæt", 0.0),
        ("bæt", "pæt", 0.4),  # two stops
        ("sæt", "tæt", 0.6),  # a fricative and a stop
        ("mæt", "tæt", 0.9),  # a nasal and a stop
        ("bæt", "bæ", 0.8),
        ("bæt", "", 2.4),
        ("æ", "t", 1.2),  # a vowel and a consonant
    ],
)
def test_phoneme_distance(first: str, second: str, distance: float) -> None:
    assert _distance(first, second) == pytest.approx(distance)
    assert _distance(second, first) == pytest.approx(distance)


def test_without_the_lexicon_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> None:
        raise ModuleNotFoundError(package)

    _lexicon.cache_clear()
    monkeypatch.setattr(importlib.resources, "files", missing)
    with pytest.raises(ConfigError, match=r"wakeword\[demo\]"):
        similar_words("a phrase that no other test asks for")
