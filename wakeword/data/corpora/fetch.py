"""Download a corpus into the cache, unpack it there, and delete it again."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wakeword import storage
from wakeword.data.corpora.catalogue import Archive, Corpus
from wakeword.data.corpora.unpack import UnpackLimits, unpack
from wakeword.download import download_file
from wakeword.errors import ConfigError, DownloadError, ManifestError
from wakeword.progress import ProgressCallback

_UNPACKED_RATIO = 2
"""Size of the unpacked files relative to the archives, at most, of the corpora in the catalogue."""
_LARGEST_RATIO = 10
"""An archive that unpacks to more is refused."""


def corpus_folder(corpus: Corpus) -> Path:
    """Return the folder in the cache that holds a corpus, its archives and its lock."""
    return storage.cache_dir() / "corpora" / corpus.name


def unpacked_folder(corpus: Corpus) -> Path:
    """Return the folder of the recordings; it exists only when they are complete."""
    return corpus_folder(corpus) / "unpacked"


def is_downloaded(corpus: Corpus) -> bool:
    """Whether a corpus is on this machine, complete."""
    return unpacked_folder(corpus).is_dir()


def fetch_corpus(
    corpus: Corpus, *, mirror: str | None = None, progress: ProgressCallback | None = None
) -> Path:
    """Download and unpack a corpus, unless it is on this machine.

    An interrupted download continues where it stopped. The archives are verified by their checksums
    and deleted once they are unpacked.

    Args:
        corpus: from the catalogue.
        mirror: address of a folder with the same archives, instead of the publisher's.
        progress: called with bytes received and files unpacked.

    Returns:
        The folder of the recordings.

    Raises:
        ConfigError: the download failed, the disk is too small, or another process downloads it.
        ManifestError: an archive is damaged or unsafe.
    """
    folder, unpacked = corpus_folder(corpus), unpacked_folder(corpus)
    if unpacked.is_dir():
        return unpacked
    with unwritable_as_error(folder), locked(folder, corpus.title):
        if unpacked.is_dir():  # by another process meanwhile
            return unpacked
        _check_space(corpus)
        for archive in corpus.archives:
            _download(corpus, archive, mirror, progress)
        _unpack(corpus, progress)
    return unpacked


def remove_corpus(corpus: Corpus) -> int:
    """Delete a corpus and what an interrupted download left.

    Returns:
        The bytes that were freed; 0 where there was nothing.

    Raises:
        ConfigError: a file cannot be deleted, or another process downloads the corpus.
    """
    folder = corpus_folder(corpus)
    if not folder.exists():
        return 0
    with unwritable_as_error(folder):
        with locked(folder, corpus.title):
            freed = sum(storage.file_sizes(folder))
        shutil.rmtree(folder)
    return freed


def _download(
    corpus: Corpus, archive: Archive, mirror: str | None, progress: ProgressCallback | None
) -> None:
    path = corpus_folder(corpus) / archive.file_name
    if path.is_file():  # verified before it got its name
        return
    url = f"{mirror.rstrip('/')}/{archive.file_name}" if mirror else archive.url
    try:
        download_file(
            url, path, name=archive.file_name, checksum=archive.checksum, progress=progress
        )
    except DownloadError as error:
        raise ConfigError(
            f"{corpus.title} could not be downloaded from {url}: {error}. Run the same command "
            "again: it goes on where it stopped. --mirror URL names another address; the "
            f"publisher's page is {corpus.home}."
        ) from error


def _unpack(corpus: Corpus, progress: ProgressCallback | None) -> None:
    """Unpack all archives into a `.part` folder, rename it and delete the archives."""
    unpacked = unpacked_folder(corpus)
    part = unpacked.with_name(f"{unpacked.name}.part")
    archives = [corpus_folder(corpus) / archive.file_name for archive in corpus.archives]
    limits = UnpackLimits(_LARGEST_RATIO * corpus.size_bytes)
    shutil.rmtree(part, ignore_errors=True)  # of an interrupted try
    try:
        for path in archives:
            unpack(path, part, limits, progress)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, ManifestError):
            for path in archives:
                path.unlink(missing_ok=True)
        raise
    part.rename(unpacked)
    for path in archives:
        path.unlink()


def _check_space(corpus: Corpus) -> None:
    """Raise ConfigError where the disk has no room for the archives and what is in them."""
    folder = corpus_folder(corpus)
    received = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    needed = (1 + _UNPACKED_RATIO) * corpus.size_bytes - received
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ConfigError(
            f"{corpus.title} needs about {needed / 1e9:.1f} GB to download and unpack, and "
            f"{folder} has {free / 1e9:.1f} GB left. Free some, or let WAKEWORD_CACHE name a "
            "folder on another disk."
        )


@contextmanager
def locked(folder: Path, title: str) -> Iterator[None]:
    """Keep other processes from downloading the same into a folder, which is made.

    Raises:
        ConfigError: another process does.
    """
    from filelock import FileLock, Timeout  # not installed where exported models alone run

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout:
        raise ConfigError(
            f"{title} is being downloaded by another process. Wait until it is done."
        ) from None


@contextmanager
def unwritable_as_error(folder: Path) -> Iterator[None]:
    """Raise ConfigError for an OSError inside, with what to do."""
    try:
        yield
    except OSError as error:
        advice = "Choose a folder with write permission by the variable WAKEWORD_CACHE."
        if error.errno == errno.ENOSPC:
            advice = "Free some space and run the same command again."
        raise ConfigError(f"{folder}: {error.strerror or error}. {advice}") from error
