"""One folder per word, as in Speech Commands, with its optional lists of splits."""

from __future__ import annotations

import re
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers.builder import DatasetBuilder
from wakeword.data.readers.recordings import audio_files
from wakeword.data.readers.roles import role_of
from wakeword.data.readers.rows import read_lines
from wakeword.data.readers.speakers import describe_sub_folders, sub_folder

_LISTS = {"validation_list.txt": "dev", "testing_list.txt": "test"}


def read_class_folders(root: Path, folders: list[str]) -> Dataset:
    """Read one folder per word; the names of negatives, noises and rirs are those of `role_of`.

    Speakers are taken from names such as `0a7c2a8d_nohash_0.wav`, else from the sub-folders of the
    words (of negatives only where a word has a sub-folder of this name, too), splits from
    `validation_list.txt` and `testing_list.txt`.

    Args:
        root: the folder of the data set.
        folders: names of the folders in it to read.
    """
    builder = DatasetBuilder()
    listed_splits = _listed_splits(root, builder.notes)
    other_split = "train" if "dev" in listed_splits.values() else None
    recordings = {name: audio_files(root / name) for name in folders}
    speakers = {
        speaker
        for name in folders
        for path in recordings[name][0]
        if role_of(name) == "keyword" and (speaker := sub_folder(path, root / name))
    }
    builder.notes += describe_sub_folders(speakers)
    for name in folders:
        role = role_of(name)
        if role != "keyword":
            builder.notes.append(f"Folder '{name}' is read as {role}.")
        builder.notes += recordings[name][1]
        for path in recordings[name][0]:
            sub = sub_folder(path, root / name)
            speaker = _speech_commands_speaker(path) or (sub if sub in speakers else None)
            is_speech = role in {"keyword", "negative"}
            relative = path.relative_to(root).as_posix()
            builder.add(
                role,
                Clip(
                    path,
                    label=name,
                    speaker=speaker if is_speech else None,
                    split=listed_splits.get(relative, other_split) if is_speech else None,
                    source=path.parent.relative_to(root).as_posix(),
                ),
            )
    return builder.build(root, "one folder per word")


def _listed_splits(root: Path, notes: list[str]) -> dict[str, str]:
    """Return {path below root: split} of the lists of Speech Commands."""
    splits = {}
    for name, split in _LISTS.items():
        if (root / name).is_file():
            entries = [line.strip() for line in read_lines(root / name) if line.strip()]
            missing = sum(not (root / entry).exists() for entry in entries)
            if missing:
                notes.append(f"{missing} of {len(entries)} files listed in {name} do not exist.")
            splits.update(dict.fromkeys(entries, split))
    return splits


def _speech_commands_speaker(path: Path) -> str | None:
    match = re.fullmatch(r"(\w+)_nohash_\d+", path.stem)
    return match[1] if match else None
