"""Pinyin in the phoneme alphabet of Kokoro."""

from __future__ import annotations

import re

from wakeword.tts.mandarin import TONES

SYLLABLES: dict[str, str] = dict(
    re.findall(
        r"(\S+) (\S+)",
        "ni ni_ nin ni_n hao xa_u bai pa_i du tu_ he xɤ_ huo xwo_ ju ʨy_ tu tʰu_ bao pa_u ma ma_ "
        "xiao ɕja_u zhao ꭧa_u li li_ lu lu_ hua xwa_ bei pe_i jing ʨi_ŋ da ta_ cai ʦʰa_i "
        "tuo tʰwo_ ba pa_ yao ja_u mi mi_ bu pu_",
    )
)
"""The syllables of `known_keywords.py` in pinyin → their phonemes."""


def pinyin_to_phonemes(pinyin: str) -> str:
    """Return the phonemes of pinyin with tone numbers: "bai3 du4" is "pa↓i tu↘"."""
    return " ".join(
        SYLLABLES[syllable[:-1]].replace("_", TONES[int(syllable[-1]) - 1])
        for syllable in pinyin.split()
    )
