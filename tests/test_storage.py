"""A file is there whole, or it is not there."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from wakeword import storage
from wakeword.errors import ConfigError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_takes_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "some.bin"
    with storage.atomic_write(path) as part:
        part.write_bytes(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert names(tmp_path) == ["some.bin"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, ValueError])
def test_an_error_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "some.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), storage.atomic_write(path) as part:
        part.write_bytes(b"half of the n")
        raise error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["some.bin"]


def test_a_full_disk_teaches(tmp_path: Path) -> None:
    path = tmp_path / "some.bin"
    with (
        pytest.raises(ConfigError, match=r"some\.bin: cannot be written \(No space left.*Choose"),
        storage.atomic_write(path) as part,
    ):
        part.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


def test_a_rename_that_fails_teaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(storage.os, "replace", denied)
    path = tmp_path / "some.bin"
    with pytest.raises(ConfigError, match="Permission denied"), storage.atomic_write(path) as part:
        part.write_bytes(b"all of it")
    assert names(tmp_path) == []


@pytest.mark.parametrize("place", ["file/below.bin", "folder"])
def test_impossible_places_teach(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(ConfigError, match="cannot be written"),
        storage.atomic_write(tmp_path / place) as part,
    ):
        part.write_bytes(b"content")
    assert names(tmp_path) == ["file"]


def test_check_writable_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "some.bin"
    path.write_bytes(b"old")
    storage.check_writable(path)
    storage.check_writable(tmp_path / "new" / "newer" / "some.bin")
    assert names(tmp_path) == ["some.bin"]
    with pytest.raises(ConfigError, match="cannot be written"):
        storage.check_writable(path / "below.bin")


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_sha256(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    path = tmp_path / "some.bin"
    path.write_bytes(content[:size])
    assert storage.sha256(path) == hashlib.sha256(content[:size]).hexdigest()


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage.cache_dir() == tmp_path / "cache"
    monkeypatch.setenv("WAKEWORD_CACHE", "")
    assert storage.cache_dir().name == "wakeword"
