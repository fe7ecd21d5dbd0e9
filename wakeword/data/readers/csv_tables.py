"""CSV tables: `keywords.csv` next to `speech.csv`, `noise.csv` and `rir.csv`, or a single table."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from wakeword.data.dataset import Dataset, Role
from wakeword.data.readers.builder import DatasetBuilder
from wakeword.data.readers.roles import role_of
from wakeword.data.readers.rows import ManifestRow, read_lines
from wakeword.data.readers.speakers import SPEAKER_TABLE
from wakeword.errors import ManifestError

KEYWORD_TABLE = "keywords.csv"
_TABLES: dict[str, Role] = {
    KEYWORD_TABLE: "keyword",
    "speech.csv": "negative",
    "noise.csv": "noise",
    "rir.csv": "rir",
}
_COLUMNS = (
    *("file", "label", "source", "speaker", "split", "seconds", "text", "start", "end"),
    *("offset", "licence", "license"),
)
_EXCESS_FIELDS = "\0"  # no header has this name


def read_csv_folder(root: Path, names: set[str]) -> Dataset:
    """Read the tables of a folder.

    Args:
        root: the folder of the data set.
        names: names of the files in it.
    """
    builder = DatasetBuilder()
    for name, role in _TABLES.items():
        if name in names:
            _add_table(root / name, role, builder)
    for name in sorted(names):
        if name.endswith(".csv") and name not in {*_TABLES, SPEAKER_TABLE}:
            builder.notes.append(f"{name} is skipped: only {', '.join(_TABLES)} are read.")
    return builder.build(root, "CSV tables")


def read_csv_table(path: Path) -> Dataset:
    """Read one table: rows with a label are keyword clips, the others negatives."""
    builder = DatasetBuilder()
    _add_table(path, None, builder)
    return builder.build(path.parent, "CSV table")


def _add_table(table: Path, role: Role | None, builder: DatasetBuilder) -> None:
    """Add the rows of a table; `role` None: rows with a label are keywords, others negatives."""
    first = len(builder.clips)
    required = ("file", "label") if role == "keyword" else ("file",)
    reader = csv.DictReader(read_lines(table), restkey=_EXCESS_FIELDS, strict=True)
    try:
        _check_columns(table, reader.fieldnames, required)
        for fields in reader:
            _add_row(f"{table} line {reader.line_num}", table.parent, fields, role, builder)
    except csv.Error as error:
        raise ManifestError(
            f"{table} line {reader.line_num}: {error}. Check the quotation marks on this line."
        ) from error
    builder.check_files(table, first)


def _check_columns(table: Path, header: Iterable[str] | None, required: tuple[str, ...]) -> None:
    names = [name or "" for name in header or ()]
    expectation = (
        f"Found: {', '.join(names) or 'no header'}. "
        f"Expected: {', '.join(required)} and optionally "
        f"{', '.join(name for name in _COLUMNS if name not in required)}."
    )
    for name in required:
        if name not in names:
            raise ManifestError(f"{table}: the column '{name}' is missing. {expectation}")
    for name in names:
        near = difflib.get_close_matches(name.strip().casefold(), _COLUMNS, n=1, cutoff=0.8)
        if near and name != near[0] and near[0] not in names:
            raise ManifestError(
                f"{table}: unknown column '{name}'. Did you mean '{near[0]}'? {expectation}"
            )


def _add_row(
    location: str,
    folder: Path,
    fields: Mapping[str, str | None],
    role: Role | None,
    builder: DatasetBuilder,
) -> None:
    if _EXCESS_FIELDS in fields or None in fields.values():
        raise ManifestError(
            f"{location}: the number of fields differs from that of the header. "
            'Put text with commas in quotation marks ("...").'
        )
    values = {key: value.strip() for key, value in fields.items() if value and value.strip()}
    label = values.get("label", "")
    if role is None:
        role = "keyword" if label else "negative"
    row: dict[str, object] = {
        **values,
        "label": label,
        "licence": values.get("licence", values.get("license")),
        "duration": values.get("seconds"),
    }
    if role != "keyword":
        row |= {"start": None, "end": None}
    clip = ManifestRow(location, folder, row).clip()
    builder.add(role_of(label) if role == "keyword" else role, clip)
