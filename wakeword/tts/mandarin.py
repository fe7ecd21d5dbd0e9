"""Random Mandarin syllables in the phoneme alphabet of Kokoro."""

from __future__ import annotations

from numpy.random import Generator

TONES = "→↗↓↘"
"""Marks of the tones 1 to 4; "_" in the tables below is the place of the tone."""

_OPEN = ["a_", "ɤ_", "a_i", "e_i", "a_u", "o_u", "a_n", "ə_n", "a_ŋ", "ə_ŋ", "ʊ_ŋ"]
_ROUND = ["u_", "wa_", "wo_", "wa_i", "we_i", "wa_n", "wə_n", "wa_ŋ"]
_FRONT = ["i_", "ja_", "je_", "ja_u", "jo_u", "jɛ_n", "i_n", "ja_ŋ", "i_ŋ"]
_ROUND_FRONT = ["jʊ_ŋ", "y_", "ɥe_", "ɥɛ_n", "y_n"]
_SIBILANT = ["ɨ_"] * 2
_FINALS_AFTER = {
    **dict.fromkeys(("ʨ", "ʨʰ", "ɕ"), _FRONT + _ROUND_FRONT),
    **dict.fromkeys(("ꭧ", "ꭧʰ", "ʂ", "ɻ", "ʦ", "ʦʰ", "s"), _OPEN + _ROUND + _SIBILANT),
    **dict.fromkeys(("p", "pʰ", "m"), _OPEN + _FRONT),
    **dict.fromkeys(("t", "tʰ", "n", "l", ""), _OPEN + _ROUND + _FRONT),
    **dict.fromkeys(("f", "k", "kʰ", "x"), _OPEN + _ROUND),
}
"""Initial → the finals that may follow it."""


def random_phrase(rng: Generator) -> str:
    """Return one or two random words, with a punctuation mark that decides the intonation."""
    words = [_random_word(rng, int(rng.integers(2, 5)))]
    if rng.random() < 0.5:
        words.append(_random_word(rng, int(rng.integers(1, 4))))
    return " ".join(words) + ".?!,"[int(rng.integers(4))]


def _random_word(rng: Generator, syllables: int) -> str:
    initials = list(_FINALS_AFTER)
    word = ""
    for _ in range(syllables):
        initial = initials[int(rng.integers(len(initials)))]
        finals = _FINALS_AFTER[initial]
        tone = TONES[int(rng.integers(len(TONES)))]
        word += initial + finals[int(rng.integers(len(finals)))].replace("_", tone)
    return word
