"""Recognition of the format of a data set."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_files import write_recording, write_rows

from wakeword.data.readers import find_recordings, read_dataset, read_datasets
from wakeword.errors import ManifestError


def test_recordings_without_labels_are_refused(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav")
    with pytest.raises(ManifestError, match="1 recording\\(s\\) without labels"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", r"Found: nothing.*one folder per word"),
        ("nowhere", r"no such folder or manifest"),
        ("list.txt", r"'.txt' is not the suffix of a known manifest"),
        ("none.jsonl", r"read as JSONL manifest, but contains no clips"),
    ],
)
def test_unknown_formats_are_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    for file in ("list.txt", "none.jsonl"):
        (tmp_path / file).touch()
    with pytest.raises(ManifestError, match=f"(?s){message}"):
        read_dataset(tmp_path / name)


def test_several_data_sets_are_concatenated(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav")
    first = write_rows(tmp_path / "first.jsonl", {"wav": "a.wav", "label": "go"})
    second = write_rows(tmp_path / "second.jsonl", {"wav": "a.wav", "label": "stop"})
    data = read_datasets([first, second])
    assert data is not None
    assert [clip.label for clip in data.keywords] == ["go", "stop"]
    assert read_datasets([]) is None


def test_recordings_of_a_file_and_a_folder(tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "folder" / "deep" / "a.wav")
    assert find_recordings(recording) == find_recordings(tmp_path) == [recording]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="no recordings here"):
        find_recordings(tmp_path / "empty")
