"""Clips that cannot be read or are silent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from wakeword.data.check.context import CheckContext, CheckedClip, SummaryKey
from wakeword.data.check.report import Finding

MAX_UNUSABLE_SHARE = 0.05
"""A larger share of unusable clips in one split of a label or role is an error."""


def find_unusable_clips(context: CheckContext) -> list[Finding]:
    """Find unreadable and silent clips; a large share in one part of the data is an error."""
    kinds = (
        ("broken", "cannot be read as audio", [c for c in context.clips if not c.readable]),
        ("silent", "are silent", [c for c in context.clips if c.silent]),
    )
    return [
        _finding(kind, description, clips, context) for kind, description, clips in kinds if clips
    ]


def _finding(
    kind: str, description: str, clips: Sequence[CheckedClip], context: CheckContext
) -> Finding:
    totals = Counter(each.summary_key for each in context.clips)
    counts = Counter(each.summary_key for each in clips)
    worst = max(counts, key=lambda key: counts[key] / totals[key])
    share = counts[worst] / totals[worst]
    return Finding(
        "error" if share > MAX_UNUSABLE_SHARE else "warning",
        kind,
        f"{len(clips)} clip(s) {description}; at most {share:.0%} of one part of the data "
        f"({_part_name(worst)}; above {MAX_UNUSABLE_SHARE:.0%} is an error).",
        "Record or convert them again, or remove them.",
        context.names(clips),
    )


def _part_name(key: SummaryKey) -> str:
    split, role, label = key
    name = f"'{label}'" if label else f"{role}s"
    return name if split == "-" else f"{name} in {split}"
