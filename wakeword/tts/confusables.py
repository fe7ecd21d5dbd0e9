"""Words that are pronounced nearly like a keyword: what is most often taken for it."""

from __future__ import annotations

import functools
import gzip
import importlib
import importlib.resources
import json

from wakeword.errors import ConfigError

_VOWELS = "AIOQWYaeiouæɑɔəɛɜɪʊʌᵊᵻɐɒʏy"
_CONSONANTS = ("ptkbdgʔɾ", "fvszʃʒθðh", "ʧʤ", "mnŋ", "lɹjwr")  # alike within each
_KINDS = {sound: kind for kind, sounds in enumerate((_VOWELS, *_CONSONANTS)) for sound in sounds}
_OBSTRUENTS = {1, 2, 3}
_SKIPPED = 0.8  # cost of a sound that the other word lacks
_TOO_NEAR = 0.1  # hardly another word: "alexia"


def similar_words(keyword: str, count: int = 60) -> list[str]:
    """English words and names that are pronounced most nearly like a keyword, nearest first.

    Distance is that of Levenshtein over phonemes, a sound for one of its kind at less than half the
    price, as a share of the longer word. Of a keyword of several words each has its neighbours, the
    others standing as they are. Needs the hibari package, whose lexicon it is.

    Raises ConfigError where that is not installed.
    """
    words = keyword.lower().split()
    each = -(-count // max(len(words), 1))
    return [
        " ".join([*words[:i], other, *words[i + 1 :]])
        for i, word in enumerate(words)
        for other in _neighbours(word)[:each]
    ]


@functools.cache
def _neighbours(word: str) -> list[str]:
    lexicon = _lexicon()
    target = _sounds(importlib.import_module("hibari.g2p").G2P(british=False)(word))
    found = []
    for other, sounds in lexicon:
        if abs(len(sounds) - len(target)) <= 3 and word not in other.lower():
            apart = _distance(target, sounds) / max(len(target), len(sounds))
            if apart > _TOO_NEAR:
                found.append((apart, other))
    return [other for _, other in sorted(found)]


@functools.cache
def _lexicon() -> list[tuple[str, str]]:
    """Plain words with their phonemes, in a fixed order."""
    try:
        file = importlib.resources.files("hibari") / "assets" / "lexicon_us_gold.json.gz"
    except ModuleNotFoundError:
        raise ConfigError(
            'words that sound alike come from the hibari package. Run: pip install "wakeword[demo]"'
        ) from None
    entries = json.loads(gzip.decompress(file.read_bytes()))
    said = {
        word: entry["DEFAULT"] if isinstance(entry, dict) else entry
        for word, entry in entries.items()
        if word.isascii() and word.isalpha() and (word.islower() or word.istitle())
    }
    return sorted((word, _sounds(phonemes)) for word, phonemes in said.items() if phonemes)


def _sounds(phonemes: str) -> str:
    """Phonemes without stress and length."""
    return "".join(sound for sound in phonemes if sound not in "ˈˌː ")


def _distance(first: str, second: str) -> float:
    row = [_SKIPPED * i for i in range(len(second) + 1)]
    for i, one in enumerate(first, 1):
        above, row = row, [_SKIPPED * i]
        for j, other in enumerate(second, 1):
            row.append(
                min(above[j] + _SKIPPED, row[-1] + _SKIPPED, above[j - 1] + _cost(one, other))
            )
    return row[-1]


@functools.cache
def _cost(one: str, other: str) -> float:
    """Of hearing one sound for another."""
    if one == other:
        return 0.0
    kinds = {_KINDS.get(one, -1), _KINDS.get(other, -1)}
    if len(kinds) == 1:
        return 0.4
    if kinds <= _OBSTRUENTS:
        return 0.6
    return 1.2 if 0 in kinds else 0.9
