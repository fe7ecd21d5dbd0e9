"""Mycroft Precise: the folders `wake-word` and `not-wake-word`, and the same in `test`."""

from __future__ import annotations

from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers.builder import DatasetBuilder
from wakeword.data.readers.recordings import audio_files
from wakeword.data.readers.roles import role_of

KEYWORD_FOLDER = "wake-word"
_GENERIC_NAMES = frozenset(
    {"", "data", "dataset", "datasets", "precise", "wake-word", "wakeword", "recordings", "clips"}
)


def read_precise(root: Path) -> Dataset:
    """Read the folders of Precise; the keyword is the name of `root`, unless that is generic."""
    builder = DatasetBuilder()
    keyword = root.resolve().name
    if keyword.casefold() in _GENERIC_NAMES:
        keyword = KEYWORD_FOLDER
    builder.notes.append(
        f"Recordings in '{KEYWORD_FOLDER}' are labelled '{keyword}', after the folder."
    )
    for folder, split in ((root, None), (root / "test", "test")):
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_dir() or entry == root / "test":
                continue
            role = "keyword" if entry.name == KEYWORD_FOLDER else role_of(entry.name)
            if role == "keyword" and entry.name != KEYWORD_FOLDER:
                builder.notes.append(f"Folder '{entry.relative_to(root)}' is skipped.")
                continue
            recordings, notes = audio_files(entry)
            builder.notes += notes
            for path in recordings:
                source = path.parent.relative_to(root).as_posix()
                builder.add(role, Clip(path, label=keyword, split=split, source=source))
    return builder.build(root, "Precise folders")
