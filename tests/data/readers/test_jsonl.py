"""JSONL manifests of this package, NeMo and WeKws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import RATE, names, write_recording, write_rows, write_table

from wakeword.data.clip import Clip
from wakeword.data.readers import read_dataset
from wakeword.errors import ManifestError


def test_nemo_manifest(tmp_path: Path) -> None:
    long = write_recording(tmp_path / "clips/long.wav", 2.0)
    manifest = write_rows(
        tmp_path / "manifest.json",
        {"audio_filepath": "clips/long.wav", "duration": 0.5, "offset": 1.0, "label": "go"},
        {"audio_filepath": str(long), "duration": 0.25, "command": "stop", "speaker": 7},
        {"audio_filepath": "clips/long.wav", "text": "go now", "split": "valid", "duration": None},
    )
    data = read_dataset(manifest)
    go, stop = data.keywords
    assert (go.label, go.offset_s, go.duration_s) == ("go", 1.0, 0.5)
    assert go.load().shape == (8000,)
    np.testing.assert_array_equal(go.load(), Clip(long).load()[RATE : RATE + 8000])
    assert (stop.label, stop.speaker, stop.path) == ("stop", "7", long)
    assert [(c.text, c.split, c.duration_s) for c in data.negatives] == [("go now", "dev", None)]


@pytest.mark.parametrize(
    "label", ["", "-1", "unknown", "_unknown_", "<filler>", "Other", "negative", "silence", None]
)
def test_labels_of_negatives(tmp_path: Path, label: str | None) -> None:
    write_recording(tmp_path / "a.wav")
    data = read_dataset(
        write_rows(tmp_path / "m.jsonl", {"audio_filepath": "a.wav", "label": label})
    )
    assert [clip.label for clip in data.negatives] == [None]
    assert not data.keywords


def test_wekws_list(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav")
    manifest = write_rows(
        tmp_path / "data.list",
        {"key": "1", "txt": "hi xiaowen", "duration": 0.1, "wav": "a.wav"},
        {"key": "2", "txt": -1, "tot_len": 0.1, "wav": "a.wav"},
        {"key": "3", "txt": "this is a whole sentence", "wav": "a.wav"},
    )
    data = read_dataset(manifest)
    assert [(clip.label, clip.duration_s) for clip in data.keywords] == [("hi xiaowen", 0.1)]
    assert [clip.text for clip in data.negatives] == ["-1", "this is a whole sentence"]
    assert data.negatives[0].duration_s == 0.1


def test_labels_that_are_numbers_are_noted(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav")
    data = read_dataset(write_rows(tmp_path / "m.jsonl", {"wav": "a.wav", "txt": 0}))
    assert data.labels() == ["0"]
    assert any("All labels are numbers (0)" in note for note in data.notes)


def test_manifest_names_state_splits(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav")
    row: dict[str, object] = {"audio_filepath": "a.wav", "label": "go"}
    write_rows(tmp_path / "train_manifest.json", row, {**row, "split": "test"})
    write_rows(tmp_path / "kws-val.jsonl", row)
    data = read_dataset(tmp_path)
    assert sorted(str(clip.split) for clip in data.keywords) == ["dev", "test", "train"]


def test_missing_files_are_counted_per_manifest(tmp_path: Path) -> None:
    present: list[dict[str, object]] = []
    for number in range(6):
        write_recording(tmp_path / f"{number}.wav")
        present.append({"wav": f"{number}.wav"})
    write_rows(tmp_path / "a.jsonl", *present)
    write_rows(
        tmp_path / "b.jsonl", *({"wav": f"no{number}.wav", "label": "go"} for number in range(3))
    )
    with pytest.raises(ManifestError, match=r"b.jsonl: 3 of 3 files do not exist"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"audio_filepath": "a.wav"', r"line 1: not JSON .* Expected one object per line"),
        ('["a.wav"]', r"line 1: expected one JSON object per line, found \[\"a.wav\"\]"),
        ('{"path": "a.wav", "label": "go"}', r"no 'audio_filepath' and no 'wav'. Found: path, lab"),
        ('{"wav": "a.wav", "offset": -1}', r"the offset is -1.0 s. Expected 0 or more"),
        ('{"wav": "a.wav", "duration": 0}', r"the duration is 0.0 s. Expected more than 0"),
        ('{"wav": "a.wav", "duration": "long"}', r"duration is 'long'. Expected a number"),
        ('{"wav": "a.wav", "duration": NaN}', r"duration is nan. Expected a number"),
        ('{"wav": "a.wav", "split": "tran"}', r"unknown split 'tran'. Did you mean 'train'\?"),
        ('{"wav": "a.wav", "role": "music"}', r"role 'music'. Expected one of: keyword, negative"),
        ('{"wav": 3}', r"the file name is missing"),
    ],
)
def test_jsonl_errors(tmp_path: Path, line: str, message: str) -> None:
    write_recording(tmp_path / "a.wav")
    with pytest.raises(ManifestError, match=message):
        read_dataset(write_table(tmp_path / "m.jsonl", line))


def test_roles_of_earlier_versions_are_read(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav")
    manifest = write_rows(
        tmp_path / "m.jsonl",
        {"audio_filepath": "a.wav", "role": "room"},
        {"audio_filepath": "a.wav", "role": "rir"},
    )
    assert names(read_dataset(manifest).rirs) == ["a.wav", "a.wav"]


def test_bounds_of_negatives_are_ignored(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav")
    manifest = write_rows(tmp_path / "m.jsonl", {"wav": "a.wav", "start": 2, "end": 1})
    assert read_dataset(manifest).negatives == (Clip(tmp_path / "a.wav"),)
