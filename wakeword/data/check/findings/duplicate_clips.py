"""The same recording several times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from wakeword.data.check.context import CheckContext, CheckedClip
from wakeword.data.check.report import DuplicateGroup, Finding, Severity

_KINDS: Mapping[str, tuple[Severity, str, str]] = {
    "label-conflict": (
        "error",
        "the same recording with two labels",
        "Decide which label is right and remove the others.",
    ),
    "duplicates-across-splits": (
        "error",
        "the same recording in more than one split, so that the measured accuracy is too high",
        "Keep each recording in one split, and give all copies of it the same speaker.",
    ),
    "exact-duplicates": (
        "warning",
        "exactly the same recording",
        "Remove all but one; they count several times in training.",
    ),
    "near-duplicates": (
        "warning",
        "the same recording, shifted, of another level or encoded again",
        "They are in one split, which is safe. Remove all but one if they should count once.",
    ),
}
"""Kind → severity, description and remedy, in the order of the report."""


def find_duplicate_clips(context: CheckContext) -> list[Finding]:
    """Find duplicates: across splits or with two labels they are errors, otherwise warnings."""
    groups: dict[str, list[DuplicateGroup]] = defaultdict(list)
    for clips in context.duplicates:
        group = describe_group(clips, context)
        is_speech = any(each.role in {"keyword", "negative"} for each in clips)
        crosses_splits = len(group.splits) > 1 and is_speech
        if len(group.labels) > 1:
            groups["label-conflict"].append(group)
        if crosses_splits:
            groups["duplicates-across-splits"].append(group)
        if len(group.labels) == 1 and not crosses_splits:
            groups[f"{group.kind}-duplicates"].append(group)
    return [
        Finding(
            severity,
            kind,
            f"{sum(len(group.files) for group in groups[kind])} clips in {len(groups[kind])} "
            f"group(s) are {description}.",
            remedy,
            tuple(file for group in groups[kind] for file in group.files),
        )
        for kind, (severity, description, remedy) in _KINDS.items()
        if kind in groups
    ]


def describe_group(clips: Sequence[CheckedClip], context: CheckContext) -> DuplicateGroup:
    """Return the names, splits and labels of clips with the same recording."""
    return DuplicateGroup(
        "exact" if len({each.measurement.digest for each in clips}) == 1 else "near",
        context.names(clips),
        tuple(sorted({each.clip.split or "train" for each in clips})),
        tuple(sorted({each.clip.label or "" for each in clips})),
    )
