"""The audio of the race on disk: test streams as FLAC with their ground truth, and examples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from wakeword import storage
from wakeword.audio.files import save_audio
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.data.clip import KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader
from wakeword.evaluation.conditions import CLEAN, ROOMS, TALKER, noisy
from wakeword.evaluation.test_streams import (
    Stream,
    StreamReader,
    confusable_stream,
    negative_stream,
    positive_stream,
)

FLAC: dict[str, Any] = {
    "samplerate": SAMPLE_RATE, "channels": 1, "subtype": "PCM_16", "format": "FLAC",
}  # fmt: skip
MIN_EXAMPLE_SAMPLES = 12_400  # 0.775 s, the least that a speech embedding takes
EXAMPLE_MARGIN_S = 0.4


@dataclass(frozen=True)
class StreamFile:
    """A test stream on disk with its ground truth.

    Attributes:
        condition: name of the stream.
        audio: 16-bit FLAC at 16 kHz.
        hours: of audio.
        segments: where the keyword is spoken.
    """

    condition: str
    audio: Path
    hours: float
    segments: tuple[KeywordSegment, ...]


def keyword_streams(part: Dataset) -> list[Stream]:
    """Return a stream of all keyword clips for each condition. Add further conditions here."""
    far = [room for room in ROOMS if room.room == "far" and part.rirs]
    return [
        positive_stream(part, condition)
        for condition in (CLEAN, noisy(10.0), noisy(0.0), *far, TALKER)
    ]


def race_streams(part: Dataset, keyword: str, conditions: Sequence[str] = ()) -> list[Stream]:
    """Return the negatives, then a stream for each condition, then the confusable phrases, if any.

    Args:
        part: the split to measure on.
        keyword: the keyword.
        conditions: names of the conditions wanted; () for all.
    """
    part, confusables = part.split_confusables()
    streams = [s for s in keyword_streams(part) if not conditions or s.name in conditions]
    if confusables:
        streams.append(confusable_stream(confusables, keyword))
    return [negative_stream(part), *streams]


def write_stream(stream: Stream, folder: Path) -> StreamFile:
    """Render a stream to FLAC, with its ground truth as JSON, unless both are up to date."""
    name = stream.name.replace(" ", "")
    audio, truth_file = folder / f"{name}.flac", folder / f"{name}.json"
    cache_key = stream.cache_key()
    if not is_up_to_date(truth_file, cache_key):
        reader = StreamReader(stream, ClipLoader())
        with storage.atomic_write(audio) as part, soundfile.SoundFile(part, "w", **FLAC) as file:
            for samples in reader:
                file.write(np.clip(samples, -1.0, 1.0))
        truth = {
            "cache_key": cache_key,
            "condition": stream.name,
            "hours": soundfile.info(audio).duration / 3600,
            "segments": [asdict(segment) for segment in reader.segments],
            "clips": [
                {
                    "start_s": start_s,
                    "path": str(clip.path),
                    "offset_s": clip.offset_s,
                    "source": clip.source,
                    "speaker": clip.speaker,
                }
                for start_s, clip in reader.pieces
            ],
        }
        write_json(truth_file, truth)
    truth = json.loads(truth_file.read_text("utf-8"))
    segments = tuple(KeywordSegment(**segment) for segment in truth["segments"])
    return StreamFile(stream.name, audio, truth["hours"], segments)


def is_up_to_date(truth_file: Path, cache_key: str) -> bool:
    """Return whether a ground-truth file is there and was written for the same audio."""
    if not truth_file.is_file():
        return False
    return json.loads(truth_file.read_text("utf-8")).get("cache_key") == cache_key


def write_json(file: Path, content: object) -> None:
    """Write a JSON file atomically."""
    with storage.atomic_write(file) as part:
        part.write_text(json.dumps(content), encoding="utf-8")


def write_examples(part: Dataset, folder: Path, count: int = 5) -> list[Path]:
    """Write keyword clips of different speakers as enrolment recordings.

    Each is cut to the keyword with `EXAMPLE_MARGIN_S` around it, and padded with zeros to
    `MIN_EXAMPLE_SAMPLES`.

    Returns:
        The files: `count`, or one per speaker where there are fewer.
    """
    order = np.random.default_rng(0).permutation(len(part.keywords))
    by_speaker = {part.keywords[i].speaker or str(i): part.keywords[i] for i in order}
    clips = list(by_speaker.values())[:count]
    files = [folder / f"{number}.wav" for number in range(len(clips))]
    for file, clip in zip(files, clips, strict=True):
        samples = clip.load()
        start_s, end_s = clip.bounds(samples)
        first_s, last_s = max(0, start_s - EXAMPLE_MARGIN_S), end_s + EXAMPLE_MARGIN_S
        samples = samples[round(first_s * SAMPLE_RATE) : round(last_s * SAMPLE_RATE)]
        missing = max(0, MIN_EXAMPLE_SAMPLES - len(samples))
        save_audio(file, np.pad(samples, (missing // 2, missing - missing // 2)))
    return files
