"""Who speaks in a folder: sub-folders of the keywords, and speakers.csv."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from data_files import write_recording, write_table

from wakeword.cli import main
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.errors import ManifestError


def write(root: Path, *names: str) -> None:
    for name in names:
        write_recording(root / name)


def speakers(data: Dataset) -> dict[str, str | None]:
    """{path: speaker} of all clips."""
    return {
        clip.path.relative_to(data.root).as_posix(): clip.speaker
        for clips in data.by_role().values()
        for clip in clips
    }


def test_sub_folders_of_a_keyword_are_speakers(tmp_path: Path) -> None:
    """Those of negatives are so only under the same name: others may be collections."""
    write(
        tmp_path,
        *("computer/ada/1.wav", "computer/ben/a/2.wav", "computer/3.wav"),
        *("other/ada/1.wav", "other/podcasts/2.wav", "noise/ada/1.wav"),
    )
    data = read_dataset(tmp_path)
    assert speakers(data) == {
        "computer/ada/1.wav": "ada",
        "computer/ben/a/2.wav": "ben",
        "computer/3.wav": None,
        "other/ada/1.wav": "ada",
        "other/podcasts/2.wav": None,
        "noise/ada/1.wav": None,
    }
    assert "Sub-folders of the keyword's folder are read as speakers: ada, ben." in data.notes


@pytest.mark.parametrize("split", ["", "train/"])
def test_precise_and_split_folders_have_speakers_too(tmp_path: Path, split: str) -> None:
    write(tmp_path, f"{split}wake-word/ada/1.wav", f"{split}not-wake-word/ada/2.wav")
    assert set(speakers(read_dataset(tmp_path)).values()) == {"ada"}


def test_a_table_names_files_and_patterns(tmp_path: Path) -> None:
    write(
        tmp_path,
        *("computer/1.wav", "computer/ben-1.wav", "computer/carl_1_x.wav", "computer/dora/1.wav"),
        *("other/ben-2.wav", "other/talk.wav"),
    )
    write_table(
        tmp_path / "speakers.csv",
        "file,speaker\ncomputer/1.wav,ada\nben-*.wav,ben\n*/{speaker}_*.wav,\n"
        "computer/{speaker}/*,{speaker}\n",
    )
    data = read_dataset(tmp_path)
    assert speakers(data) == {
        "computer/1.wav": "ada",
        "computer/ben-1.wav": "ben",
        "computer/carl_1_x.wav": "carl",
        "computer/dora/1.wav": "dora",
        "other/ben-2.wav": "ben",
        "other/talk.wav": None,
    }
    assert not [note for note in data.notes if "speakers.csv" in note]


def test_a_row_without_a_match_is_noted(tmp_path: Path) -> None:
    write(tmp_path, "computer/1.wav")
    write_table(tmp_path / "speakers.csv", "file,speaker\ncomputer/11.wav,ada\n*.wav,ben\n")
    (note,) = (note for note in read_dataset(tmp_path).notes if "speakers.csv" in note)
    assert "1 of 2 rows match no speech, such as 'computer/11.wav'" in note


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("name,who\n", "found name, who. Expected the columns file,speaker"),
        ("", "found no header"),
        ("file,speaker\na.wav,\n", "line 2: no file or no speaker"),
        ("file,speaker\n,ada\n", "line 2: no file or no speaker"),
        ('file,speaker\n"a.wav,ada\n', "speakers.csv line"),
    ],
)
def test_a_wrong_table_is_an_error(tmp_path: Path, table: str, reason: str) -> None:
    write(tmp_path, "computer/1.wav")
    write_table(tmp_path / "speakers.csv", table)
    with pytest.raises(ManifestError, match=reason):
        read_dataset(tmp_path)


def test_the_check_tells_how_to_state_speakers(tmp_path: Path) -> None:
    write(tmp_path, "computer/1.wav", "computer/2.wav", "other/1.wav")
    result = CliRunner().invoke(main, ["check", str(tmp_path)])
    printed = " ".join(result.output.split())
    for expected in ("computer/ada/1.wav", "speakers.csv (file,speaker)", "'speaker'", "utt2spk"):
        assert expected in printed
