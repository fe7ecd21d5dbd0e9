"""The keywords of `known_words.py`, with phrases that sound like each of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownKeyword:
    """A keyword and its confusable phrases.

    Attributes:
        keyword: the keyword.
        file: name of its data set.
        test_confusables: confusable phrases to measure on.
        pinyin: pronunciation of a Mandarin keyword, with a tone number after each syllable; its
            confusable phrases are in pinyin as well. None: the keyword is English.
        train_confusables: confusable phrases to train on. (): similar words of an English lexicon.
    """

    keyword: str
    file: str
    test_confusables: tuple[str, ...]
    pinyin: str | None = None
    train_confusables: tuple[str, ...] = ()


KNOWN_KEYWORDS = (
    KnownKeyword(
        "alexa",
        "alexa",
        (
            *("a lexus", "alex", "election", "elixir", "alaska", "a lesson", "electra"),
            *("relax her", "texas", "the latex", "elect her", "I like sir"),
        ),
    ),
    KnownKeyword(
        "computer",
        "computer",
        (
            *("commuter", "compute", "computing", "competitor", "composer", "come to her"),
            *("pewter", "can shoot her", "consumer", "compost", "come pick her", "the tutor"),
        ),
    ),
    KnownKeyword(
        "hey siri",
        "hey-siri",
        (
            *("hey sara", "hey cereal", "hey sir", "a serious", "hey city", "hey cindy"),
            *("hey sorry", "say sirens", "seriously", "the theory", "hey suri", "hazy"),
        ),
    ),
    KnownKeyword(
        "ok google",
        "ok-google",
        (
            *("okay goggles", "ok computer", "okay noodle", "okay giggle", "okay bugle"),
            *("okay couple", "okay good girl", "ok go", "a gargle", "okay doodle"),
            *("okay gurgle", "oh cool"),
        ),
    ),
    KnownKeyword(
        "你好百度",
        "nihao-baidu",
        (
            *("ni2 hao3 bai3 he2", "ni2 hao3", "bai3 du4", "nin2 hao3 bai3 huo4"),
            *("ni2 hao3 bai4 ju2", "ni2 hao3 bai2 tu4", "ni2 hao3 bai4 du2"),
            *("ni2 hao3 bao3 ma3", "ni2 hao3 xiao3 du4", "ni2 zhao3 bai3 du4"),
            *("li3 hao4 bai3 du4", "ni2 hao3 bai2 lu4"),
        ),
        "ni2 hao3 bai3 du4",
        (
            *("ni2 hao3 bai3 hua1", "ni2 hao3 bei3 jing1", "ni2 hao3 da4 lu4"),
            *("ni2 hao3 bai2 cai4", "ni2 hao3 ma1", "nin2 hao3 bai4 tuo1", "ni2 hao3 ba4 ba1"),
            *("ni2 yao4 bai3 he2", "mi2 hao4 bai3 bu4", "bai3 huo4"),
        ),
    ),
)
