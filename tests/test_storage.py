"""Atomic writes, checks of writability, checksums and the cache folder."""

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


def test_a_file_is_renamed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "some.bin"
    with storage.atomic_write(path) as part:
        part.write_bytes(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert names(tmp_path) == ["some.bin"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, ValueError])
def test_an_error_keeps_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "some.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), storage.atomic_write(path) as part:
        part.write_bytes(b"half of the n")
        raise error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["some.bin"]


def test_a_full_disk_is_a_config_error(tmp_path: Path) -> None:
    path = tmp_path / "some.bin"
    with (
        pytest.raises(ConfigError, match=r"some\.bin: cannot be written \(No space left.*Choose"),
        storage.atomic_write(path) as part,
    ):
        part.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


def test_a_failed_rename_is_a_config_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(storage.os, "replace", denied)
    path = tmp_path / "some.bin"
    with pytest.raises(ConfigError, match="Permission denied"), storage.atomic_write(path) as part:
        part.write_bytes(b"all of it")
    assert names(tmp_path) == []


@pytest.mark.parametrize("relative", ["file/below.bin", "folder"])
def test_paths_that_cannot_be_written_are_config_errors(tmp_path: Path, relative: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(ConfigError, match="cannot be written"),
        storage.atomic_write(tmp_path / relative) as part,
    ):
        part.write_bytes(b"content")
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("relative", "message"),
    [
        ("file/below.bin", "below.bin: cannot be written (FOLDER/file is a file, not a folder)"),
        ("folder", "folder: cannot be written (it is a folder). Name a file in it."),
    ],
)
def test_check_writable_says_what_is_in_the_way(
    tmp_path: Path, relative: str, message: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as caught:
        storage.check_writable(tmp_path / relative)
    assert message.replace("FOLDER/file", str(tmp_path / "file")) in str(caught.value)
    assert names(tmp_path) == ["file"]


def test_check_writable_leaves_nothing_behind(tmp_path: Path) -> None:
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


def test_the_cache_folder_is_set_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage.cache_dir() == tmp_path / "cache"
    monkeypatch.setenv("WAKEWORD_CACHE", "")
    assert storage.cache_dir().name == "wakeword"


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines.txt"
    storage.append_line(path, "first")
    storage.append_line(path, "zweite Zeile: ö")
    assert path.read_text(encoding="utf-8") == "first\nzweite Zeile: ö\n"


def test_cache_keys_depend_on_all_parts() -> None:
    key = storage.cache_key("a", 1, {"x": 1, "y": 2})
    assert key == storage.cache_key("a", 1, {"y": 2, "x": 1})
    assert key != storage.cache_key("a", 2, {"x": 1, "y": 2})
    assert len(key) == 24
