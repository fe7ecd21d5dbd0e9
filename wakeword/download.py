"""Downloads that resume where they stopped and are verified before they get their name."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Literal, NamedTuple

from wakeword import storage
from wakeword.errors import DownloadError
from wakeword.progress import ProgressCallback

_TIMEOUT_S = 20
_PIECE_BYTES = 1 << 18
_HASH_NAMES = {"md5": "MD5", "sha256": "SHA-256", "sha512": "SHA-512"}


class Checksum(NamedTuple):
    """The hash that a publisher states for a file.

    Attributes:
        algorithm: "md5", "sha256" or "sha512".
        digest: in hexadecimal.
    """

    algorithm: Literal["md5", "sha256", "sha512"]
    digest: str

    def __str__(self) -> str:
        return f"{_HASH_NAMES[self.algorithm]} {self.digest}"

    def matches(self, path: Path) -> bool:
        """Whether a file has this hash."""
        return storage.checksum(path, self.algorithm) == self.digest


def download_file(
    url: str,
    path: Path,
    *,
    name: str,
    checksum: Checksum | None = None,
    progress: ProgressCallback | None = None,
) -> None:
    """Download a file into a `.part` file, and rename it once it is complete and verified.

    A `.part` file of an earlier try is continued. The download starts again where the server
    cannot continue it, and where the file has changed since.

    Args:
        url: address of the file.
        path: the file to write; missing folders are created.
        name: of what is downloaded, for `progress`.
        checksum: of the file; None checks the length alone.
        progress: called with the bytes received and in total.

    Raises:
        DownloadError: the transfer failed, and the `.part` file is kept; or the file does not have
            the checksum, and is deleted.
    """
    part = path.with_name(f"{path.name}.part")
    with _failures_as_download_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        continued = part.exists()
        _transfer(url, part, name, progress)
        valid = checksum is None or checksum.matches(part)
        if continued and not valid:  # changed meanwhile
            _discard(part)
            _transfer(url, part, name, progress)
            valid = checksum is None or checksum.matches(part)
        if not valid:
            _discard(part)
            raise DownloadError(
                f"the download does not have {checksum} and was deleted; if that persists, a proxy "
                "alters downloads or the publisher has replaced the file"
            )
        part.replace(path)
        _validator_file(part).unlink(missing_ok=True)


@contextmanager
def _failures_as_download_errors() -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        raise DownloadError(f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise DownloadError(str(error.reason)) from error
    except OSError as error:
        raise DownloadError(error.strerror or str(error)) from error
    except http.client.HTTPException as error:
        raise DownloadError(f"the server's answer is not HTTP ({error!r})") from error


def _transfer(url: str, part: Path, name: str, progress: ProgressCallback | None) -> None:
    """Receive what is missing of a `.part` file."""
    received = part.stat().st_size if part.exists() else 0
    try:
        answer = urllib.request.urlopen(_request(url, part, received), timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not received:
            raise
        error.close()
        if _total_bytes(error.headers) in (None, received):
            return  # nothing is missing
        _discard(part)
        _transfer(url, part, name, progress)
        return
    with answer:
        continues = answer.status == 206
        if not continues:
            _store_validator(part, answer.headers)
        with part.open("ab" if continues else "wb") as file:
            received = file.tell()
            total = received + int(answer.headers.get("Content-Length", 0))
            while piece := answer.read(_PIECE_BYTES):
                file.write(piece)
                received += len(piece)
                if progress:
                    progress(f"downloading {name}", received, total)
    if received < total:
        raise DownloadError(f"the connection closed after {received} of {total} bytes")


def _request(url: str, part: Path, received: int) -> urllib.request.Request:
    """Return the request for what follows the first `received` bytes of an unchanged file."""
    request = urllib.request.Request(url, headers={"User-Agent": "wakeword"})
    if received:
        request.add_header("Range", f"bytes={received}-")
        if _validator_file(part).is_file():
            request.add_header("If-Range", _validator_file(part).read_text(encoding="latin-1"))
    return request


def _total_bytes(headers: Message) -> int | None:
    """Return the length of the file that `Content-Range` states, if it does."""
    stated = re.search(r"/(\d+)$", headers.get("Content-Range", ""))
    return int(stated[1]) if stated else None


def _store_validator(part: Path, headers: Message) -> None:
    """Keep what tells a changed file from the one whose download began: ETag or time."""
    etag = headers.get("ETag", "")
    validator = headers.get("Last-Modified", "") if etag.startswith("W/") or not etag else etag
    if validator:
        _validator_file(part).write_text(validator, encoding="latin-1")
    else:
        _validator_file(part).unlink(missing_ok=True)


def _validator_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator_file(part).unlink(missing_ok=True)
