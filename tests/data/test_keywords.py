"""Selection of keywords, and phrases in transcripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_files import clips_by, dataset

from wakeword.data.clip import Clip
from wakeword.data.keywords import contains_phrase, select_keywords, text_behind
from wakeword.errors import ConfigError, ManifestError


def test_clips_of_other_words_become_negatives() -> None:
    data = dataset(clips_by(1, "go", 1) + clips_by(1, "Hey-Go", 1) + clips_by(1, "stop", 2))
    selected = select_keywords(data, ["stop"])
    assert [clip.label for clip in selected.keywords] == ["stop", "stop"]
    assert [(c.label, c.source, c.text) for c in selected.negatives] == [
        (None, "word:go", "go"),
        (None, "word:Hey-Go", "Hey-Go"),
    ]


def test_negatives_containing_a_keyword_are_dropped_and_counted() -> None:
    texts = ("Is Onword a Computer, then?", "computers", None, "COMPUTÉR")
    negatives = tuple(Clip(Path(f"/{number}"), text=text) for number, text in enumerate(texts))
    other = Clip(Path("/other"), label="hey computer", text=None)
    data = dataset((*clips_by(1, "computer", 2), other), negatives)
    selected = select_keywords(data, ["Computer"])
    assert [clip.text for clip in selected.negatives] == ["computers", None]
    assert selected.labels() == ["Computer"]
    assert selected.notes == ("3 negative clip(s) dropped: their text contains a keyword.",)
    assert data.notes == ()


def test_unknown_and_missing_keywords_are_errors() -> None:
    data = dataset(clips_by(1, "computer"))
    with pytest.raises(ManifestError, match=r"unknown keyword 'compuetr'. Did you mean 'computer'"):
        select_keywords(data, ["compuetr"])
    with pytest.raises(ConfigError, match=r"no keyword given. Known: computer"):
        select_keywords(data, [])


@pytest.mark.parametrize(
    ("keyword", "text", "contained"),
    [
        ("jarvis", "Hey, JARVIS!", True),
        ("jarvis", "jarvis's lamp", True),
        ("jarvis", "jarvisson", False),
        ("hey_jarvis", "oh hey  Jarvis", True),
        ("hey jarvis", "hey you, jarvis", False),
        ("cafe", "le café noir", True),
        ("Straße", "STRASSE", True),
        ("مرحبا", "مَرْحَباً بك", True),
        ("你好小问", "嗯你好小问今天", True),
        ("你好小问", "你好小文", False),
        ("go", "", False),
        ("!", "anything!", False),
    ],
)
def test_phrases_match_whole_words(keyword: str, text: str, contained: bool) -> None:
    assert contains_phrase(keyword, text) is contained


def test_keywords_without_clips_can_be_allowed() -> None:
    data = dataset(clips_by(1, "computer", 2))
    selected = select_keywords(data, ["jarvis"], allow_missing=True)
    assert selected.keywords == () and len(selected.negatives) == 2


@pytest.mark.parametrize(
    ("keyword", "text", "behind"),
    [
        ("computer", "Computer, what time is it?", "what time is it?"),
        ("hey jarvis", "Hey, Jarvis. Turn on the lights.", "Turn on the lights."),
        ("computer", "Computer", ""),
        ("computer", "Computers are slow.", None),
        ("computer", "So computer, what now?", None),
        ("computer", "", None),
    ],
)
def test_the_text_behind_a_keyword(keyword: str, text: str, behind: str | None) -> None:
    assert text_behind(keyword, text) == behind


def test_the_keyword_may_be_one_of_the_first_words() -> None:
    text = "So a computer is what you want from the computer."
    assert text_behind("computer", text, first_words=2) is None
    assert text_behind("computer", text, first_words=3) == "is what you want from the computer."
