"""Negatives whose transcript contains a keyword."""

from __future__ import annotations

from wakeword.data.check.context import CheckContext, abbreviated
from wakeword.data.check.report import Finding
from wakeword.data.keywords import contains_phrase, negatives_containing


def find_keyword_in_negatives(context: CheckContext) -> list[Finding]:
    """Find negatives that contain a keyword according to their transcript."""
    clips = negatives_containing(context.dataset, context.keywords)
    if not clips:
        return []
    keywords = sorted(
        {
            keyword
            for clip in clips
            for keyword in context.keywords
            if contains_phrase(keyword, clip.text or "")
        }
    )
    return [
        Finding(
            "error",
            "keyword-in-negatives",
            f"{len(clips)} negative clip(s) contain a keyword ({abbreviated(keywords)}) according "
            "to their text: they teach the model to miss it.",
            "Remove them. (A training on these keywords drops them.)",
            tuple(context.name(clip) for clip in clips),
        )
    ]
