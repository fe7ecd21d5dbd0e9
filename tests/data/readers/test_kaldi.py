"""Kaldi data folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_files import RATE, write_recording, write_table

from wakeword.data.readers import read_dataset
from wakeword.errors import ManifestError


def kaldi(root: Path, **files: str) -> Path:
    write_recording(root / "my wavs/a.wav", 2.0)
    write_recording(root / "b.wav")
    files = {
        "wav.scp": f"u1 {root}/my wavs/a.wav\nu2 b.wav\nu3 b.wav\n",
        "text": "u1 hey snips\nu2 <filler>\nu9 nobody\n",
        **{name.replace("wav_scp", "wav.scp"): text for name, text in files.items()},
    }
    for name, text in files.items():
        write_table(root / name, text)
    return root


def test_kaldi_folder(tmp_path: Path) -> None:
    data = read_dataset(kaldi(tmp_path, utt2spk="u1\tann\nu2  bob\n", utt2dur="u1 2.0\n"))
    assert [(c.label, c.speaker, c.duration_s) for c in data.keywords] == [
        ("hey snips", "ann", 2.0)
    ]
    assert data.keywords[0].load().shape == (2 * RATE,)
    assert [clip.speaker for clip in data.negatives] == ["bob", None]
    assert "1 line(s) of 'text' have no recording and are skipped." in data.notes
    assert read_dataset(tmp_path / "wav.scp") == data


def test_kaldi_segments(tmp_path: Path) -> None:
    root = kaldi(
        tmp_path, segments="s1 u1 0.5 0.75\ns2 u1 1.0 -1\n", text="s1 hey snips\ns2 go on\n"
    )
    first, second = read_dataset(root).keywords
    assert (first.offset_s, first.duration_s, first.load().shape) == (0.5, 0.25, (4000,))
    assert (second.offset_s, second.duration_s, second.load().shape) == (1.0, None, (RATE,))


def test_commands_are_refused_and_never_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    root = kaldi(tmp_path, wav_scp=f"u1 touch {ran} |\n")
    with pytest.raises(ManifestError, match=r"wav.scp 'u1': .* commands in data are never run"):
        read_dataset(root)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"wav_scp": "u1 raw.ark:17\n"}, r"inside a Kaldi archive"),
        ({"segments": "s1 nowhere 0 1\n"}, r"'nowhere', which is not in wav.scp"),
        ({"segments": "s1 u1 1 0.5\n"}, r"segments line 1: the segment lasts from 1.0 to 0.5 s"),
        ({"segments": "s1 u1 1\n"}, r"segments line 1: 3 fields. Expected '<utterance> <rec"),
    ],
)
def test_kaldi_errors(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        read_dataset(kaldi(tmp_path, **files))


def test_kaldi_without_text(tmp_path: Path) -> None:
    (kaldi(tmp_path) / "text").unlink()
    with pytest.raises(ManifestError, match="has no 'text' with the transcripts"):
        read_dataset(tmp_path)
