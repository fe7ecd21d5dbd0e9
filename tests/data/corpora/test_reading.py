"""Each layout is read as negatives, noises and rooms, with speakers, texts and licences."""

from __future__ import annotations

import pytest
import tiny_corpora

from wakeword.data.corpora.catalogue import CORPORA
from wakeword.data.corpora.fetch import unpacked_folder
from wakeword.data.corpora.reading import read_corpus
from wakeword.data.dataset import Dataset
from wakeword.errors import ConfigError, ManifestError


def read(name: str) -> Dataset:
    tiny_corpora.install(name)
    return read_corpus(CORPORA[name])


@pytest.mark.parametrize(
    ("name", "negatives", "noises", "rirs"),
    [
        ("librispeech-test-other", 9, 0, 0),
        ("mini-librispeech-dev-clean-2", 9, 0, 0),
        ("speech-commands", 3, 1, 0),
        ("speech-commands-test", 3, 1, 0),
        ("musan", 1, 2, 0),
        ("rirs-noises", 0, 2, 2),
        ("demand", 0, 1, 0),
    ],
)
def test_a_layout_is_read(name: str, negatives: int, noises: int, rirs: int) -> None:
    data = read(name)
    counts = {role: len(clips) for role, clips in data.by_role().items()}
    assert counts == {"keyword": 0, "negative": negatives, "noise": noises, "rir": rirs}
    for clip in (*data.negatives, *data.noises, *data.rirs):
        assert (clip.source, clip.licence) == (name, CORPORA[name].licence)
        assert clip.path.is_file() and clip.label is None and clip.split is None
    assert all(clip.speaker is None for clip in (*data.noises, *data.rirs))


def test_transcripts_and_speakers_are_read() -> None:
    clips = read("librispeech-dev-clean").negatives
    assert {clip.speaker for clip in clips} == {"11", "22", "33"}
    texts = {clip.path.name: clip.text for clip in clips}
    assert texts["11-7-0001.flac"] == "THE RAIN FELL ALL NIGHT"
    words = {(clip.speaker, clip.text) for clip in read("speech-commands").negatives}
    assert words == {("ab12", "yes"), ("cd34", "yes"), ("ab12", tiny_corpora.KEYWORD)}


def test_speech_without_transcripts_is_noted() -> None:
    assert read("librispeech-dev-clean").notes == ()
    assert any("musan: 1 recording(s) of speech have no" in note for note in read("musan").notes)


def test_a_corpus_that_is_not_here_names_the_command() -> None:
    with pytest.raises(ConfigError, match="Run: wakeword data get musan"):
        read_corpus(CORPORA["musan"])


def test_a_corpus_without_its_recordings_is_an_error() -> None:
    unpacked_folder(CORPORA["musan"]).mkdir(parents=True)
    with pytest.raises(ManifestError, match="wakeword data remove musan"):
        read_corpus(CORPORA["musan"])
