"""Choose the keywords to train on, and find them in transcripts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.errors import ConfigError, ManifestError, unknown_name_message


def select_keywords(
    dataset: Dataset, keywords: Sequence[str], *, allow_missing: bool = False
) -> Dataset:
    """Return the data set for training on `keywords`: their clips, all others as negatives.

    Clips of other words become negatives with the source "word:<label>". Negatives whose
    transcript contains a keyword are dropped; a note counts them.

    Args:
        dataset: clips of any labels.
        keywords: labels to keep, compared without case, punctuation and diacritics.
        allow_missing: accept keywords without clips.

    Raises:
        ConfigError: `keywords` is empty.
        ManifestError: a keyword has no clips.
    """
    relabelled = relabel(dataset, keywords, allow_missing=allow_missing)
    dropped = set(negatives_containing(relabelled, keywords))
    if not dropped:
        return relabelled
    kept = tuple(clip for clip in relabelled.negatives if clip not in dropped)
    return replace(relabelled, negatives=kept).with_notes(
        f"{len(dropped)} negative clip(s) dropped: their text contains a keyword."
    )


def relabel(dataset: Dataset, keywords: Sequence[str], *, allow_missing: bool = False) -> Dataset:
    """Do the same as `select_keywords`, but keep all negatives.

    The keyword clips get the labels as they are spelled in `keywords`.

    Raises:
        ConfigError: `keywords` is empty.
        ManifestError: a keyword has no clips.
    """
    labels = dataset.labels()
    if not keywords:
        raise ConfigError(f"no keyword given. Known: {', '.join(labels)}.")
    spellings = {normalised_words(keyword): keyword for keyword in keywords}
    available = {normalised_words(label) for label in labels}
    for words, keyword in spellings.items():
        if words not in available and not allow_missing:
            raise ManifestError(
                f"{dataset.root}: {unknown_name_message('keyword', keyword, labels)}"
            )
    positives, others = [], []
    for clip in dataset.keywords:
        label = clip.label or ""
        if (words := normalised_words(label)) in spellings:
            positives.append(replace(clip, label=spellings[words]))
        else:
            others.append(_as_negative(clip, label))
    return replace(dataset, keywords=tuple(positives), negatives=(*dataset.negatives, *others))


def negatives_containing(dataset: Dataset, keywords: Iterable[str]) -> list[Clip]:
    """Return the negatives whose transcript contains one of the keywords as whole words."""
    phrases = {normalised_words(keyword) for keyword in keywords}
    return [clip for clip in dataset.negatives if clip.text and _contains_any(clip.text, phrases)]


def contains_phrase(keyword: str, text: str) -> bool:
    """Whether `text` contains `keyword` as whole words; ignores case, accents and punctuation."""
    return _contains_any(text, {normalised_words(keyword)})


def text_behind(keyword: str, text: str, first_words: int = 1) -> str | None:
    """Return the text behind a keyword with which it begins; None where it does not.

    Args:
        keyword: compared by whole words, without case, accents and punctuation.
        text: such as the transcript of a keyword and what follows it.
        first_words: words of the text with one of which the keyword may begin.
    """
    pieces, wanted = text.split(), normalised_words(keyword)
    for start in range(first_words):
        end = start + len(wanted)
        if normalised_words(" ".join(pieces[start:end])) == wanted:
            return " ".join(pieces[end:])
    return None


def _contains_any(text: str, phrases: set[tuple[str, ...]]) -> bool:
    words = normalised_words(text)
    return any(
        words[start : start + size] in phrases
        for size in {len(phrase) for phrase in phrases} - {0}
        for start in range(len(words) - size + 1)
    )


def _as_negative(clip: Clip, label: str) -> Clip:
    """Turn a clip of another word into a negative, with its label as transcript."""
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
# Scripts written without spaces: each character counts as one word.
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF))
_IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


@lru_cache(maxsize=65_536)
def normalised_words(text: str) -> tuple[str, ...]:
    """Return the words of a text without case, accents and punctuation.

    "_" and "-" separate words; in scripts without spaces each character is a word.
    """
    plain = "".join(
        char
        for char in unicodedata.normalize("NFKD", text.casefold())
        if not _in_ranges(char, _DECORATION)
    )
    spaced = "".join(_spaced(char) for char in unicodedata.normalize("NFC", plain))
    return tuple(spaced.split())


def _spaced(char: str) -> str:
    if _in_ranges(char, _UNSPACED) or _in_ranges(char, _IDEOGRAPHS):
        return f" {char} "
    return char if unicodedata.category(char)[0] in "LNM" else " "


def _in_ranges(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(char) <= last for first, last in ranges)
