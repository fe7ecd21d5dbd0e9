"""Atomic file writes, the cache folder, cache keys and checksums."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wakeword.errors import ConfigError


def cache_dir() -> Path:
    """Return the folder of downloads and computed features.

    It is the value of the environment variable WAKEWORD_CACHE, or the user cache folder of the
    platform.
    """
    if chosen := os.environ.get("WAKEWORD_CACHE"):
        return Path(chosen)
    import platformdirs  # not installed where exported models alone run

    return Path(platformdirs.user_cache_dir("wakeword", False))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a `.part` file to write; rename it to `path` when the block ends without an error.

    Missing folders are created. After an error the `.part` file is removed, and an existing file
    at `path` is unchanged.

    Raises:
        ConfigError: the folder cannot be written or the disk is full.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ConfigError(_unwritable_message(path, error)) from error
        raise


def _unwritable_message(path: Path, error: OSError) -> str:
    if path.is_dir():
        return f"{path}: cannot be written (it is a folder). Name a file in it."
    file = next((parent for parent in path.parents if parent.is_file()), None)
    reason = f"{file} is a file, not a folder" if file else error.strerror or str(error)
    return (
        f"{path}: cannot be written ({reason}). "
        "Choose a folder with write permission and free disk space."
    )


def find_in_package(package: str, inside: str) -> Path | None:
    """Return the path of a file inside an installed package, or None if it does not exist.

    Args:
        package: name of the package, which is not imported.
        inside: path below the package's folder.
    """
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / inside).is_file():
            return Path(folder) / inside
    return None


def append_line(path: Path, line: str) -> None:
    """Append a line to a UTF-8 text file, atomically; the file is created if it does not exist.

    Raises:
        ConfigError: as `atomic_write`.
    """
    lines = path.read_text(encoding="utf-8") if path.is_file() else ""
    with atomic_write(path) as part:
        part.write_text(f"{lines}{line}\n", encoding="utf-8")


def check_writable(path: Path) -> None:
    """Check, before a long computation, that a file can be written; leaves nothing behind.

    Raises:
        ConfigError: as `atomic_write`.
    """
    missing = [folder for folder in path.parents if not folder.exists()]  # deepest first
    probe = path.with_name(f"{path.name}.probe")
    try:
        if path.is_dir():
            raise IsADirectoryError(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(_unwritable_message(path, error)) from error
    finally:
        with suppress(OSError):
            for folder in missing:
                folder.rmdir()


def cache_key(*parts: object) -> str:
    """Return a key of 24 hexadecimal digits; equal parts give equal keys.

    Args:
        parts: values that JSON can represent; others are represented by `str`.
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
