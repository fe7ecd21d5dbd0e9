"""Find the recordings in a folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from wakeword.errors import ManifestError

AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64"}
)
_UNSUPPORTED_SUFFIXES = frozenset({".m4a", ".aac", ".wma", ".webm", ".amr", ".mp4", ".3gp"})


def find_recordings(path: Path) -> list[Path]:
    """Return a recording itself, or all recordings in a folder and its subfolders, sorted.

    Raises:
        ManifestError: there are none.
    """
    recordings = [path] if path.is_file() else audio_files(path)[0]
    if not recordings:
        raise ManifestError(
            f"{path}: no recordings here. Give an audio file or a folder of audio files."
        )
    return recordings


def audio_files(folder: Path) -> tuple[list[Path], list[str]]:
    """Find the recordings in a folder and its subfolders; hidden files are ignored.

    Returns:
        The recordings, sorted, and notes on audio files of unsupported formats.
    """
    recordings, unsupported = [], Counter[str]()
    for path in _files_below(folder):
        suffix = path.suffix.casefold()
        if suffix in AUDIO_SUFFIXES:
            recordings.append(path)
        elif suffix in _UNSUPPORTED_SUFFIXES:
            unsupported[suffix] += 1
    notes = [
        f"{count} {suffix} file(s) in '{folder.name}' skipped: convert them to WAV or FLAC."
        for suffix, count in sorted(unsupported.items())
    ]
    return sorted(recordings), notes


def contains_audio(folder: Path) -> bool:
    """Whether there is a recording in a folder or its subfolders."""
    return any(path.suffix.casefold() in AUDIO_SUFFIXES for path in _files_below(folder))


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in files if not name.startswith("."))
