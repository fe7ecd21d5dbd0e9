"""A data set: clips in four roles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from wakeword.data.clip import Clip
from wakeword.errors import ManifestError, unknown_name_message

Role = Literal["keyword", "negative", "noise", "rir"]
"""What a clip is used for; "rir" is a room impulse response."""

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
_NOT_STATED = "not stated"


@dataclass(frozen=True)
class Dataset:
    """Clips by role, with notes on what a reader assumed or skipped."""

    root: Path
    """The folder of the data set."""
    layout: str
    """The format that it was read from, such as "JSONL manifest"."""
    keywords: tuple[Clip, ...] = ()
    negatives: tuple[Clip, ...] = ()
    noises: tuple[Clip, ...] = ()
    rirs: tuple[Clip, ...] = ()
    notes: tuple[str, ...] = ()

    def labels(self) -> list[str]:
        """Return the distinct labels of the keyword clips, sorted."""
        return sorted({clip.label for clip in self.keywords if clip.label is not None})

    def subset(self, split: str) -> Dataset:
        """Return the clips of one split; "train" includes clips without a stated split.

        Raises:
            ManifestError: unknown split.
        """
        name = split_name(split)
        splits = {name, None} if name == "train" else {name}
        return self.map(lambda clips: tuple(clip for clip in clips if clip.split in splits))

    def by_role(self) -> dict[Role, tuple[Clip, ...]]:
        """Return all clips by role: "keyword", "negative", "noise", "rir"."""
        return {
            "keyword": self.keywords,
            "negative": self.negatives,
            "noise": self.noises,
            "rir": self.rirs,
        }

    def map(self, function: Callable[[tuple[Clip, ...]], tuple[Clip, ...]]) -> Dataset:
        """Return the data set with `function` applied to the clips of every role."""
        return replace(
            self,
            keywords=function(self.keywords),
            negatives=function(self.negatives),
            noises=function(self.noises),
            rirs=function(self.rirs),
        )

    def split_confusables(self) -> tuple[Dataset, tuple[Clip, ...]]:
        """Return the data set without its confusable negatives, and these clips."""
        confusables = tuple(clip for clip in self.negatives if clip.is_confusable)
        others = tuple(clip for clip in self.negatives if not clip.is_confusable)
        return replace(self, negatives=others), confusables

    def with_clips_of(self, other: Dataset) -> Dataset:
        """Return the data set with the clips of `other` appended, role by role."""
        return replace(
            self,
            keywords=(*self.keywords, *other.keywords),
            negatives=(*self.negatives, *other.negatives),
            noises=(*self.noises, *other.noises),
            rirs=(*self.rirs, *other.rirs),
        )

    def count_sources(self) -> list[dict[str, str | int]]:
        """Count the clips of each role, source and licence, as recorded in a model file.

        Returns:
            Rows with the keys "role", "source", "licence" and "clips", sorted.
        """
        counts = Counter(
            (role, clip.source or _NOT_STATED, clip.licence or _NOT_STATED)
            for role, clips in self.by_role().items()
            for clip in clips
        )
        return [
            {"role": role, "source": source, "licence": licence, "clips": count}
            for (role, source, licence), count in sorted(counts.items())
        ]

    def with_notes(self, *notes: str) -> Dataset:
        """Return the data set with `notes` appended, without repetitions."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))


def split_name(name: str) -> str:
    """Return "train", "dev" or "test" for one of these names or a common synonym.

    Raises:
        ManifestError: unknown split.
    """
    split = find_split(name)
    if split is None:
        raise ManifestError(unknown_name_message("split", name, SPLITS))
    return split


def find_split(name: str) -> str | None:
    """Return what `split_name` returns, or None for an unknown split."""
    return _SPLIT_NAMES.get(name.strip().casefold())
