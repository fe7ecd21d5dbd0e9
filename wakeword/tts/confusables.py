"""Confusable phrases: what a detector most often takes for the keyword.

- `partial_phrases`: a part of the keyword, by spelling.
- `confusable_phrases`: the keyword with one word replaced, by spelling; needs nothing else.
- `one_consonant_replaced`: a word of the keyword with one other consonant, by spelling.
- `similar_words`: the nearest words of an English lexicon, by pronunciation; needs hibari.
- `confusable_phonemes`: one sound replaced, or one half, of a keyword in Kokoro's phonemes.
"""

from __future__ import annotations

import functools
import gzip
import importlib
import importlib.resources
import json
import re
from collections.abc import Iterator, Sequence

from wakeword.data.keywords import contains_phrase
from wakeword.errors import ConfigError
from wakeword.tts.engine import INSTALL_COMMAND

_FIRST_WORDS = ("hello", "what", "good", "dear", "call", "my", "thank you", "where is")
_LAST_WORDS = ("travis", "charlie", "martha", "service", "garden", "jasmine", "harvest", "nobody")
_SUBSTITUTES = "mltbd"  # none of them is another spelling of a sound that a word begins with
_CONSONANTS = re.compile("[bcdfghjklmnpqrstvwxzß]+")

_VOWELS = "AIOQWYaeiouæɑɔəɛɜɪʊʌᵊᵻɐɒʏy"
_CONSONANT_CLASSES = ("ptkbdgʔɾ", "fvszʃʒθðh", "ʧʤ", "mnŋ", "lɹjwr")  # similar within each
_CLASSES = {
    phoneme: number
    for number, phonemes in enumerate((_VOWELS, *_CONSONANT_CLASSES))
    for phoneme in phonemes
}
_VOWEL_CLASS = 0
_OBSTRUENT_CLASSES = {1, 2, 3}
_DELETION_COST = 0.8
_SAME_WORD = 0.1  # words this near are hardly another word, such as "alexia" for "alexa"
_MAX_LENGTH_DIFFERENCE = 3  # phonemes
_REPLACED_LETTERS = 4  # of a word among several, at least
_MIN_SOUNDS_TO_HALVE = 6
_FAR_VOWELS = "aiu"


def partial_phrases(keyword: str) -> list[str]:
    """List proper parts of the keyword: runs of its words, or beginning and end of a single word.

    A single word of up to five letters has none.
    """
    words = keyword.split()
    if len(words) == 1:
        word = words[0]
        return [word[: round(0.6 * len(word))], word[len(word) // 2 :]] if len(word) > 5 else []
    spans = [words[i:j] for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
    return [" ".join(span) for span in spans if len(span) < len(words)]


def confusable_phrases(
    keyword: str,
    *,
    first_words: Sequence[str] = _FIRST_WORDS,
    last_words: Sequence[str] = _LAST_WORDS,
) -> list[str]:
    """List phrases in which one word of the keyword is another word or has other consonants.

    Args:
        keyword: one or more words.
        first_words: that replace the first of several words; the default is English.
        last_words: that replace the last of them.
    """
    words = keyword.lower().split()
    phrases: list[str] = []
    for i, word in enumerate(words):
        replacements = list(_consonant_variants(word))
        if len(words) > 1:
            replacements += first_words if i == 0 else last_words if i == len(words) - 1 else ()
        phrases += _replace_word(words, i, replacements)
    return [phrase for phrase in dict.fromkeys(phrases) if not contains_phrase(keyword, phrase)]


def one_consonant_replaced(keyword: str) -> list[str]:
    """List phrases in which a word of the keyword has one other consonant: "casa" → "cama".

    Words of less than four letters stay: with another consonant, the phrase sounds nearly the same.

    Args:
        keyword: one or more words in Latin letters.
    """
    words = keyword.lower().split()
    return [
        phrase
        for i, word in enumerate(words)
        if len(word) >= _REPLACED_LETTERS and word.isalpha()
        for phrase in _replace_word(words, i, list(_single_variants(word)))
        if not contains_phrase(keyword, phrase)
    ]


def similar_words(keyword: str, count: int = 60) -> list[str]:
    """List the English words and names that are pronounced most nearly like the keyword.

    The distance of two words is the Levenshtein distance of their phonemes, in which a substitution
    within a phoneme class costs less than half of one across classes, divided by the length of the
    longer word. Of a keyword of several words, each word of four letters or more is replaced in
    turn: with neighbours of a shorter one ("fay computer") the phrase sounds the same.

    Args:
        keyword: one or more English words.
        count: number of phrases, shared among the words of the keyword.

    Returns:
        Phrases, nearest first for each word of the keyword.

    Raises:
        ConfigError: the hibari package, whose lexicon this needs, is not installed.
    """
    words = keyword.lower().split()
    count_per_word = -(-count // max(len(words), 1))
    return [
        phrase
        for i, word in enumerate(words)
        if len(words) == 1 or len(word) >= _REPLACED_LETTERS
        for phrase in _replace_word(words, i, _neighbours(word)[:count_per_word])
    ]


def confusable_phonemes(phonemes: str) -> list[str]:
    """List strings of Kokoro's phonemes that differ from a keyword's in one sound, and its halves.

    A consonant is replaced by clearly different ones, a vowel by the three that are farthest apart.
    """
    changed = [
        phonemes[:i] + other + phonemes[i + 1 :]
        for i, phoneme in enumerate(phonemes)
        for other in _different_phonemes(phoneme)
    ]
    sounds = [i for i, phoneme in enumerate(phonemes) if phoneme in _CLASSES]
    if len(sounds) < _MIN_SOUNDS_TO_HALVE:
        return changed
    middle = sounds[len(sounds) // 2]
    return [*changed, phonemes[:middle], phonemes[middle:]]


def _different_phonemes(phoneme: str) -> str:
    """Phonemes to put in the place of one; "" for marks and tones."""
    number = _CLASSES.get(phoneme)
    if number is None:
        return ""
    if number == _VOWEL_CLASS:
        return "".join(other for other in _FAR_VOWELS if other != phoneme)
    return "".join(other for other in _SUBSTITUTES if _CLASSES[other] != number)


def _replace_word(words: list[str], i: int, replacements: list[str]) -> Iterator[str]:
    return (" ".join([*words[:i], other, *words[i + 1 :]]) for other in replacements)


def _consonant_variants(word: str) -> list[str]:
    """The word with other consonants in its first two groups of consonants."""
    groups = [match.span() for match in _CONSONANTS.finditer(word)][:2]
    if not word.isascii() or not word.isalpha() or len(groups) < 2:
        return []
    (first, first_end), (second, second_end) = groups
    return [
        word[:first] + one + word[first_end:second] + other + word[second_end:]
        for one in _SUBSTITUTES
        for other in _SUBSTITUTES
        if one not in word[first:first_end]
        and other not in word[second:second_end]
        and one != other
    ][::3]


def _single_variants(word: str) -> Iterator[str]:
    """The word with another consonant in one of its first two groups of consonants."""
    for match in list(_CONSONANTS.finditer(word))[:2]:
        for other in _SUBSTITUTES:
            if other not in match[0]:
                yield word[: match.start()] + other + word[match.end() :]


@functools.cache
def _neighbours(word: str) -> list[str]:
    """Words of the lexicon by their distance from a word, nearest first."""
    lexicon = _lexicon()
    target = _phonemes(importlib.import_module("hibari.g2p").G2P(british=False)(word))
    neighbours = []
    for other, phonemes in lexicon:
        longer = max(len(target), len(phonemes))
        if abs(len(phonemes) - len(target)) > _MAX_LENGTH_DIFFERENCE or word in other.lower():
            continue
        distance = _distance(target, phonemes) / longer
        if distance > _SAME_WORD:
            neighbours.append((distance, other))
    return [other for _, other in sorted(neighbours)]


@functools.cache
def _lexicon() -> list[tuple[str, str]]:
    """Plain words with their phonemes, in a fixed order."""
    try:
        file = importlib.resources.files("hibari") / "assets" / "lexicon_us_gold.json.gz"
    except ModuleNotFoundError:
        raise ConfigError(
            "similar words need the lexicon of the hibari package, which is not installed. "
            f"Run: {INSTALL_COMMAND}"
        ) from None
    entries = json.loads(gzip.decompress(file.read_bytes()))
    pronunciations = {
        word: entry["DEFAULT"] if isinstance(entry, dict) else entry
        for word, entry in entries.items()
        if word.isascii() and word.isalpha() and (word.islower() or word.istitle())
    }
    return sorted((word, _phonemes(spoken)) for word, spoken in pronunciations.items() if spoken)


def _phonemes(pronunciation: str) -> str:
    """Phonemes without stress and length marks."""
    return "".join(symbol for symbol in pronunciation if symbol not in "ˈˌː ")


def _distance(first: str, second: str) -> float:
    """Weighted Levenshtein distance of two phoneme strings."""
    row = [_DELETION_COST * i for i in range(len(second) + 1)]
    for i, one in enumerate(first, 1):
        above, row = row, [_DELETION_COST * i]
        for j, other in enumerate(second, 1):
            deletion = min(above[j], row[-1]) + _DELETION_COST
            row.append(min(deletion, above[j - 1] + _substitution_cost(one, other)))
    return row[-1]


@functools.cache
def _substitution_cost(one: str, other: str) -> float:
    """0 for the same phoneme, to 1.2 for a vowel in place of a consonant."""
    if one == other:
        return 0.0
    classes = {_CLASSES.get(one, -1), _CLASSES.get(other, -1)}
    if len(classes) == 1:
        return 0.4
    if classes <= _OBSTRUENT_CLASSES:
        return 0.6
    return 1.2 if _VOWEL_CLASS in classes else 0.9
