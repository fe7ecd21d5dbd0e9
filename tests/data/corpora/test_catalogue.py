"""The catalogue: complete entries, unambiguous names."""

from __future__ import annotations

import re

import pytest

from wakeword.data.corpora.catalogue import CORPORA, Corpus, find_corpus
from wakeword.data.corpora.reading import _LAYOUTS
from wakeword.errors import ConfigError

DIGITS = {"md5": 32, "sha256": 64}


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=list(CORPORA))
def test_an_entry_is_complete(corpus: Corpus) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", corpus.name) and corpus.layout in _LAYOUTS
    assert corpus.home.startswith("https://") and re.fullmatch(r"[\w.-]+", corpus.licence)
    for archive in corpus.archives:
        assert archive.url.startswith("https://") and archive.size_bytes > 10_000_000
        digits = DIGITS[archive.checksum.algorithm]
        assert re.fullmatch(rf"[0-9a-f]{{{digits}}}", archive.checksum.digest)


def test_archives_have_distinct_names_and_checksums() -> None:
    """A mirror holds all of them in one folder."""
    archives = [archive for corpus in CORPORA.values() for archive in corpus.archives]
    assert len({archive.file_name for archive in archives}) == len(archives)
    assert len({archive.checksum for archive in archives}) == len(archives)


def test_an_unknown_name_suggests_the_nearest() -> None:
    assert find_corpus("musan").name == "musan"
    with pytest.raises(ConfigError, match=r"unknown corpus 'musn'\. Did you mean 'musan'\?"):
        find_corpus("musn")
