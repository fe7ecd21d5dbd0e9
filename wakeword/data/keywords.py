"""TODO."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.errors import ConfigError, ManifestError, unknown_name_message


def select_keywords(
    dataset: Dataset, keywords: Sequence[str], *, may_lack: bool = False
) -> Dataset:
    """The data set for learning `keywords`: their clips, and everything else as negatives.

    Clips of other words become negatives with the source "word:<label>". Negatives in whose text
    a keyword is said are left out, with a note that counts them.

    Raises:
        ConfigError: no keyword asked for. ManifestError: a keyword without a single clip, unless
            the data `may_lack` some.
    """
    chosen = relabel(dataset, keywords, may_lack=may_lack)
    saying = set(negatives_containing(chosen, keywords))
    if not saying:
        return chosen
    kept = tuple(clip for clip in chosen.negatives if clip not in saying)
    return replace(chosen, negatives=kept).with_notes(
        f"{len(saying)} negative clip(s) left out: their text contains a keyword."
    )


def relabel(dataset: Dataset, keywords: Sequence[str], *, may_lack: bool = False) -> Dataset:
    """`for_keywords` without leaving anything out.

    Words are compared without case, punctuation and diacritics; the clips then carry the label
    as it was asked for.
    """
    if not keywords:
        raise ConfigError(f"no keyword asked for. Known: {', '.join(dataset.words())}.")
    asked = {normalised_words(keyword): keyword for keyword in keywords}
    have = {normalised_words(label) for label in dataset.words()}
    for words, keyword in asked.items():
        if words not in have and not may_lack:
            raise ManifestError(
                f"{dataset.root}: {unknown_name_message('keyword', keyword, dataset.words())}"
            )
    positives, confusable = [], []
    for clip in dataset.keywords:
        label = clip.label or ""
        if (words := normalised_words(label)) in asked:
            positives.append(replace(clip, label=asked[words]))
        else:
            confusable.append(_as_negative(clip, label))
    return replace(dataset, keywords=tuple(positives), negatives=(*dataset.negatives, *confusable))


def negatives_containing(dataset: Dataset, keywords: Iterable[str]) -> list[Clip]:
    """The negatives whose text contains one of the keywords as whole words."""
    wanted = {normalised_words(keyword) for keyword in keywords}
    return [clip for clip in dataset.negatives if clip.text and _says(clip.text, wanted)]


def contains_phrase(keyword: str, text: str) -> bool:
    """Whether `text` contains `keyword` as whole words, whatever case, accents and punctuation."""
    return _says(text, {normalised_words(keyword)})


def _says(text: str, wanted: set[tuple[str, ...]]) -> bool:
    said = normalised_words(text)
    return any(
        said[at : at + size] in wanted
        for size in {len(words) for words in wanted} - {0}
        for at in range(len(said) - size + 1)
    )


def _as_negative(clip: Clip, label: str) -> Clip:
    """A clip of a word that was not asked for; its label is the text that is said in it."""
    return replace(
        clip, label=None, source=f"word:{label}", text=clip.text or label, start_s=None, end_s=None
    )


# Combining marks that only decorate a letter: accents, Hebrew points, Arabic vowel signs, tatweel.
_DECORATION = (
    (0x0300, 0x036F),
    (0x0591, 0x05C7),
    (0x0610, 0x061A),
    (0x0640, 0x0640),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
)
# Scripts written without spaces: each character counts as a word of its own.
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF))
_IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


@lru_cache(maxsize=65_536)
def normalised_words(text: str) -> tuple[str, ...]:
    """The words of a text without case, accents and punctuation ("_" and "-" separate)."""
    plain = "".join(
        char
        for char in unicodedata.normalize("NFKD", text.casefold())
        if not _within(char, _DECORATION)
    )
    spaced = "".join(_spaced(char) for char in unicodedata.normalize("NFC", plain))
    return tuple(spaced.split())


def _spaced(char: str) -> str:
    if _within(char, _UNSPACED) or _within(char, _IDEOGRAPHS):
        return f" {char} "
    return char if unicodedata.category(char)[0] in "LNM" else " "


def _within(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(char) <= last for first, last in ranges)
