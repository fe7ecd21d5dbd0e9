"""Corpora are downloaded, continued, verified and unpacked; a failure leaves nothing half done."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tarfile
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_corpora
from click.testing import CliRunner, Result
from file_server import FileServer, serving
from filelock import FileLock

from wakeword import storage
from wakeword.cli import main
from wakeword.data.corpora import fetch
from wakeword.data.corpora.catalogue import CORPORA, Corpus
from wakeword.data.corpora.fetch import corpus_folder, fetch_corpus, remove_corpus
from wakeword.data.corpora.reading import read_corpus
from wakeword.download import Checksum
from wakeword.errors import ConfigError, ManifestError

NAME = "librispeech-dev-clean"
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def server() -> Iterator[FileServer]:
    served = FileServer(etag='"first"')
    with serving(served):
        yield served


@pytest.fixture
def corpus(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """A tiny corpus in the place of one of the catalogue, at the local server."""
    server.content = tiny_corpora.pack(CORPORA[NAME], tmp_path / "files")
    tiny = tiny_corpora.entry(CORPORA[NAME], server.url("dev-clean.tar.gz"), server.content)
    monkeypatch.setitem(CORPORA, NAME, tiny)
    return tiny


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["data", *arguments])


def left(corpus: Corpus) -> list[str]:
    """Files and folders of a corpus in the cache, without its lock."""
    names = {path.name for path in corpus_folder(corpus).glob("*")}
    return sorted(names - {"lock"})


def test_a_corpus_is_listed_downloaded_and_deleted(corpus: Corpus) -> None:
    assert f"{NAME} " in run("list").stdout and " yes" not in run("list").stdout
    result = run("get", NAME)
    assert result.exit_code == 0, result.output
    assert "LibriSpeech dev-clean, CC-BY-4.0 (https://www.openslr.org/12/)" in result.stdout
    assert left(corpus) == ["unpacked"] and len(read_corpus(corpus).negatives) == 9
    assert " yes" in run("list").stdout
    usage = {each.kind: each.size_bytes for each in storage.cache_usage()}
    assert usage["corpora"] > 100_000
    result = run("remove", NAME)
    assert f"{NAME}: deleted, 0.3 MB freed" in result.stdout
    assert not corpus_folder(corpus).exists()
    assert f"{NAME}: not here" in run("remove", NAME).stdout


def test_a_corpus_that_is_here_is_not_downloaded_again(server: FileServer, corpus: Corpus) -> None:
    assert fetch_corpus(corpus) == fetch_corpus(corpus)
    assert len(server.asked) == 1


def test_several_archives_are_unpacked_into_one_folder(server: FileServer, tmp_path: Path) -> None:
    demand = CORPORA["demand"]
    content = tiny_corpora.pack(demand, tmp_path / "files")
    kitchen = tiny_corpora.entry(demand, server.url("kitchen.zip"), content).archives
    shutil.move(tmp_path / "files" / "DKITCHEN", tmp_path / "files" / "TCAR")
    content_of_both = tiny_corpora.pack(demand, tmp_path / "files")
    car = tiny_corpora.entry(demand, server.url("car.zip"), content_of_both).archives
    server.files = {"kitchen.zip": content, "car.zip": content_of_both}
    demand = replace(demand, archives=(*kitchen, *car))
    places = {path.name for path in fetch_corpus(demand).iterdir()}
    assert places == {"DKITCHEN", "TCAR"} and left(demand) == ["unpacked"]


def test_a_mirror_is_asked_instead(server: FileServer, corpus: Corpus) -> None:
    elsewhere = replace(corpus.archives[0], url="http://127.0.0.1:9/dev-clean.tar.gz")
    mirror = server.url("").rstrip("/")
    assert fetch_corpus(replace(corpus, archives=(elsewhere,)), mirror=mirror).is_dir()


def test_a_cut_connection_is_continued_by_the_same_command(
    server: FileServer, corpus: Corpus
) -> None:
    server.stop_after = 20_000
    result = run("get", NAME)
    assert result.exit_code == 2 and "closed after 20000 of" in result.stderr
    assert "it goes on where it stopped" in result.stderr and "--mirror URL" in result.stderr
    assert left(corpus) == ["dev-clean.tar.gz.part", "dev-clean.tar.gz.part.etag"]
    server.stop_after = None
    assert run("get", NAME).exit_code == 0
    assert server.asked == [None, "bytes=20000-"] and left(corpus) == ["unpacked"]


def test_another_checksum_leaves_nothing(server: FileServer, corpus: Corpus) -> None:
    archive = replace(corpus.archives[0], checksum=Checksum("md5", "0" * 32))
    with pytest.raises(ConfigError, match="does not have MD5 0000"):
        fetch_corpus(replace(corpus, archives=(archive,)))
    assert left(corpus) == []


def test_a_missing_file_names_the_publishers_page(server: FileServer, corpus: Corpus) -> None:
    server.status = 404
    with pytest.raises(ConfigError, match=r"HTTP 404(.|\n)*www.openslr.org/12/"):
        fetch_corpus(corpus)


def test_a_hostile_archive_leaves_nothing(
    server: FileServer, corpus: Corpus, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("fine.txt"))
        tar.addfile(tarfile.TarInfo("../../../escaped.txt"))
    server.content = buffer.getvalue()
    with pytest.raises(ManifestError, match="leads out of its folder"):
        fetch_corpus(tiny_corpora.entry(corpus, server.url("a.tar.gz"), server.content))
    assert left(corpus) == [] and list(tmp_path.rglob("escaped.txt")) == []


def test_a_disk_that_is_too_small_is_noticed_before_the_download(
    server: FileServer, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = 3 * corpus.size_bytes
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: Usage(needed, 1, needed - 1))
    result = run("get", NAME)
    assert result.exit_code == 2 and "GB left. Free some, or let WAKEWORD_CACHE" in result.stderr
    assert server.asked == [] and left(corpus) == []


def test_a_disk_that_fills_up_keeps_the_archive(
    server: FileServer, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(archive: Path, folder: Path, *_: object) -> None:
        folder.mkdir()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(fetch, "unpack", full)
        with pytest.raises(ConfigError, match=r"No space left.*Free some space and run the same"):
            fetch_corpus(corpus)
    assert left(corpus) == ["dev-clean.tar.gz"]
    assert fetch_corpus(corpus).is_dir() and len(server.asked) == 1


@pytest.mark.parametrize("stage", ["downloading", "unpacking"])
def test_an_interrupted_command_says_that_it_goes_on(
    corpus: Corpus, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(name: str, *_: int) -> None:
        if name.startswith(stage):
            raise KeyboardInterrupt

    whole_fetch = fetch.fetch_corpus
    with monkeypatch.context() as patched:
        patched.setattr(
            fetch, "fetch_corpus", lambda corpus, **_: whole_fetch(corpus, progress=interrupt)
        )
        result = run("get", NAME)
    assert result.exit_code == 130
    assert result.stderr == "stopped; the same command goes on from here\n"
    assert "unpacked" not in left(corpus) and "unpacked.part" not in left(corpus)
    assert run("get", NAME).exit_code == 0 and left(corpus) == ["unpacked"]


def test_a_second_process_does_not_write_the_same_files(server: FileServer, corpus: Corpus) -> None:
    corpus_folder(corpus).mkdir(parents=True)
    with FileLock(corpus_folder(corpus) / "lock"):
        for use in (fetch_corpus, remove_corpus):
            with pytest.raises(ConfigError, match="is being downloaded by another process"):
                use(corpus)
    assert server.asked == [] and fetch_corpus(corpus).is_dir()


def test_a_folder_that_cannot_be_written_is_named(corpus: Corpus) -> None:
    corpus_folder(corpus).parent.parent.mkdir(parents=True)
    corpus_folder(corpus).parent.write_text("a file")
    with pytest.raises(ConfigError, match="WAKEWORD_CACHE"):
        fetch_corpus(corpus)


def test_an_unknown_name_suggests_the_nearest() -> None:
    result = run("get", "librispech-dev-clean")
    assert result.exit_code == 2 and "Did you mean 'librispeech-dev-clean'?" in result.stderr
