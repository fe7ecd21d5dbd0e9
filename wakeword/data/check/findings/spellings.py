"""Labels that are the same word in different spellings."""

from __future__ import annotations

from collections import defaultdict

from wakeword.data.check.context import CheckContext, abbreviated
from wakeword.data.check.report import Finding
from wakeword.data.keywords import normalised_words


def find_spellings(context: CheckContext) -> list[Finding]:
    """Find labels that differ only in case, punctuation or diacritics."""
    spellings: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for label in context.original.labels():
        spellings[normalised_words(label)].append(label)
    repeated = [" = ".join(labels) for labels in spellings.values() if len(labels) > 1]
    if not repeated:
        return []
    return [
        Finding(
            "warning",
            "spellings",
            f"Labels that differ only in case or punctuation: {abbreviated(repeated)}.",
            "Spell each word in one way.",
        )
    ]
