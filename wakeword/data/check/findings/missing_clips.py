"""Keywords and negatives without clips, in the whole data set or in one split."""

from __future__ import annotations

from wakeword.data.check.context import CheckContext, abbreviated
from wakeword.data.check.report import Finding
from wakeword.data.dataset import SPLITS


def find_missing_clips(context: CheckContext) -> list[Finding]:
    """Find keywords and negatives that are missing, at all or in one of the splits."""
    findings = []
    if not context.dataset.keywords:
        findings.append(
            Finding(
                "error",
                "no-keywords",
                "There are no recordings of a keyword.",
                "Add recordings of the keyword, with its name as their label or folder.",
            )
        )
    if not context.dataset.negatives:
        findings.append(
            Finding(
                "error",
                "no-negatives",
                "There are only keywords: a model trained on these would detect the "
                "keyword in any audio.",
                "Add speech without the keyword: a folder 'negatives', rows without a label, or a "
                "corpus for --negatives (wakeword data list).",
            )
        )
    return findings + _empty_splits(context)


def _empty_splits(context: CheckContext) -> list[Finding]:
    dataset = context.dataset
    if not any(clip.split for clip in (*dataset.keywords, *dataset.negatives)):
        return []
    splits_of: dict[str, set[str]] = {f"'{keyword}'": set() for keyword in context.keywords}
    for clip in dataset.keywords:
        splits_of[f"'{clip.label}'"].add(clip.split or "train")
    if dataset.negatives:
        splits_of["negatives"] = {clip.split or "train" for clip in dataset.negatives}
    required = {"train", "dev"}.union(*splits_of.values())
    findings = []
    for split in sorted(required, key=SPLITS.index):
        missing = [name for name, splits in splits_of.items() if split not in splits]
        if missing:
            findings.append(
                Finding(
                    "error",
                    "empty-split",
                    f"No clips in {split} of: {abbreviated(missing)}.",
                    "Move some there (of speakers that are in no other split), or state no splits "
                    "and have them assigned.",
                )
            )
    return findings
