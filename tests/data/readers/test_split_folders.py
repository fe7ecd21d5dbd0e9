"""One folder per split."""

from __future__ import annotations

from pathlib import Path

from data_files import write_recording

from wakeword.data.readers import read_dataset


def test_noise_next_to_split_folders(tmp_path: Path) -> None:
    write_recording(tmp_path / "train/alexa/a.wav")
    write_recording(tmp_path / "test/alexa/b.wav")
    write_recording(tmp_path / "noise/n.wav")
    data = read_dataset(tmp_path)
    assert data.labels() == ["alexa"]
    assert [(clip.path.name, clip.split) for clip in data.noises] == [("n.wav", None)]


def test_split_folders(tmp_path: Path) -> None:
    write_recording(tmp_path / "train/alexa/a.wav")
    write_recording(tmp_path / "train/noise/n.wav")
    write_recording(tmp_path / "validation/alexa/b.wav")
    data = read_dataset(tmp_path)
    assert [(c.path.name, c.split) for c in data.keywords] == [("a.wav", "train"), ("b.wav", "dev")]
    assert [clip.split for clip in data.noises] == ["train"]
