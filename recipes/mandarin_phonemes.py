"""Mandarin in the phoneme alphabet of Kokoro: from pinyin, and random syllables."""

from __future__ import annotations

import re

from numpy.random import Generator

TONES = "→↗↓↘"
"""Marks of the tones 1 to 4; "_" in the tables below is the place of the tone."""

OPEN = ["a_", "ɤ_", "a_i", "e_i", "a_u", "o_u", "a_n", "ə_n", "a_ŋ", "ə_ŋ", "ʊ_ŋ"]
ROUND = ["u_", "wa_", "wo_", "wa_i", "we_i", "wa_n", "wə_n", "wa_ŋ"]
FRONT = ["i_", "ja_", "je_", "ja_u", "jo_u", "jɛ_n", "i_n", "ja_ŋ", "i_ŋ"]
ROUND_FRONT = ["jʊ_ŋ", "y_", "ɥe_", "ɥɛ_n", "y_n"]
SIBILANT = ["ɨ_"] * 2
FINALS_AFTER = {
    **dict.fromkeys(("ʨ", "ʨʰ", "ɕ"), FRONT + ROUND_FRONT),
    **dict.fromkeys(("ꭧ", "ꭧʰ", "ʂ", "ɻ", "ʦ", "ʦʰ", "s"), OPEN + ROUND + SIBILANT),
    **dict.fromkeys(("p", "pʰ", "m"), OPEN + FRONT),
    **dict.fromkeys(("t", "tʰ", "n", "l", ""), OPEN + ROUND + FRONT),
    **dict.fromkeys(("f", "k", "kʰ", "x"), OPEN + ROUND),
}
"""Initial → the finals that may follow it."""

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


def random_phrase(rng: Generator) -> str:
    """Return one or two random words, with a punctuation mark that decides the intonation."""
    words = [_random_word(rng, int(rng.integers(2, 5)))]
    if rng.random() < 0.5:
        words.append(_random_word(rng, int(rng.integers(1, 4))))
    return " ".join(words) + ".?!,"[int(rng.integers(4))]


def _random_word(rng: Generator, syllables: int) -> str:
    initials = list(FINALS_AFTER)
    word = ""
    for _ in range(syllables):
        initial = initials[int(rng.integers(len(initials)))]
        finals = FINALS_AFTER[initial]
        tone = TONES[int(rng.integers(len(TONES)))]
        word += initial + finals[int(rng.integers(len(finals)))].replace("_", tone)
    return word
