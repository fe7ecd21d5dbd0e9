"""Writing JSONL manifests: one clip per line, as `read_dataset` reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from wakeword import storage
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset, Role


def write_manifest(dataset: Dataset, path: Path | str) -> None:
    """Write all clips of a data set to a JSONL manifest.

    Args:
        dataset: clips to write; paths inside the manifest's folder are written relative to it.
        path: the manifest; an existing one is replaced.

    Raises:
        ConfigError: the manifest cannot be written.
    """
    path = Path(path)
    write_rows(
        path,
        (
            manifest_row(clip, path.parent, role)
            for role, clips in dataset.by_role().items()
            for clip in clips
        ),
    )


def append_clip(path: Path, clip: Clip, **columns: object) -> None:
    """Append a clip to a JSONL manifest, which is created if it does not exist.

    Args:
        path: the manifest.
        clip: a keyword clip, or a negative one if it has no label.
        columns: further columns, which `read_dataset` ignores.

    Raises:
        ConfigError: the manifest cannot be written.
    """
    storage.append_line(path, _to_json(manifest_row(clip, path.parent, None, **columns)))


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows of `manifest_row` to a JSONL manifest; an existing one is replaced.

    Raises:
        ConfigError: the manifest cannot be written.
    """
    with storage.atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(f"{_to_json(row)}\n")


def manifest_row(
    clip: Clip, folder: Path, role: Role | None = None, **columns: object
) -> dict[str, object]:
    """Return one row of a manifest; unknown values are omitted.

    Args:
        clip: the clip to describe.
        folder: the manifest's folder; a path inside it is written relative to it.
        role: None leaves the role to the label: "" is a negative clip, any other a keyword.
        columns: further columns, which `read_dataset` ignores.
    """
    path, folder = clip.path.resolve(), folder.resolve()
    label = clip.label if role else clip.label or ""
    values: dict[str, object] = {
        "audio_filepath": (
            path.relative_to(folder) if path.is_relative_to(folder) else path
        ).as_posix(),
        "duration": clip.duration_s,
        "offset": clip.offset_s or None,
        "label": label,
        "role": role,
        "speaker": clip.speaker,
        "split": clip.split,
        "source": clip.source,
        "licence": clip.licence,
        "text": clip.text,
        "start": clip.start_s,
        "end": clip.end_s,
        **columns,
    }
    return {key: value for key, value in values.items() if value is not None}


def _to_json(row: Mapping[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False)
