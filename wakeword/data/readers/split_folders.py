"""One folder per split, such as `train` and `test`, each with a data set in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset, find_split, split_name
from wakeword.data.readers.class_folders import read_class_folders
from wakeword.data.readers.roles import role_of


def are_split_folders(folders: list[str]) -> bool:
    """Whether folders are named after splits, possibly next to negatives, noises and rirs."""
    splits = [name for name in folders if find_split(name)]
    return bool(splits) and all(find_split(name) or role_of(name) != "keyword" for name in folders)


def read_split_folders(
    root: Path, folders: list[str], read_folder: Callable[[Path], Dataset]
) -> Dataset:
    """Read one folder per split; clips with a stated split keep it.

    Args:
        root: the folder of the data set.
        folders: names of the folders in it.
        read_folder: reads the folder of one split.
    """
    split_folders = [name for name in folders if find_split(name)]
    parts = [read_folder(root / name).map(_with_split(split_name(name))) for name in split_folders]
    parts.append(read_class_folders(root, [name for name in folders if name not in split_folders]))
    return Dataset(
        root,
        f"{parts[0].layout}, one folder per split",
        keywords=tuple(clip for part in parts for clip in part.keywords),
        negatives=tuple(clip for part in parts for clip in part.negatives),
        noises=tuple(clip for part in parts for clip in part.noises),
        rirs=tuple(clip for part in parts for clip in part.rirs),
    ).with_notes(*(note for part in parts for note in part.notes))


def _with_split(split: str) -> Callable[[tuple[Clip, ...]], tuple[Clip, ...]]:
    return lambda clips: tuple(replace(clip, split=clip.split or split) for clip in clips)
