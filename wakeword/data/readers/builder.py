"""Collect the clips and notes of a reader and build the data set."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset, Role
from wakeword.errors import ManifestError


class DatasetBuilder:
    """Collects clips by role, in the order of the data, and notes.

    Attributes:
        clips: (role, clip) in the order in which they were added.
        notes: what was assumed or skipped.
    """

    def __init__(self) -> None:
        self.clips: list[tuple[Role, Clip]] = []
        self.notes: list[str] = []

    def add(self, role: Role, clip: Clip) -> None:
        """Add a clip; only keyword clips keep their label and bounds."""
        if role != "keyword":
            clip = replace(clip, label=None, start_s=None, end_s=None)
        self.clips.append((role, clip))

    def with_role(self, role: Role) -> tuple[Clip, ...]:
        """Return the clips of a role."""
        return tuple(clip for clip_role, clip in self.clips if clip_role == role)

    def check_files(self, table: Path, first: int = 0) -> None:
        """Check that the files of the clips from number `first` on exist; note missing ones.

        Raises:
            ManifestError: most of the files are missing.
        """
        paths = {clip.path for _, clip in self.clips[first:]}
        missing = sorted(path for path in paths if not os.path.exists(path))
        if len(missing) > len(paths) / 2:
            raise ManifestError(
                f"{table}: {len(missing)} of {len(paths)} files do not exist, such as "
                f"{missing[0]}. Relative paths are resolved against the manifest's folder "
                f"({table.parent}): move the manifest or correct the paths."
            )
        if missing:
            self.notes.append(
                f"{table.name}: {len(missing)} of {len(paths)} files do not exist, such as "
                f"{missing[0]}; they will be skipped."
            )

    def build(self, root: Path, layout: str) -> Dataset:
        """Return the data set.

        Args:
            root: its folder.
            layout: the name of the format, for messages.
        """
        return Dataset(
            root,
            layout,
            keywords=self.with_role("keyword"),
            negatives=self.with_role("negative"),
            noises=self.with_role("noise"),
            rirs=self.with_role("rir"),
        ).with_notes(*self.notes)
