"""Recordings, manifests and data sets for tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset

RATE = 16_000


def write_recording(path: Path, seconds: float = 0.1) -> Path:
    """A short recording at `path`; its contents do not matter here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(len(path.name)).uniform(-0.1, 0.1, round(RATE * seconds))
    soundfile.write(path, samples, RATE, format=path.suffix[1:].upper())
    return path


def write_table(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_rows(path: Path, *values: dict[str, object]) -> Path:
    return write_table(path, "".join(json.dumps(value) + "\n" for value in values))


def names(clips: tuple[Clip, ...]) -> list[str]:
    return [clip.path.name for clip in clips]


def clips_by(count: int, label: str | None, clips: int = 5, first: int = 0) -> tuple[Clip, ...]:
    """Clips without a file: `count` speakers, each with as many clips."""
    return tuple(
        Clip(Path(f"/{label}/{speaker}-{number}.wav"), label=label, speaker=f"s{speaker}")
        for speaker in range(first, first + count)
        for number in range(clips)
    )


def dataset(
    keywords: tuple[Clip, ...] = (), negatives: tuple[Clip, ...] = (), **more: tuple[Clip, ...]
) -> Dataset:
    return Dataset(Path("/"), "synthetic", keywords=keywords, negatives=negatives, **more)
