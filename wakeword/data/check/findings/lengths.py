"""Keywords of unusual length, and metadata that exceeds the length of the file."""

from __future__ import annotations

from wakeword.data.check.context import CheckContext, CheckedClip
from wakeword.data.check.report import Finding

SHORTEST_S, LONGEST_S = 0.25, 5.0
"""Expected length of a keyword, by its stated bounds or otherwise of its clip."""
_TOLERANCE_S = 0.1  # stated lengths may be rounded, and codecs pad


def find_unusual_lengths(context: CheckContext) -> list[Finding]:
    """Find keywords that are too short or too long, and clips that end after their file."""
    readable = [each for each in context.clips if each.readable]
    keywords = [each for each in readable if each.role == "keyword"]
    kinds = (
        (
            "too-short",
            [each for each in keywords if _keyword_seconds(each) < SHORTEST_S],
            f"of a keyword are shorter than {SHORTEST_S} s, too short for a word",
            "Listen to them; they may be cut off.",
        ),
        (
            "too-long",
            [each for each in keywords if _keyword_seconds(each) > LONGEST_S],
            f"of a keyword are longer than {LONGEST_S:g} s, too long for one utterance of it",
            "Cut them, or state where the keyword starts and ends.",
        ),
        (
            "beyond-the-end",
            [each for each in readable if _exceeds_file(each)],
            "have a stated duration or bounds past the end of the audio",
            "Correct the offset, duration, start and end, in seconds.",
        ),
    )
    return [
        Finding(
            "warning", kind, f"{len(clips)} clip(s) {description}.", remedy, context.names(clips)
        )
        for kind, clips, description, remedy in kinds
        if clips
    ]


def _keyword_seconds(checked: CheckedClip) -> float:
    if checked.clip.start_s is not None and checked.clip.end_s is not None:
        return checked.clip.end_s - checked.clip.start_s
    return checked.measurement.seconds


def _exceeds_file(checked: CheckedClip) -> bool:
    clip, longest_s = checked.clip, checked.measurement.seconds + _TOLERANCE_S
    return (clip.duration_s or 0.0) > longest_s or (clip.end_s or 0.0) > longest_s
