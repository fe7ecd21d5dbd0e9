"""Unpack an archive that may be hostile: nothing outside the folder, no links, and a bound."""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from wakeword.errors import ManifestError
from wakeword.progress import ProgressCallback

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class UnpackLimits:
    """What an archive may hold at most.

    Attributes:
        size_bytes: of all files together.
        members: files and folders.
    """

    size_bytes: int
    members: int = 1_000_000


@dataclass(frozen=True)
class _Member:
    """A file or folder of an archive; `kind` is "file", "folder", or what else it is."""

    name: str
    kind: str
    content: IO[bytes] | None


_Members = Generator[_Member, None, None]


def unpack(
    archive: Path,
    folder: Path,
    limits: UnpackLimits,
    progress: ProgressCallback | None = None,
) -> None:
    """Unpack a tar archive, compressed or not, or a zip archive into a folder.

    Files are written one by one, the same on every version of Python: owners, permissions and times
    of the archive are not taken over.

    Args:
        archive: to unpack.
        folder: to unpack into; created if it does not exist.
        limits: what the archive may hold.
        progress: called with the files unpacked so far.

    Raises:
        ManifestError: the archive is damaged, holds a link, a device or a path that leads out of
            the folder, or more than the limits.
        OSError: a file cannot be written.
    """
    size_bytes = 0
    folder.mkdir(parents=True, exist_ok=True)
    with closing(_members(archive)) as members:
        for number, member in enumerate(members, 1):
            target = folder / _relative_path(archive, member)
            if number > limits.members:
                raise _refused(archive, f"holds more than {limits.members:,} files")
            if member.content is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.content, target.open("wb") as file:
                while piece := _read(archive, member.content):
                    size_bytes += len(piece)
                    if size_bytes > limits.size_bytes:
                        raise _refused(archive, f"unpacks to over {limits.size_bytes:,} bytes")
                    file.write(piece)
            if progress:
                progress(f"unpacking {archive.name}, files", number, 0)


def _members(archive: Path) -> _Members:
    if zipfile.is_zipfile(archive):
        return _zip_members(archive)
    return _tar_members(archive)


def _tar_members(archive: Path) -> _Members:
    with _damage_as_error(archive), tarfile.open(archive) as tar:
        for member in tar:
            kind = "folder" if member.isdir() else "a link or device"
            content: IO[bytes] | None = None
            if member.isreg():
                kind, content = "file", tar.extractfile(member)
            yield _Member(member.name, kind, content)


def _zip_members(archive: Path) -> _Members:
    with _damage_as_error(archive), zipfile.ZipFile(archive) as container:
        for entry in container.infolist():
            if entry.is_dir():
                yield _Member(entry.filename, "folder", None)
            elif stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
                yield _Member(entry.filename, "a link or device", None)
            else:
                yield _Member(entry.filename, "file", container.open(entry))


def _read(archive: Path, content: IO[bytes]) -> bytes:
    with _damage_as_error(archive):
        return content.read(_PIECE_BYTES)


@contextmanager
def _damage_as_error(archive: Path) -> Iterator[None]:
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        gzip.BadGzipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise _refused(archive, f"is damaged ({error})") from error


def _relative_path(archive: Path, member: _Member) -> Path:
    """Return the path of a member below the folder; raise ManifestError where it has none."""
    if member.kind not in ("file", "folder"):
        raise _refused(archive, f"holds {member.kind}: {member.name!r}")
    path, on_windows = PurePosixPath(member.name), PureWindowsPath(member.name)
    absolute = path.is_absolute() or bool(on_windows.drive or on_windows.root)
    if absolute or ".." in on_windows.parts or "\0" in member.name:
        raise _refused(archive, f"holds a path that leads out of its folder: {member.name!r}")
    return Path(*path.parts)


def _refused(archive: Path, reason: str) -> ManifestError:
    return ManifestError(f"{archive.name} {reason}. It was not unpacked.")
