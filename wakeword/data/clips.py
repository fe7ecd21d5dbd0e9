"""What a data set is made of: clips, which are sound files or parts of them, in four roles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from wakeword import audio, storage
from wakeword.errors import AudioError, ManifestError, unknown

_UNSTATED = "not stated"
SPLITS = ("train", "dev", "test")
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
    "testing": "test",
}


@cache
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    """Read once, as long as the file's size and time of change stay."""
    return storage.sha256(path)


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

    def load(self) -> audio.Samples:
        """(samples,) at 16 kHz of this clip's part of its file. Raises AudioError."""
        return audio.load(self.path, offset_s=self.offset_s, duration_s=self.duration_s)

    def seconds(self) -> float:
        """How long it is, by the file's header where nobody says; 0.0 for what cannot be read."""
        if self.duration_s is not None:
            return self.duration_s
        try:
            return audio.info(self.path).seconds - self.offset_s
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

    def bounds(self, samples: audio.Samples) -> tuple[float, float]:
        """Seconds of the keyword's start and end within `samples`: by energy, between those stated.

        Stated bounds are often generous, and a word that seems to end half a second late teaches
        the wrong frames.
        """
        return audio.word_bounds(samples, self.start_s or 0.0, self.end_s)


@dataclass(frozen=True)
class Dataset:
    """All clips of a data set by role, with notes on what was assumed or left out."""

    root: Path
    layout: str
    keywords: tuple[Clip, ...] = ()
    negatives: tuple[Clip, ...] = ()
    noises: tuple[Clip, ...] = ()
    rooms: tuple[Clip, ...] = ()
    notes: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """The labels of the keyword clips, sorted."""
        return sorted({clip.label for clip in self.keywords if clip.label is not None})

    def subset(self, split: str) -> Dataset:
        """The clips of one split; "train" takes those without a stated split too."""
        wanted = split_name(split)
        splits = {wanted, None} if wanted == "train" else {wanted}
        return self.map(lambda clips: tuple(clip for clip in clips if clip.split in splits))

    def by_role(self) -> dict[str, tuple[Clip, ...]]:
        """All clips, by what they are for: "keyword", "negative", "noise", "room"."""
        return {
            "keyword": self.keywords,
            "negative": self.negatives,
            "noise": self.noises,
            "room": self.rooms,
        }

    def map(self, change: Callable[[tuple[Clip, ...]], tuple[Clip, ...]]) -> Dataset:
        """The same data set with `change` done to the clips of every role."""
        return replace(
            self,
            keywords=change(self.keywords),
            negatives=change(self.negatives),
            noises=change(self.noises),
            rooms=change(self.rooms),
        )

    def near_misses_apart(self) -> tuple[Dataset, tuple[Clip, ...]]:
        """The same data set without the near-misses among its negatives, and these."""
        near = tuple(clip for clip in self.negatives if clip.near_miss)
        others = tuple(clip for clip in self.negatives if not clip.near_miss)
        return replace(self, negatives=others), near

    def with_clips_of(self, other: Dataset) -> Dataset:
        """The same data set with the clips of another one too, role by role."""
        return replace(
            self,
            keywords=(*self.keywords, *other.keywords),
            negatives=(*self.negatives, *other.negatives),
            noises=(*self.noises, *other.noises),
            rooms=(*self.rooms, *other.rooms),
        )

    def ingredients(self) -> list[dict[str, str | int]]:
        """What it is made of, for the record: {"role", "source", "licence", "clips"}, sorted."""
        counts = Counter(
            (role, clip.source or _UNSTATED, clip.licence or _UNSTATED)
            for role, clips in self.by_role().items()
            for clip in clips
        )
        return [
            {"role": role, "source": source, "licence": licence, "clips": number}
            for (role, source, licence), number in sorted(counts.items())
        ]

    def with_notes(self, *notes: str) -> Dataset:
        """The same data set with notes added, each once."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))


def split_name(name: str) -> str:
    """ "train", "dev" or "test" for a name or a common synonym of it. Raises ManifestError."""
    known = find_split(name)
    if known is None:
        raise ManifestError(unknown("split", name, SPLITS))
    return known


def find_split(name: str) -> str | None:
    """Like `split_name`, but None for a name that is no split."""
    return _SPLIT_NAMES.get(name.strip().casefold())
