"""Downloads: resumed, verified, and never half of a file under its name."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from file_server import FileServer, serving

from wakeword.download import Checksum, download_file
from wakeword.errors import DownloadError

CONTENT = bytes(range(256)) * 4000
MD5 = Checksum("md5", hashlib.md5(CONTENT).hexdigest())


@pytest.fixture
def server() -> Iterator[FileServer]:
    served = FileServer(CONTENT, etag='"first"')
    with serving(served):
        yield served


def fetch(server: FileServer, folder: Path, checksum: Checksum | None = MD5) -> Path:
    path = folder / "new" / "some.tar"
    download_file(server.url("some.tar"), path, name="some.tar", checksum=checksum)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("checksum", [MD5, Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())])
def test_a_file_is_downloaded_and_verified(
    server: FileServer, tmp_path: Path, checksum: Checksum
) -> None:
    assert fetch(server, tmp_path, checksum).read_bytes() == CONTENT
    assert names(tmp_path) == ["some.tar"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_connection_is_continued(server: FileServer, tmp_path: Path, ranges: bool) -> None:
    server.stop_after, server.ranges = 300_000, ranges
    with pytest.raises(DownloadError, match="closed after 300000 of 1024000 bytes"):
        fetch(server, tmp_path)
    assert names(tmp_path) == ["some.tar.part", "some.tar.part.etag"]
    server.stop_after = None
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-"]
    assert names(tmp_path) == ["some.tar"]


@pytest.mark.parametrize("etag", ['"second"', ""])
def test_a_file_that_changed_meanwhile_is_downloaded_from_its_start(
    server: FileServer, tmp_path: Path, etag: str
) -> None:
    """By its ETag, or by its checksum where the server states none."""
    server.etag = '"first"' if etag else ""
    server.stop_after, server.content = 300_000, CONTENT[::-1]
    with pytest.raises(DownloadError):
        fetch(server, tmp_path)
    server.stop_after, server.content, server.etag = None, CONTENT, etag
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == (2 if etag else 3)


def test_a_part_that_is_too_long_is_downloaded_again(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "some.tar.part").write_bytes(CONTENT + b"more")
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_another_checksum_deletes_the_file(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"does not have MD5 0000.* was deleted"):
        fetch(server, tmp_path, Checksum("md5", "0" * 32))
    assert names(tmp_path) == []


@pytest.mark.parametrize(("status", "reason"), [(404, "HTTP 404 Not Found"), (503, "HTTP 503")])
def test_a_refusal_of_the_server_is_the_reason(
    server: FileServer, tmp_path: Path, status: int, reason: str
) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=reason):
        fetch(server, tmp_path)
    assert names(tmp_path) == []


def test_a_full_disk_keeps_the_part(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.etag = ""

    class FullDisk(io.FileIO):
        def write(self, piece: Any) -> int:
            if self.tell() + len(piece) > 500_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(piece)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda path, mode: FullDisk(path, mode))
        with pytest.raises(DownloadError, match="No space left"):
            fetch(server, tmp_path, checksum=None)
    assert 0 < (tmp_path / "new" / "some.tar.part").stat().st_size <= 500_000
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked[1] is not None
