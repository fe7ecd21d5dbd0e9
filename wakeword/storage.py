"""Atomic file writes, the cache folder and what it holds, cache keys and checksums."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from wakeword.errors import ConfigError

_CACHED = {
    "encoder weights": "encoders/*",
    "training features": "training/features-*",
    "training checkpoints": "training/run-*",
    "voices": "kokoro-voices-*.npz",
    "synthetic speech": "speech/*",
    "copies": "copies/*.json",
    "corpora": "corpora/*",
    "onnxruntime-web": "onnxruntime-web/*",
}
"""Kind of what is cached → its files and folders, below the cache folder."""


@dataclass(frozen=True)
class CacheUsage:
    """What the cache holds of one kind.

    Attributes:
        kind: "encoder weights", "training features", "training checkpoints", "voices", "synthetic
            speech", "copies", "corpora" or "onnxruntime-web".
        paths: its files and folders.
        files: number of files.
        size_bytes: of all files.
    """

    kind: str
    paths: tuple[Path, ...]
    files: int
    size_bytes: int


def cache_dir() -> Path:
    """Return the folder of downloads and computed features.

    It is the value of the environment variable WAKEWORD_CACHE, or the user cache folder of the
    platform.
    """
    if chosen := os.environ.get("WAKEWORD_CACHE"):
        return Path(chosen)
    import platformdirs  # not installed where exported models alone run

    return Path(platformdirs.user_cache_dir("wakeword", False))


def cache_usage() -> list[CacheUsage]:
    """Return what the cache folder holds, by kind; files of others in it are not counted."""
    usage = []
    for kind, pattern in _CACHED.items():
        paths = tuple(sorted(cache_dir().glob(pattern)))
        sizes = [size for path in paths for size in file_sizes(path)]
        usage.append(CacheUsage(kind, paths, len(sizes), sum(sizes)))
    return usage


def file_sizes(path: Path) -> Iterator[int]:
    """Yield the size of a file, or of each file below a folder; those that vanish are left out."""
    for file in [path] if path.is_file() else path.rglob("*"):
        with suppress(OSError):
            if file.is_file():
                yield file.stat().st_size


def clear_cache() -> None:
    """Delete everything that `cache_usage` lists; other files in the folder are kept.

    Raises:
        ConfigError: a file or folder cannot be deleted.
    """
    for path in (path for usage in cache_usage() for path in usage.paths):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{path}: cannot be deleted ({error.strerror or error}). Is it in use, or another "
                "user's? Delete the folder by hand."
            ) from error


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
    return checksum(path, "sha256")


def checksum(path: Path, algorithm: str) -> str:
    """Return the hash of a file's content in hexadecimal.

    Args:
        path: of the file.
        algorithm: "md5", "sha256" or "sha512".
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
