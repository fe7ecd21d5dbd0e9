"""Mycroft Precise: the folders `wake-word` and `not-wake-word`, and the same in `test`."""

from __future__ import annotations

from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers.builder import DatasetBuilder
from wakeword.data.readers.recordings import audio_files
from wakeword.data.readers.roles import role_of
from wakeword.data.readers.speakers import describe_sub_folders, sub_folder

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
    words = [part / KEYWORD_FOLDER for part in (root, root / "test")]
    speakers = {
        speaker
        for word in words
        for path in audio_files(word)[0]
        if (speaker := sub_folder(path, word))
    }
    builder.notes += describe_sub_folders(speakers)
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
                sub = sub_folder(path, entry)
                speaker = sub if sub in speakers and role in {"keyword", "negative"} else None
                builder.add(role, Clip(path, keyword, speaker, split, source))
    return builder.build(root, "Precise folders")
