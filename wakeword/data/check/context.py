"""What the checks look at: the data set, its measured clips and their duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wakeword.data.check.measure import Measurement
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset, Role

CLIPPED_RUN = 5
"""A clip with this many consecutive samples at full scale (0.3 ms) is clipped."""
SILENT_PEAK = 0.001
"""Speech with a peak below this (-60 dB of full scale) is silent."""
SILENT_NOISE_PEAK = 0.0001
"""Noise with a peak below this (-80 dB) is silent: the noise of a quiet room is useful."""
_SILENT_PEAKS: dict[Role, float] = {
    "keyword": SILENT_PEAK,
    "negative": SILENT_PEAK,
    "noise": SILENT_NOISE_PEAK,
    "rir": 0.0,
}
_MAX_NAMES = 8  # in a message

SummaryKey = tuple[str, Role, str]
"""Split ("-" if not stated), role and label under which clips are counted."""


@dataclass(frozen=True)
class CheckedClip:
    """A clip with its role and the measurement of its audio."""

    clip: Clip
    role: Role
    measurement: Measurement

    @property
    def readable(self) -> bool:
        """Whether the clip could be decoded."""
        return self.measurement.error is None

    @property
    def silent(self) -> bool:
        """Whether the peak is too low for the role."""
        return self.readable and self.measurement.peak < _SILENT_PEAKS[self.role]

    @property
    def clipped(self) -> bool:
        """Whether samples are overdriven; a room impulse response may peak at full scale."""
        return self.role != "rir" and self.measurement.full_scale_run >= CLIPPED_RUN

    @property
    def summary_key(self) -> SummaryKey:
        """The split, role and label under which the clip is counted."""
        other_word = self.role == "negative" and is_single_word(self.clip, self.role)
        label = self.clip.label or ("other words" if other_word else "")
        return self.clip.split or "-", self.role, label


@dataclass(frozen=True)
class CheckContext:
    """The input of every check.

    Attributes:
        original: the data set with its own labels.
        dataset: the data set relabelled for the keywords.
        keywords: as given, or all labels of the data set.
        clips: all clips of `dataset`, measured.
        duplicates: groups of clips with the same recording.
    """

    original: Dataset
    dataset: Dataset
    keywords: tuple[str, ...]
    clips: tuple[CheckedClip, ...]
    duplicates: tuple[tuple[CheckedClip, ...], ...]

    def name(self, clip: Clip) -> str:
        """Return the name of a clip in reports: path below the data set, start if not 0."""
        path = clip.path
        if path.is_relative_to(self.dataset.root):
            path = path.relative_to(self.dataset.root)
        return f"{path.as_posix()} at {clip.offset_s:g} s" if clip.offset_s else path.as_posix()

    def names(self, clips: Sequence[CheckedClip]) -> tuple[str, ...]:
        """Return the names of several clips."""
        return tuple(self.name(each.clip) for each in clips)


def is_single_word(clip: Clip, role: Role) -> bool:
    """Whether a clip was recorded as one word: a keyword or the keyword of another training."""
    other_keyword = role == "negative" and (clip.source or "").startswith("word:")
    return role == "keyword" or other_keyword


def abbreviated(names: Sequence[str]) -> str:
    """Return the first names of a list and the number of the others, for a message."""
    listed = ", ".join(names[:_MAX_NAMES])
    more = len(names) - _MAX_NAMES
    return f"{listed} and {more} more" if more > 0 else listed
