"""JSONL manifests: one JSON object per line, as written by this package, NeMo and WeKws."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

from wakeword.data.dataset import Dataset, Role, find_split
from wakeword.data.readers.builder import DatasetBuilder
from wakeword.data.readers.roles import role_of
from wakeword.data.readers.rows import ManifestRow, label_of_transcript, read_lines
from wakeword.errors import ManifestError
from wakeword.legacy import RENAMED_ROLES


def is_manifest_name(name: str) -> bool:
    """Whether a file in a folder is a manifest: `*.jsonl`, `*manifest*.json` or `data.list`."""
    path = Path(name)
    return (
        path.suffix == ".jsonl"
        or (path.suffix == ".json" and "manifest" in path.stem)
        or name == "data.list"
    )


def read_jsonl(tables: list[Path], root: Path) -> Dataset:
    """Read one or several manifests; of several, the file names may state splits.

    Args:
        tables: the manifests; relative paths are resolved against the folder of each.
        root: the folder of the data set.
    """
    builder = DatasetBuilder()
    for table in tables:
        first = len(builder.clips)
        split = _split_in_name(table.stem) if len(tables) > 1 else None
        for number, line in enumerate(read_lines(table), start=1):
            if line.strip():
                _add_row(f"{table} line {number}", table.parent, line, split, builder)
        builder.check_files(table, first)
    labels = {clip.label or "" for clip in builder.with_role("keyword")}
    if labels and all(label.isdigit() for label in labels):
        builder.notes.append(
            f"All labels are numbers ({', '.join(sorted(labels))}): write the keywords themselves "
            "to see them in results."
        )
    return builder.build(root, "JSONL manifest")


def _split_in_name(stem: str) -> str | None:
    """Return the split that a file name states, as in 'train_manifest' or 'kws-val'."""
    splits = {find_split(part) for part in re.split(r"[^a-zA-Z]+", stem)} - {None}
    return splits.pop() if len(splits) == 1 else None


def _add_row(
    location: str, folder: Path, line: str, split: str | None, builder: DatasetBuilder
) -> None:
    """Add the clip of a line; `split` is that of the manifest, if its name states one."""
    values = _parse_object(location, line)
    file = values.get("audio_filepath", values.get("wav"))
    if file is None:
        raise ManifestError(
            f"{location}: no 'audio_filepath' and no 'wav'. "
            f"Found: {', '.join(values) or 'nothing'}. Expected one of them and optionally label "
            "(or command, txt), duration, offset, text, speaker, split, source, licence, start, "
            "end."
        )
    label, text = _label_and_text(values)
    role = _role(location, values.get("role", role_of(label)))
    row: dict[str, object] = {
        **values,
        "file": file,
        "label": label,
        "text": text,
        "split": values.get("split", split),
        "licence": values.get("licence", values.get("license")),
        "duration": values.get("duration", values.get("tot_len")),
    }
    if role != "keyword":
        row |= {"start": None, "end": None}
    builder.add(role, ManifestRow(location, folder, row).clip())


def _role(location: str, value: object) -> Role:
    role = RENAMED_ROLES.get(str(value), value)
    if role not in get_args(Role):
        raise ManifestError(
            f"{location}: unknown role '{value}'. Expected one of: {', '.join(get_args(Role))}."
        )
    return cast(Role, role)


def _parse_object(location: str, line: str) -> dict[str, object]:
    """Return the object of a line without its null values."""
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise ManifestError(
            f"{location}: not JSON ({error}). Expected one object per line, such as "
            '{"audio_filepath": "a.wav", "duration": 1.2, "label": "computer"}.'
        ) from error
    if not isinstance(values, dict):
        raise ManifestError(
            f"{location}: expected one JSON object per line, found {line.strip()[:60]}."
        )
    return {key: value for key, value in values.items() if value is not None}


def _label_and_text(values: Mapping[str, object]) -> tuple[str, str | None]:
    """Return the label and the transcript; `txt` of WeKws is both."""
    text = values.get("text", values.get("txt"))
    label = values.get("label", values.get("command"))
    if label is None and "txt" in values:
        label = label_of_transcript(str(values["txt"]))
    return "" if label is None else str(label).strip(), None if text is None else str(text)
