"""Hostile and damaged archives are refused, and nothing is written outside the folder."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from wakeword.data.corpora.unpack import UnpackLimits, unpack
from wakeword.errors import ManifestError

LIMITS = UnpackLimits(1_000_000, members=50)


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def unpacked(archive: Path) -> dict[str, bytes]:
    folder = archive.parent / "place" / "unpacked"
    unpack(archive, folder, LIMITS)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_archive_is_unpacked(tmp_path: Path, mode: str) -> None:
    archive = tar_of(
        tmp_path / "a.tar",
        (member("./", tarfile.DIRTYPE), b""),
        (member("./b/c.txt"), b"text"),
        (member("./d.txt"), b""),
        mode=mode,
    )
    assert unpacked(archive) == {"b/c.txt": b"text", "d.txt": b""}


def test_a_zip_archive_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as container:
        container.writestr("b/", b"")
        container.writestr("b/c.txt", b"text")
    assert unpacked(tmp_path / "a.zip") == {"b/c.txt": b"text"}


ESCAPES = ["../out.txt", "b/../../out.txt", "/out.txt", "C:\\out.txt", "..\\out.txt", "\\out.txt"]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as container:
        container.writestr(name, b"hostile")
    tar_of(tmp_path / "a.tar", (member(name), b"hostile"))
    for archive in ("a.zip", "a.tar"):
        with pytest.raises(ManifestError, match="leads out of its folder"):
            unpacked(tmp_path / archive)
    assert [path for path in tmp_path.rglob("*") if path.name.endswith("out.txt")] == []


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    archive = tar_of(
        tmp_path / "a.tar",
        (member("b", kind, str(tmp_path)), b""),
        (member("b/secret"), b"overwritten"),
    )
    with pytest.raises(ManifestError, match="holds a link or device: 'b'"):
        unpacked(archive)
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_a_link_in_a_zip_archive_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("b")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as container:
        container.writestr(info, "/etc/passwd")
    with pytest.raises(ManifestError, match="holds a link or device: 'b'"):
        unpacked(tmp_path / "a.zip")


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as container:
        for number in range(3):
            container.writestr(f"{number}.bin", bytes(400_000))
    tar_of(tmp_path / "a.tar", (member("0.bin"), bytes(1_000_001)))
    for archive in ("a.zip", "a.tar"):
        with pytest.raises(ManifestError, match="unpacks to over 1,000,000 bytes"):
            unpacked(tmp_path / archive)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a.tar", *((member(f"{n}.txt"), b"") for n in range(51)))
    with pytest.raises(ManifestError, match="holds more than 50 files"):
        unpacked(archive)


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9])
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str, keep: float) -> None:
    path = tmp_path / name
    content = bytes(range(256)) * 30
    if name == "a.zip":
        with zipfile.ZipFile(path, "w") as container:
            container.writestr("b.bin", content)
    else:
        tar_of(path, (member("b.bin"), content))
    whole_archive = path.read_bytes()
    path.write_bytes(whole_archive[: int(keep * len(whole_archive))])
    with pytest.raises(ManifestError, match="is damaged"):
        unpacked(path)
