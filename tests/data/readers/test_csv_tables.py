"""CSV tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_files import names, write_recording, write_table

from wakeword.data.clip import Clip
from wakeword.data.readers import read_dataset
from wakeword.errors import ManifestError


def test_csv_folder(tmp_path: Path) -> None:
    for name in "abcnr":
        write_recording(tmp_path / f"{name}.wav")
    write_table(
        tmp_path / "keywords.csv",
        "\ufefffile,label,speaker,split,seconds,start,end\na.wav,go,s1,train,0.1,0.02,0.08\n"
        "b.wav,unknown,,dev,,,\n",
    )
    write_table(
        tmp_path / "speech.csv", 'file,source,text,start,end\nc.wav,radio,"well, yes",0.1,9\n'
    )
    write_table(tmp_path / "noise.csv", "file\nn.wav\n")
    write_table(tmp_path / "rir.csv", "file,note\nr.wav,small\n")
    write_table(tmp_path / "keywords_other.csv", "nonsense\n")

    data = read_dataset(tmp_path)

    assert data.keywords == (
        Clip(*(tmp_path / "a.wav", "go", "s1", "train"), duration_s=0.1, start_s=0.02, end_s=0.08),
    )
    assert data.negatives == (
        Clip(tmp_path / "b.wav", split="dev"),
        Clip(tmp_path / "c.wav", source="radio", text="well, yes"),
    )
    assert names(data.noises) == ["n.wav"]
    assert names(data.rirs) == ["r.wav"]
    assert any(note.startswith("keywords_other.csv is skipped") for note in data.notes)


def test_single_csv(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav")
    write_recording(tmp_path / "b.wav")
    data = read_dataset(
        write_table(tmp_path / "t.csv", "file,label,start,end\na.wav,go,,\nb.wav,,1,0\n")
    )
    assert names(data.keywords) == ["a.wav"]
    assert data.negatives == (Clip(tmp_path / "b.wav"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,label\na.wav,go\n", r"column 'file' is missing. Found: name, label. Expected: file"),
        ("file\na.wav\n", r"column 'label' is missing. Found: file"),
        ("", r"column 'file' is missing. Found: no header"),
        ("file,label,speeker\na.wav,go,x\n", r"unknown column 'speeker'. Did you mean 'speaker'\?"),
        ("file,label,split\na.wav,go,trian\n", r"line 2: unknown split 'trian'. Did you mean 'tra"),
        ("file,label,start,end\na.wav,go,0.5,0.2\n", r"the keyword lasts from 0.5 to 0.2 s. Exp"),
        ("file,label,start,end\na.wav,go,0.5,\n", r"the keyword lasts from 0.5 to None s. Exp"),
        ("file,label,seconds\na.wav,go,1 s\n", r"duration is '1 s'. Expected a number of seconds"),
        ("file,label\na.wav,go,1,2\n", r"line 2: the number of fields differs"),
        ("file,label\na.wav\n", r"line 2: the number of fields differs"),
        ("file,label\n,go\n", r"line 2: the file name is missing"),
        ("file,label\nhttps://x.org/a.wav,go\n", r"is a URL. Download the file"),
        ("file,label\nrm x |,go\n", r"commands in data are never run"),
        ('file,label\n"a.wav,go\n', r"Check the quotation marks"),
    ],
)
def test_csv_errors(tmp_path: Path, text: str, message: str) -> None:
    write_recording(tmp_path / "a.wav")
    write_table(tmp_path / "keywords.csv", text)
    with pytest.raises(ManifestError, match=message):
        read_dataset(tmp_path)


def test_csv_must_be_utf8(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"file,label\na.wav,h\xe9\n")
    with pytest.raises(ManifestError, match="not UTF-8 text"):
        read_dataset(tmp_path / "t.csv")


def test_a_few_missing_files_are_noted_most_missing_is_an_error(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav")
    write_recording(tmp_path / "b.wav")
    few = write_table(tmp_path / "few.csv", "file,label\na.wav,go\nb.wav,go\ngone.wav,go\n")
    data = read_dataset(few)
    assert names(data.keywords) == ["a.wav", "b.wav", "gone.wav"]
    assert any("few.csv: 1 of 3 files do not exist" in note for note in data.notes)
    most = write_table(tmp_path / "most.csv", "file,label\na.wav,go\nx.wav,go\ngone.wav,go\n")
    with pytest.raises(ManifestError, match=r"2 of 3 files do not exist, such as .*gone.wav"):
        read_dataset(most)
