"""TODO."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wakeword import storage
from wakeword.audio.activity import word_bounds
from wakeword.audio.files import audio_info, load_audio
from wakeword.audio.samples import Samples
from wakeword.errors import AudioError


@cache
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    """Read once, as long as the file's size and time of change stay."""
    return storage.sha256(path)


@dataclass(frozen=True)
class KeywordSegment:
    """Where a keyword is spoken in a clip, a training example or a stream.

    Attributes:
        keyword: the spoken keyword.
        start_s, end_s: its bounds in seconds from the start of the audio that contains it.
    """

    keyword: str
    start_s: float
    end_s: float

    def shifted(self, by_s: float) -> KeywordSegment:
        """The same segment in audio that starts `by_s` seconds earlier."""
        return KeywordSegment(self.keyword, self.start_s + by_s, self.end_s + by_s)


@dataclass(frozen=True)
class Clip:
    """A recording, or a part of one, with what is known of it. Times are in seconds."""

    path: Path
    label: str | None = None
    """The word that is said; None: not a keyword (other speech, noise, a room)."""
    speaker: str | None = None
    split: str | None = None
    """"train", "dev", "test", or None where it is not stated."""
    source: str | None = None
    """The sub-collection or folder that it came from."""
    text: str | None = None
    """What is said, where a transcript is known."""
    offset_s: float = 0.0
    duration_s: float | None = None
    """The part of the file: from `offset_s` on, `duration_s` long (None: to its end)."""
    start_s: float | None = None
    end_s: float | None = None
    """Where the keyword lies, counted from the clip's start; None: to be measured."""
    licence: str | None = None
    """Under which it may be used, where that is stated."""

    @property
    def near_miss(self) -> bool:
        """Whether it says what sounds nearly like a keyword: its source is "near-miss", or begins
        with "near-miss/"."""
        return (self.source or "").split("/")[0] == "near-miss"

    def load(self) -> Samples:
        """(samples,) at 16 kHz of this clip's part of its file. Raises AudioError."""
        return load_audio(self.path, offset_s=self.offset_s, duration_s=self.duration_s)

    def seconds(self) -> float:
        """How long it is, by the file's header where nobody says; 0.0 for what cannot be read."""
        if self.duration_s is not None:
            return self.duration_s
        try:
            return audio_info(self.path).seconds - self.offset_s
        except AudioError:
            return 0.0

    def identity(self) -> tuple[str, str]:
        """The clip and the SHA-256 of its file: what a cache may know it by."""
        try:
            stat = self.path.stat()
            content = _sha256(self.path, stat.st_size, stat.st_mtime_ns)
        except OSError:
            content = ""
        return str(self), content

    def bounds(self, samples: Samples) -> tuple[float, float]:
        """Seconds of the keyword's start and end within `samples`: by energy, between those stated.

        Stated bounds are often generous, and a word that seems to end half a second late teaches
        the wrong frames.
        """
        return word_bounds(samples, self.start_s or 0.0, self.end_s)
