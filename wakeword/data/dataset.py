"""What a data set is made of: clips, which are sound files or parts of them, in four roles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.errors import ManifestError, unknown_name_message

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


@dataclass(frozen=True)
class Dataset:
    """All clips of a data set by role, with notes on what was assumed or left out."""

    root: Path
    layout: str
    keywords: tuple[Clip, ...] = ()
    negatives: tuple[Clip, ...] = ()
    noises: tuple[Clip, ...] = ()
    rirs: tuple[Clip, ...] = ()
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
            "room": self.rirs,
        }

    def map(self, change: Callable[[tuple[Clip, ...]], tuple[Clip, ...]]) -> Dataset:
        """The same data set with `change` done to the clips of every role."""
        return replace(
            self,
            keywords=change(self.keywords),
            negatives=change(self.negatives),
            noises=change(self.noises),
            rirs=change(self.rirs),
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
            rirs=(*self.rirs, *other.rirs),
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
        raise ManifestError(unknown_name_message("split", name, SPLITS))
    return known


def find_split(name: str) -> str | None:
    """Like `split_name`, but None for a name that is no split."""
    return _SPLIT_NAMES.get(name.strip().casefold())
