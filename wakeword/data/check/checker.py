"""Check a data set: measure every clip, run all checks, sum up the clips by split and label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import get_args

from wakeword.data.check.context import CheckContext, CheckedClip, SummaryKey, is_single_word
from wakeword.data.check.copies import group_copies
from wakeword.data.check.findings.audio_differences import find_audio_differences
from wakeword.data.check.findings.duplicate_clips import describe_group, find_duplicate_clips
from wakeword.data.check.findings.keyword_in_negatives import find_keyword_in_negatives
from wakeword.data.check.findings.lengths import find_unusual_lengths
from wakeword.data.check.findings.missing_clips import find_missing_clips
from wakeword.data.check.findings.speakers import find_speaker_faults
from wakeword.data.check.findings.spellings import find_spellings
from wakeword.data.check.findings.unusable_clips import find_unusable_clips
from wakeword.data.check.measure import measure_all
from wakeword.data.check.report import CheckReport, Finding, SplitSummary
from wakeword.data.dataset import SPLITS, Dataset, Role
from wakeword.data.keywords import relabel
from wakeword.progress import ProgressCallback

CHECKS: tuple[Callable[[CheckContext], list[Finding]], ...] = (
    find_unusable_clips,
    find_missing_clips,
    find_keyword_in_negatives,
    find_speaker_faults,
    find_duplicate_clips,
    find_unusual_lengths,
    find_audio_differences,
    find_spellings,
)
"""All checks, in the order in which their findings are reported."""


def check_dataset(
    dataset: Dataset,
    keywords: Sequence[str] | None = None,
    *,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> CheckReport:
    """Decode every clip and report what the data set contains and what is wrong with it.

    Args:
        dataset: as read, or with splits assigned as for training.
        keywords: the keywords to train; other labels count as negatives. None: all labels.
        workers: number of processes that decode; None: one per core. A small data set is decoded
            in this process.
        progress: called as `progress(stage, done, total)`.

    Raises:
        ManifestError: a keyword has no clips.
    """
    selected = list(keywords) if keywords else dataset.labels()
    relabelled = relabel(dataset, selected) if selected else dataset
    clips = _measured_clips(relabelled, workers, progress)
    groups = group_copies(clips, progress)
    context = CheckContext(
        original=dataset,
        dataset=relabelled,
        keywords=tuple(selected),
        clips=clips,
        duplicates=tuple(tuple(clips[i] for i in group) for group in groups),
    )
    findings = [finding for check in CHECKS for finding in check(context)]
    return CheckReport(
        root=str(dataset.root),
        layout=dataset.layout,
        keywords=context.keywords,
        rows=_summaries(clips),
        findings=tuple(sorted(findings, key=lambda finding: finding.severity)),
        duplicates=tuple(describe_group(group, context) for group in context.duplicates),
        broken=tuple(
            (context.name(each.clip), each.measurement.error)
            for each in clips
            if each.measurement.error
        ),
        notes=relabelled.notes,
    )


def _measured_clips(
    dataset: Dataset, workers: int | None, progress: ProgressCallback | None
) -> tuple[CheckedClip, ...]:
    clips = [(clip, role) for role, clips in dataset.by_role().items() for clip in clips]
    measurements = measure_all(
        [clip for clip, _ in clips],
        [is_single_word(clip, role) for clip, role in clips],
        workers=workers,
        progress=progress,
    )
    return tuple(
        CheckedClip(clip, role, measurement)
        for (clip, role), measurement in zip(clips, measurements, strict=True)
    )


def _summaries(clips: Sequence[CheckedClip]) -> tuple[SplitSummary, ...]:
    """Sum up the clips by split, role and label, sorted in this order."""
    by_key: dict[SummaryKey, list[CheckedClip]] = defaultdict(list)
    for each in clips:
        by_key[each.summary_key].append(each)
    splits = ["-", *SPLITS]
    roles = get_args(Role)
    ordered = sorted(by_key, key=lambda key: (splits.index(key[0]), roles.index(key[1]), key[2]))
    return tuple(_summary(key, by_key[key]) for key in ordered)


def _summary(key: SummaryKey, clips: Sequence[CheckedClip]) -> SplitSummary:
    split, role, label = key
    return SplitSummary(
        split=split,
        role=role,
        label=label,
        clips=len(clips),
        seconds=sum(each.measurement.seconds for each in clips),
        speakers=len({each.clip.speaker for each in clips} - {None}),
        rates=tuple(sorted({each.measurement.rate for each in clips if each.readable})),
        channels=tuple(sorted({each.measurement.channels for each in clips if each.readable})),
        clipped=sum(each.clipped for each in clips),
        silent=sum(each.silent for each in clips),
        broken=sum(not each.readable for each in clips),
    )
