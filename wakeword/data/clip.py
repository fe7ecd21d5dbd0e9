"""A clip: an audio file, or a part of one, with its label, speaker and other metadata."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from wakeword import storage
from wakeword.audio.activity import word_bounds
from wakeword.audio.files import audio_info, load_audio
from wakeword.audio.samples import Samples
from wakeword.errors import AudioError
from wakeword.legacy import RENAMED_SOURCES

CONFUSABLE_SOURCE = "confusable"
"""Source, or its part before the first "/", of negatives that sound similar to a keyword."""


@cache
def _sha256(path: Path, size: int, modified_ns: int) -> str:
    """Hash a file once, as long as its size and modification time do not change."""
    return storage.sha256(path)


class ClipIdentity(NamedTuple):
    """What determines the audio of a clip and its use in training, wherever the file is."""

    content: str
    """SHA-256 of the file; the name of a file that cannot be read."""
    offset_s: float
    duration_s: float | None
    label: str | None
    split: str | None
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True)
class KeywordSegment:
    """Where a keyword is spoken in a clip, a training example or a stream.

    Attributes:
        keyword: the spoken keyword.
        start_s: its start in seconds from the start of the audio that contains it.
        end_s: its end.
    """

    keyword: str
    start_s: float
    end_s: float

    def shifted(self, by_s: float) -> KeywordSegment:
        """The same segment in audio that starts `by_s` seconds earlier."""
        return KeywordSegment(self.keyword, self.start_s + by_s, self.end_s + by_s)


@dataclass(frozen=True)
class Clip:
    """An audio file, or a part of one, with its metadata. Times are in seconds."""

    path: Path
    label: str | None = None
    """The spoken keyword; None for other speech, noise and room impulse responses."""
    speaker: str | None = None
    split: str | None = None
    """"train", "dev", "test", or None if the data set states none."""
    source: str | None = None
    """The collection or folder that the clip comes from."""
    text: str | None = None
    """The transcript."""
    offset_s: float = 0.0
    """Start of the clip in its file."""
    duration_s: float | None = None
    """Length of the clip; None: up to the end of the file."""
    start_s: float | None = None
    """Start of the keyword, counted from the start of the clip; None: to be measured."""
    end_s: float | None = None
    """End of the keyword, counted from the start of the clip; None: to be measured."""
    licence: str | None = None
    """The licence of the recording."""

    @property
    def is_confusable(self) -> bool:
        """Whether the clip is a phrase that sounds similar to a keyword.

        True if its source is "confusable" or starts with "confusable/". Earlier versions wrote
        "near-miss".
        """
        collection = (self.source or "").split("/")[0]
        return RENAMED_SOURCES.get(collection, collection) == CONFUSABLE_SOURCE

    def load(self) -> Samples:
        """Read the clip.

        Returns:
            (samples,) float32 in [-1, 1] at 16 kHz.

        Raises:
            AudioError: the file is missing, unreadable or empty.
        """
        return load_audio(self.path, offset_s=self.offset_s, duration_s=self.duration_s)

    def seconds(self) -> float:
        """Return the length in seconds: `duration_s`, or as the file's header states.

        An unreadable file counts as 0.0 s.
        """
        if self.duration_s is not None:
            return self.duration_s
        try:
            return audio_info(self.path).seconds - self.offset_s
        except AudioError:
            return 0.0

    def identity(self) -> ClipIdentity:
        """Return what identifies the clip in cache keys.

        Clips in different folders are identical if their files have equal content and they are the
        same part of it, with equal label, split and bounds.
        """
        try:
            stat = self.path.stat()
            content = _sha256(self.path, stat.st_size, stat.st_mtime_ns)
        except OSError:
            content = self.path.name
        return ClipIdentity(
            content,
            float(self.offset_s),
            _optional_float(self.duration_s),
            self.label,
            self.split,
            _optional_float(self.start_s),
            _optional_float(self.end_s),
        )

    def bounds(self, samples: Samples) -> tuple[float, float]:
        """Measure the start and end of the keyword by its energy, within the stated bounds.

        Stated bounds are often generous, and an end that is half a second late gives wrong
        training targets.

        Args:
            samples: (samples,) at 16 kHz, as returned by `load`.

        Returns:
            Start and end in seconds from the start of the clip.
        """
        return word_bounds(samples, self.start_s or 0.0, self.end_s)


def _optional_float(value: float | None) -> float | None:
    return None if value is None else float(value)
