"""Who speaks in the recordings of a folder: sub-folders of the keywords, and `speakers.csv`."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers.rows import read_lines
from wakeword.errors import ManifestError

SPEAKER_TABLE = "speakers.csv"
_NAME = "{speaker}"
_EXPECTED = (
    "Expected the columns file,speaker and rows such as 'computer/1.wav,ada', 'ada*.wav,ada' or "
    "'{speaker}_*.wav,'."
)
_SHOWN = 5  # speakers in a note


def sub_folder(path: Path, folder: Path) -> str | None:
    """Return the name of the sub-folder of `folder` that a recording is in; None for none."""
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else None


def describe_sub_folders(speakers: Iterable[str]) -> list[str]:
    """Return a note on the sub-folders that are read as speakers; none without any."""
    names = sorted(speakers)
    if not names:
        return []
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [
        f"Sub-folders of the keyword's folder are read as speakers: {', '.join(names[:_SHOWN])}"
        f"{more}."
    ]


@dataclass(frozen=True)
class _Row:
    """A row of the table: a pattern of paths, and the speaker; "" takes it from the path."""

    text: str
    pattern: re.Pattern[str]
    speaker: str

    def speaker_of(self, path: str) -> str | None:
        """Return the speaker of a recording by its path below the folder; None for no match."""
        match = self.pattern.fullmatch(path if "/" in self.text else path.rpartition("/")[2])
        if match is None:
            return None
        return self.speaker or match["speaker"]


def name_speakers(dataset: Dataset, root: Path) -> Dataset:
    """Give the speech of a folder the speakers that its `speakers.csv` states, if it has one.

    The first row that matches counts; a clip that no row matches keeps its speaker.

    Raises:
        ManifestError: a row without a file or speaker.
    """
    table = root / SPEAKER_TABLE
    if not table.is_file():
        return dataset
    rows, used = _read_rows(table), set[str]()

    def named(clip: Clip) -> Clip:
        if clip.path.is_relative_to(root):
            path = clip.path.relative_to(root).as_posix()
            for row in rows:
                speaker = row.speaker_of(path)
                if speaker is not None:
                    used.add(row.text)
                    return replace(clip, speaker=speaker)
        return clip

    dataset = replace(
        dataset,
        keywords=tuple(map(named, dataset.keywords)),
        negatives=tuple(map(named, dataset.negatives)),
    )
    unused = [row.text for row in rows if row.text not in used]
    if not unused:
        return dataset
    return dataset.with_notes(
        f"{SPEAKER_TABLE}: {len(unused)} of {len(rows)} rows match no speech, such as "
        f"'{unused[0]}'. Paths are relative to {root}; * stands for any characters."
    )


def _read_rows(table: Path) -> list[_Row]:
    reader = csv.DictReader(read_lines(table), strict=True)
    rows = []
    try:
        if not {"file", "speaker"} <= set(reader.fieldnames or ()):
            found = ", ".join(reader.fieldnames or ()) or "no header"
            raise ManifestError(f"{table}: found {found}. {_EXPECTED}")
        for fields in reader:
            file, speaker = ((fields[name] or "").strip() for name in ("file", "speaker"))
            speaker = "" if speaker == _NAME else speaker
            if not file or (not speaker and _NAME not in file):
                raise ManifestError(
                    f"{table} line {reader.line_num}: no file or no speaker. {_EXPECTED}"
                )
            rows.append(_Row(file, _compile(file), speaker))
    except csv.Error as error:
        raise ManifestError(f"{table} line {reader.line_num}: {error}. {_EXPECTED}") from error
    return rows


def _compile(pattern: str) -> re.Pattern[str]:
    """Return a regular expression: `*` is any text, and the first `{speaker}` the shortest name."""
    text = re.escape(pattern).replace(r"\*", ".*")
    return re.compile(text.replace(re.escape(_NAME), "(?P<speaker>[^/]+?)", 1))
