"""One folder per word, with the lists of Speech Commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_files import names, write_recording, write_table

from wakeword.data.readers import read_dataset


def test_speech_commands_folders(tmp_path: Path) -> None:
    for name in (
        "computer/0a7c2a8d_nohash_0.wav",
        "computer/1b4c9b89_nohash_1.wav",
        "happy/0a7c2a8d_nohash_0.wav",
        "_unknown_/2c3c9b89_nohash_0.wav",
        "_background_noise_/tap.wav",
        "rir/hall.flac",
    ):
        write_recording(tmp_path / name)
    write_table(tmp_path / "validation_list.txt", "computer/1b4c9b89_nohash_1.wav\n")
    write_table(tmp_path / "testing_list.txt", "_unknown_/2c3c9b89_nohash_0.wav\n")

    data = read_dataset(tmp_path)

    assert data.labels() == ["computer", "happy"]
    assert [(c.label, c.speaker, c.split, c.source) for c in data.keywords] == [
        ("computer", "0a7c2a8d", "train", "computer"),
        ("computer", "1b4c9b89", "dev", "computer"),
        ("happy", "0a7c2a8d", "train", "happy"),
    ]
    assert [(c.label, c.speaker, c.split) for c in data.negatives] == [(None, "2c3c9b89", "test")]
    assert names(data.noises) == ["tap.wav"]
    assert data.noises[0].split is None
    assert names(data.rirs) == ["hall.flac"]
    assert "Folder '_unknown_' is read as negative." in data.notes


@pytest.mark.parametrize(
    ("folder", "role"),
    [
        ("negative", "negatives"),
        ("Negatives", "negatives"),
        ("unknown", "negatives"),
        ("other", "negatives"),
        ("not_wake_word", "negatives"),
        ("background", "noises"),
        ("noise", "noises"),
        ("rooms", "rirs"),
        ("alexa", "keywords"),
    ],
)
def test_folder_names_state_the_role(tmp_path: Path, folder: str, role: str) -> None:
    write_recording(tmp_path / folder / "a.wav")
    assert names(getattr(read_dataset(tmp_path), role)) == ["a.wav"]


def test_clips_that_no_list_names_have_no_split(tmp_path: Path) -> None:
    write_recording(tmp_path / "alexa/deep/er/a.wav")
    write_recording(tmp_path / "alexa/b.wav")
    write_table(tmp_path / "testing_list.txt", "alexa/b.wav\nalexa/gone.wav\n")
    data = read_dataset(tmp_path)
    assert {clip.path.name: clip.split for clip in data.keywords} == {
        "a.wav": None,
        "b.wav": "test",
    }
    assert data.keywords[1].source == "alexa/deep/er"
    assert any(
        "1 of 2 files listed in testing_list.txt do not exist" in note for note in data.notes
    )


def test_hidden_files_are_ignored_and_unsupported_formats_counted(tmp_path: Path) -> None:
    write_recording(tmp_path / "alexa/a.wav")
    for name in ("._a.wav", ".DS_Store", "b.m4a", "c.M4A", "readme.txt"):
        (tmp_path / "alexa" / name).write_bytes(b"x")
    data = read_dataset(tmp_path)
    assert names(data.keywords) == ["a.wav"]
    assert any(note.startswith("2 .m4a file(s) in 'alexa' skipped") for note in data.notes)
