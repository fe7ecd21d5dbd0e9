"""Overdriven clips, and keywords recorded in another format than negatives."""

from __future__ import annotations

from collections import Counter

from wakeword.data.check.context import CLIPPED_RUN, CheckContext
from wakeword.data.check.report import Finding
from wakeword.data.dataset import Role


def find_audio_differences(context: CheckContext) -> list[Finding]:
    """Find clipping, and formats or sample rates that tell keywords from negatives."""
    return [*_clipping(context), *_different_formats(context)]


def _clipping(context: CheckContext) -> list[Finding]:
    clips = [each for each in context.clips if each.clipped]
    if not clips:
        return []
    return [
        Finding(
            "warning",
            "clipped",
            f"{len(clips)} clip(s) are overdriven ({CLIPPED_RUN} or more consecutive samples at "
            "full scale).",
            "Record with less gain. A few do no harm.",
            context.names(clips),
        )
    ]


def _different_formats(context: CheckContext) -> list[Finding]:
    keywords = _most_common_format(context, "keyword")
    negatives = _most_common_format(context, "negative")
    if keywords is None or negatives is None or keywords == negatives:
        return []
    return [
        Finding(
            "warning",
            "recorded-differently",
            f"Most keywords are {keywords}, most negatives {negatives}: a model may learn the "
            "format instead of the keyword.",
            "Convert both to one sample rate and codec, or add negatives recorded like the "
            "keywords.",
        )
    ]


def _most_common_format(context: CheckContext, role: Role) -> str | None:
    formats = Counter(
        f"{each.clip.path.suffix.lstrip('.').casefold()} at {each.measurement.rate} Hz"
        for each in context.clips
        if each.readable and each.role == role
    )
    return formats.most_common(1)[0][0] if formats else None
