"""Pinyin in Kokoro's phonemes."""

from __future__ import annotations

import pytest

from wakeword.cli import speech
from wakeword.errors import ConfigError
from wakeword.tts import kokoro
from wakeword.tts.mandarin import pinyin_to_phonemes


@pytest.mark.parametrize(
    ("pinyin", "phonemes"),
    [
        ("bai3 du4", "pa↓i tu↘"),
        ("xiao3 ai4 tong2 xue2", "ɕja↓u a↘i tʰʊ↗ŋ ɕɥe↗"),
        ("zhi1 shi4 ri4 si1", "ꭧɨ→ ʂɨ↘ ɻɨ↘ sɨ→"),
        ("yi1 yuan2 yong4 you3 ying1", "i→ ɥɛ↗n jʊ↘ŋ jo↓u i→ŋ"),
        ("wu3 wen4 wei4 weng1 wo3", "u↓ wə↘n we↘i wə→ŋ wo↓"),
        ("lv4 lu4 nüe4 lue4 ju2", "ly↘ lu↘ nɥe↘ lɥe↘ ʨy↗"),
        ("bo1 er2 ma5", "pwo→ ɚ↗ ma"),
    ],
)
def test_pinyin_becomes_phonemes_that_kokoro_knows(pinyin: str, phonemes: str) -> None:
    assert pinyin_to_phonemes(pinyin) == phonemes
    pytest.importorskip("hibari")
    assert set(phonemes) <= {*kokoro.phoneme_ids(), " "}


@pytest.mark.parametrize("wrong", ["hao", "hao6", "xyz1", "ni3hao3", "3"])
def test_other_text_is_no_pinyin(wrong: str) -> None:
    with pytest.raises(ConfigError, match="is no syllable of pinyin"):
        pinyin_to_phonemes(wrong)


def test_the_option_takes_pinyin_and_phonemes() -> None:
    assert speech.phonemes_of("ni3 hao3") == "ni↓ xa↓u"
    assert speech.phonemes_of("hˈA sˈɪɹi") == "hˈA sˈɪɹi"
