"""Manifests are read back as they were written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from data_files import write_recording

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.data.writer import append_clip, manifest_row, write_manifest, write_rows


def test_written_manifest_reads_back(tmp_path: Path) -> None:
    root = tmp_path / "data"
    far = write_recording(tmp_path / "far.wav")
    for name in ("a.wav", "b.wav", "n.wav", "r.wav"):
        write_recording(root / name)
    written = Dataset(
        root,
        "JSONL manifest",
        keywords=(
            Clip(
                *(root / "a.wav", "hé", "s1", "dev", "mine", "hé!", 0.01, 0.05),
                start_s=0.0,
                end_s=0.04,
            ),
        ),
        negatives=(Clip(root / "b.wav", text="go on"), Clip(far)),
        noises=(Clip(root / "n.wav", split="train"),),
        rirs=(Clip(root / "r.wav"),),
    )
    write_manifest(written, root / "m.jsonl")
    assert read_dataset(root / "m.jsonl") == written
    assert '"audio_filepath": "a.wav"' in (root / "m.jsonl").read_text(encoding="utf-8")


def test_roles_are_written_under_current_names(tmp_path: Path) -> None:
    clip = Clip(write_recording(tmp_path / "r.wav"))
    write_manifest(Dataset(tmp_path, "synthetic", rirs=(clip,)), tmp_path / "m.jsonl")
    assert json.loads((tmp_path / "m.jsonl").read_text())["role"] == "rir"


def test_appended_clips_are_read_back(tmp_path: Path) -> None:
    keyword = Clip(write_recording(tmp_path / "a.wav"), "gö", "ada", duration_s=0.1)
    negative = Clip(write_recording(tmp_path / "b.wav"), source="mined")
    manifest = tmp_path / "m.jsonl"
    append_clip(manifest, keyword, distance="2m", room=None)
    append_clip(manifest, negative)
    data = read_dataset(manifest)
    assert (data.keywords, data.negatives) == ((keyword,), (negative,))
    first, second = (json.loads(line) for line in manifest.read_text("utf-8").splitlines())
    assert first["audio_filepath"] == "a.wav" and first["distance"] == "2m"
    assert "room" not in first and second["label"] == ""


def test_rows_replace_a_manifest(tmp_path: Path) -> None:
    clip = Clip(write_recording(tmp_path / "a.wav"), "go")
    manifest = tmp_path / "m.jsonl"
    append_clip(manifest, replace(clip, label="stop"))
    write_rows(manifest, [manifest_row(clip, tmp_path, score=0.5)])
    assert read_dataset(manifest).keywords == (clip,)
    assert json.loads(manifest.read_text())["score"] == 0.5
