"""Other audio by path or name: what is added to a data set, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny_corpora
from data_files import dataset, write_recording

from wakeword.data.clip import Clip
from wakeword.data.corpora import other_audio
from wakeword.data.corpora.other_audio import read_other_audio, read_recordings, with_other_audio
from wakeword.errors import ConfigError, ManifestError

SPEECH = "librispeech-dev-clean"


def test_paths_and_names_are_read_together(tmp_path: Path) -> None:
    tiny_corpora.install(SPEECH, "rirs-noises")
    write_recording(tmp_path / "evening" / "a.wav")
    audio = read_other_audio([tmp_path / "evening", SPEECH, Path("rirs-noises")])
    counts = (len(audio.negatives), len(audio.noises), len(audio.rirs))
    assert counts == (1 + 9, 2, 2)
    assert audio.negatives[0] == Clip(tmp_path / "evening" / "a.wav")


def test_a_folder_with_the_name_of_a_corpus_is_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_recording(tmp_path / "musan" / "a.wav")
    assert read_other_audio(["musan"]).negatives == (Clip(Path("musan/a.wav")),)


def test_what_is_neither_path_nor_corpus_is_an_error() -> None:
    with pytest.raises(ConfigError, match="Run: wakeword data get musan"):
        read_other_audio(["musan"])
    with pytest.raises(ManifestError, match=r"no recordings here.*Did you mean 'musan'\?"):
        read_other_audio(["musn"])


def test_utterances_of_the_keyword_are_left_out() -> None:
    tiny_corpora.install(SPEECH, "speech-commands")
    clips = read_recordings([SPEECH, "speech-commands"], ["Ping"])
    assert len(clips) == (9 - 1) + (3 - 1) + 1
    assert not any(tiny_corpora.KEYWORD in (clip.text or "").casefold() for clip in clips)
    assert len(read_recordings([SPEECH])) == 9 and read_recordings([]) == ()


def test_nothing_but_rooms_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_corpora.install("rirs-noises")
    without_noise = replace(read_other_audio(["rirs-noises"]), noises=())
    monkeypatch.setattr(other_audio, "read_other_audio", lambda _: without_noise)
    with pytest.raises(ManifestError, match="rirs-noises: no recordings without the keyword"):
        read_recordings(["rirs-noises"])


def test_no_speaker_is_in_two_splits() -> None:
    tiny_corpora.install(SPEECH)
    own = dataset(
        (Clip(Path("a.wav"), "ping", "11", "dev"), Clip(Path("b.wav"), "ping", "22", "train"))
    )
    data = with_other_audio(own, [SPEECH], "train")
    assert {clip.speaker for clip in data.negatives} == {"22", "33"}
    assert {clip.split for clip in data.negatives} == {"train"}
    assert any("3 negative clip(s) of corpora left out" in note for note in data.notes)


def test_noises_are_shortened_and_limited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tiny_corpora.install("rirs-noises")
    monkeypatch.setattr(other_audio, "MAX_NOISES", 1)
    monkeypatch.setattr(other_audio, "MAX_RIRS", 1)
    monkeypatch.setattr(other_audio, "_NOISE_S", 0.5)
    added = with_other_audio(dataset(), ["rirs-noises"], "dev")
    (noise,) = added.noises
    assert (noise.offset_s, noise.duration_s) == (0.5, 0.5) and noise.split == "dev"
    assert len(added.rirs) == 1
    assert with_other_audio(dataset(), ["rirs-noises"], "dev") == added
