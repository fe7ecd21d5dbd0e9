"""The folders of Mycroft Precise."""

from __future__ import annotations

from pathlib import Path

from data_files import write_recording

from wakeword.data.readers import read_dataset


def test_precise_folders(tmp_path: Path) -> None:
    root = tmp_path / "athena"
    write_recording(root / "wake-word/a.wav")
    write_recording(root / "not-wake-word/generated/b.wav")
    write_recording(root / "test/wake-word/c.wav")
    write_recording(root / "test/not-wake-word/d.wav")
    write_recording(root / "attic/e.wav")
    data = read_dataset(root)
    assert [(c.label, c.path.name, c.split) for c in data.keywords] == [
        ("athena", "a.wav", None),
        ("athena", "c.wav", "test"),
    ]
    assert [(c.label, c.path.name, c.split) for c in data.negatives] == [
        (None, "b.wav", None),
        (None, "d.wav", "test"),
    ]
    assert "Recordings in 'wake-word' are labelled 'athena', after the folder." in data.notes
    assert "Folder 'attic' is skipped." in data.notes


def test_precise_in_a_folder_with_a_generic_name(tmp_path: Path) -> None:
    write_recording(tmp_path / "data/wake-word/a.wav")
    assert read_dataset(tmp_path / "data").labels() == ["wake-word"]
