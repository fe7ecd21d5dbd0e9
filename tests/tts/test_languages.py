"""Languages: their voices, their letters, and words without the keyword."""

from __future__ import annotations

import numpy as np
import pytest

from wakeword.data.keywords import contains_phrase
from wakeword.errors import ConfigError
from wakeword.tts.confusables import confusable_phonemes
from wakeword.tts.languages import (
    check_spelling,
    known_languages,
    list_language_voices,
    to_phonemes,
)
from wakeword.tts.voices import HELD_OUT_SPEAKERS
from wakeword.tts.words import _WORDS, random_speech


@pytest.mark.usefixtures("espeak_installed")
def test_espeak_speaks_many_languages_with_the_same_speakers() -> None:
    languages = known_languages()
    assert languages["en"] == "English" and len(languages) > 60
    assert set(_WORDS) <= set(languages) and not any(code.startswith("en-") for code in languages)
    voices = list_language_voices("de", ["espeak"])
    assert all(voice.name.startswith("de+") for voice in voices)
    assert {voice.speaker for voice in voices} & HELD_OUT_SPEAKERS


@pytest.mark.usefixtures("espeak_installed")
def test_phonemes_are_written_in_kokoros_symbols() -> None:
    assert "ʧ" in to_phonemes("mucho", "es") and "tʃ" not in to_phonemes("mucho", "es")
    with pytest.raises(ConfigError, match="Kokoro does not speak 'fi'"):
        to_phonemes("talo", "fi")


@pytest.mark.parametrize(
    ("phrase", "language"),
    [("café olé", "en"), ("привет", "ru"), ("नमस्ते", "hi"), ("hey 42", "en"), ("ქართული", "ka")],
)
def test_phrases_in_the_letters_of_their_language_pass(phrase: str, language: str) -> None:
    check_spelling(phrase, language)


@pytest.mark.parametrize(("phrase", "language"), [("привет", "en"), ("hey", "ru"), ("你好", "es")])
def test_other_letters_are_refused(phrase: str, language: str) -> None:
    with pytest.raises(ConfigError, match=f"'{language}' is not written with"):
        check_spelling(phrase, language)


@pytest.mark.parametrize("language", ["en", "de", "hi", "fi"])
def test_sentences_are_drawn_without_the_keyword(language: str) -> None:
    keyword = {"en": "water", "de": "wasser", "hi": "पानी", "fi": "ba"}[language]
    sentences = [random_speech(language, keyword, np.random.default_rng(i)) for i in range(200)]
    assert len(set(sentences)) > 100
    assert not any(contains_phrase(keyword, sentence) for sentence in sentences)
    assert sentences[7] == random_speech(language, keyword, np.random.default_rng(7))


def test_confusable_phonemes_differ_in_one_sound_or_are_a_half() -> None:
    keyword = "hˈA nˈOvə"
    variants = confusable_phonemes(keyword)
    assert keyword not in variants and len(set(variants)) == len(variants) > 10
    assert "hˈA lˈOvə" in variants and "hˈA mˈOvə" not in variants  # m is too near to n
    halves = [variant for variant in variants if len(variant) < len(keyword)]
    assert "".join(halves) == keyword
