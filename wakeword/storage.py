"""Files whole or not at all, and where the cache is."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from wakeword.errors import ConfigError


def cache_dir() -> Path:
    """Where downloads and computed features are kept: WAKEWORD_CACHE, or the platform's place."""
    return Path(os.environ.get("WAKEWORD_CACHE") or platformdirs.user_cache_dir("wakeword", False))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A `.part` file to write; it takes its name only when the block ends without an error.

    Raises ConfigError, with nothing left behind, where the place cannot be written or is full.
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
            raise ConfigError(
                f"{path}: cannot be written ({error.strerror or error}). "
                "Choose a folder that you may write to, with space left on its disk."
            ) from error
        raise


def find_in_package(package: str, inside: str) -> Path | None:
    """A file inside an installed package, which is not imported; None where there is none."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    for place in (found.submodule_search_locations or []) if found else []:
        if (Path(place) / inside).is_file():
            return Path(place) / inside
    return None


def append_line(path: Path, line: str) -> None:
    """One more line in a text file, which is whole at any time; raises ConfigError as `whole`."""
    lines = path.read_text(encoding="utf-8") if path.is_file() else ""
    with atomic_write(path) as part:
        part.write_text(f"{lines}{line}\n", encoding="utf-8")


def check_writable(path: Path) -> None:
    """Raises ConfigError before long work rather than after it; nothing stays behind."""
    missing = [folder for folder in path.parents if not folder.exists()]  # the deepest first
    probe = path.with_name(f"{path.name}.probe")
    try:
        with atomic_write(probe) as part:
            part.touch()
        probe.unlink()
    finally:
        with suppress(OSError):
            for folder in missing:
                folder.rmdir()


def cache_key(*parts: object) -> str:
    """A name for what something is made of: equal parts, equal name."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
