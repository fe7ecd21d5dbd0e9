"""TODO."""

from __future__ import annotations

import json
from pathlib import Path

from wakeword import storage
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset


def write_manifest(dataset: Dataset, path: Path | str) -> None:
    """Write every clip as one JSON object a line; `read_dataset` reads it back.

    Paths below the manifest's folder are written relative to it, others in full.
    """
    path = Path(path)
    folder = path.parent.resolve()
    with storage.atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
        for role, clips in dataset.by_role().items():
            for clip in clips:
                file.write(json.dumps(_row(clip, role, folder), ensure_ascii=False) + "\n")


def _row(clip: Clip, role: str, folder: Path) -> dict[str, object]:
    path = clip.path.resolve()
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    values: dict[str, object] = {
        "audio_filepath": shown.as_posix(),
        "duration": clip.duration_s,
        "offset": clip.offset_s or None,
        "label": clip.label,
        "role": role,
        "speaker": clip.speaker,
        "split": clip.split,
        "source": clip.source,
        "licence": clip.licence,
        "text": clip.text,
        "start": clip.start_s,
        "end": clip.end_s,
    }
    return {key: value for key, value in values.items() if value is not None}
