"""Everyday sentences: English, and without the keyword."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from wakeword.data.keywords import contains_phrase
from wakeword.tts.phrases import random_sentence


def draw(count: int, keyword: str = "computer") -> list[str]:
    rng = np.random.default_rng(0)
    return [random_sentence(keyword, rng) for _ in range(count)]


@pytest.mark.parametrize("keyword", ["lights", "quiet music", "nobody"])
def test_no_sentence_contains_the_keyword(keyword: str) -> None:
    assert any(contains_phrase(keyword, each) for each in draw(400))
    assert not any(contains_phrase(keyword, each) for each in draw(400, keyword))


def test_the_article_fits_the_word_behind_it() -> None:
    pairs = {pair for sentence in draw(30_000) for pair in pairwise(sentence.split())}
    after_a = {word for article, word in pairs if article == "a"}
    after_an = {word for article, word in pairs if article == "an"}
    assert {"university", "friend"} <= after_a and {"eleven", "umbrella"} <= after_an
    assert not any(word[0] in "aeiou" for word in after_a - {"university"})
    assert all(word[0] in "aeiou" for word in after_an)
