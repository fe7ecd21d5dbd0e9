"""Speakers in several splits, and clips without a speaker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from wakeword.data.check.context import CheckContext, abbreviated
from wakeword.data.check.report import Finding

SPEAKERS_REMEDY = (
    "Say who speaks: in folders, put the clips of each person into a sub-folder of the keyword's "
    "folder (computer/ada/1.wav), or list names or patterns of names in a file speakers.csv "
    "(file,speaker) next to these folders; in a manifest, add a column or key 'speaker' (Kaldi: "
    "utt2spk). See the page 'Data formats'."
)
"""How to state speakers in each layout."""
_MAX_NUMBER_DIGITS = 6  # longer numbers identify the same person in all sources


def find_speaker_faults(context: CheckContext) -> list[Finding]:
    """Find speakers that are in more than one split, and clips whose speaker is unknown."""
    splits = _splits_by_speaker(context)
    overlapping = {
        speaker
        for speaker, by_source in splits.items()
        if len(set().union(*by_source.values())) > 1
    }
    reused = {speaker for speaker in overlapping if _is_reused_number(speaker, splits[speaker])}
    return [
        *_overlap(overlapping - reused, context),
        *_reused_numbers(reused, context),
        *_missing_speakers(context),
    ]


def _splits_by_speaker(context: CheckContext) -> dict[str, dict[str | None, set[str]]]:
    """Return {speaker: {source: splits}}."""
    splits: dict[str, dict[str | None, set[str]]] = defaultdict(lambda: defaultdict(set))
    for clip in (*context.dataset.keywords, *context.dataset.negatives):
        if clip.speaker is not None:
            splits[clip.speaker][clip.source].add(clip.split or "train")
    return splits


def _is_reused_number(speaker: str, splits_by_source: Mapping[str | None, set[str]]) -> bool:
    """Whether a short number is in one split in each source, but not in the same one in all."""
    return (
        speaker.isdigit()
        and len(speaker) <= _MAX_NUMBER_DIGITS
        and None not in splits_by_source
        and all(len(splits) == 1 for splits in splits_by_source.values())
    )


def _overlap(speakers: set[str], context: CheckContext) -> list[Finding]:
    if not speakers:
        return []
    return [
        Finding(
            "error",
            "speaker-overlap",
            f"{len(speakers)} speaker(s) are in more than one split, so the measured accuracy is "
            f"that for known voices: {abbreviated(sorted(speakers))}.",
            "Keep each speaker in one split, or state no splits and have them assigned.",
            _clips_of(speakers, context),
        )
    ]


def _reused_numbers(speakers: set[str], context: CheckContext) -> list[Finding]:
    if not speakers:
        return []
    return [
        Finding(
            "warning",
            "speaker-numbers",
            f"{len(speakers)} speaker(s) are plain numbers that are in different splits in "
            "different sources, where they are probably different people: "
            f"{abbreviated(sorted(speakers))}.",
            "Give speakers of different sources different names.",
            _clips_of(speakers, context),
        )
    ]


def _missing_speakers(context: CheckContext) -> list[Finding]:
    speech = (*context.dataset.keywords, *context.dataset.negatives)
    clips = [clip for clip in speech if clip.speaker is None]
    if not clips:
        return []
    keywords = sum(clip.label is not None for clip in clips)
    return [
        Finding(
            "warning",
            "speakers-missing",
            f"The speaker of {_counted(keywords, len(clips) - keywords)} is unknown: the same "
            "voice can be in two splits.",
            f"{SPEAKERS_REMEDY} A rough name, such as 'guest', is better than none.",
            tuple(context.name(clip) for clip in clips),
        )
    ]


def _clips_of(speakers: set[str], context: CheckContext) -> tuple[str, ...]:
    speech = (*context.dataset.keywords, *context.dataset.negatives)
    return tuple(context.name(clip) for clip in speech if clip.speaker in speakers)


def _counted(keywords: int, negatives: int) -> str:
    counts = {"keyword": keywords, "negative": negatives}
    return " and ".join(f"{count} {role}" for role, count in counts.items() if count) + " clip(s)"
