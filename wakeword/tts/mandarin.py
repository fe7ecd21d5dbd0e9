"""Mandarin in the phoneme alphabet of Kokoro: pinyin, and random syllables."""

from __future__ import annotations

import re

from numpy.random import Generator

from wakeword.errors import ConfigError

MANDARIN = "cmn"
"""Code of the language."""
TONES = "→↗↓↘"
"""Marks of the tones 1 to 4; "_" in the tables below is the place of the tone."""


def _pairs(text: str) -> dict[str, str]:
    """Return a table from its keys and values, separated by spaces."""
    return dict(re.findall(r"(\S+) (\S+)", text))


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

_INITIALS: dict[str, str] = _pairs(
    "zh ꭧ ch ꭧʰ sh ʂ b p p pʰ m m f f d t t tʰ n n l l g k k kʰ h x j ʨ q ʨʰ x ɕ r ɻ z ʦ c ʦʰ s s"
)
"""Initials of pinyin → phonemes; those of two letters first."""
_FINALS: dict[str, str] = _pairs(
    "a a_ o wo_ e ɤ_ ai a_i ei e_i ao a_u ou o_u an a_n en ə_n ang a_ŋ eng ə_ŋ ong ʊ_ŋ "
    "er ɚ_ i i_ ia ja_ ie je_ iao ja_u iu jo_u ian jɛ_n in i_n iang ja_ŋ ing i_ŋ "
    "iong jʊ_ŋ u u_ ua wa_ uo wo_ uai wa_i ui we_i uan wa_n un wə_n uang wa_ŋ ueng wə_ŋ "
    "ü y_ üe ɥe_ üan ɥɛ_n ün y_n"
)
_SYLLABIC = {f"{initial}i" for initial in ("zh", "ch", "sh", "r", "z", "c", "s")}
_WITHOUT_INITIAL = {
    **{"yi": "i", "yin": "in", "ying": "ing", "you": "iu", "yu": "ü", "yue": "üe"},
    **{"yuan": "üan", "yun": "ün", "wu": "u", "wei": "ui", "wen": "un"},
}
"""Syllables that are spelled otherwise than "y" for i and "w" for u."""


def pinyin_to_phonemes(pinyin: str) -> str:
    """Return the phonemes of pinyin with tone numbers: "bai3 du4" is "pa↓i tu↘".

    Args:
        pinyin: syllables, separated by spaces; tone 5 is the neutral one, "v" stands for "ü".

    Raises:
        ConfigError: something else than a syllable with its tone.
    """
    return " ".join(_syllable_phonemes(syllable) for syllable in pinyin.lower().split())


def _syllable_phonemes(syllable: str) -> str:
    letters, tone = syllable[:-1].replace("v", "ü"), syllable[-1]
    initial = next((i for i in _INITIALS if letters.startswith(i)), "")
    final = letters[len(initial) :]
    if not initial:
        final = _WITHOUT_INITIAL.get(letters, letters)
        final = {"y": "i", "w": "u"}.get(final[:1], final[:1]) + final[1:]
    elif (initial in ("j", "q", "x") and final.startswith("u")) or final == "ue":
        final = "ü" + final[1:]
    spoken = "ɨ_" if letters in _SYLLABIC else _FINALS.get(final)
    if spoken is None or tone not in "12345":
        raise ConfigError(
            f"'{syllable}' is no syllable of pinyin with its tone from 1 to 5. "
            "Expected pinyin such as 'ni3 hao3'."
        )
    mark = "" if tone == "5" else TONES[int(tone) - 1]
    return _INITIALS.get(initial, "") + spoken.replace("_", mark)


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
