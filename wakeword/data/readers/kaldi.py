"""Kaldi data folders: `wav.scp` and `text`, optionally `segments`, `utt2spk` and `utt2dur`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from wakeword.data.dataset import Dataset
from wakeword.data.readers.builder import DatasetBuilder
from wakeword.data.readers.roles import role_of
from wakeword.data.readers.rows import ManifestRow, label_of_transcript, parse_seconds, read_lines
from wakeword.errors import ManifestError


class _Segment(NamedTuple):
    recording: str
    offset_s: float | None
    duration_s: object  # not validated yet if it comes from utt2dur


def read_kaldi(root: Path) -> Dataset:
    """Read a Kaldi data folder; transcripts as short as a keyword are labels."""
    if not (root / "text").is_file():
        raise ManifestError(
            f"{root}: 'wav.scp' has no 'text' with the transcripts next to it. "
            "Add it, with '<utterance> <words>' on each line."
        )
    files = _read_map(root / "wav.scp")
    transcripts = _read_map(root / "text")
    speakers = _read_map(root / "utt2spk")
    durations = _read_map(root / "utt2dur")
    segments = _read_segments(root / "segments")
    if segments is None:
        segments = {key: _Segment(key, None, durations.get(key)) for key in files}
    builder = DatasetBuilder()
    for utterance, (recording, offset_s, duration_s) in segments.items():
        if recording not in files:
            raise ManifestError(
                f"{root / 'segments'}: '{utterance}' is part of the recording '{recording}', "
                "which is not in wav.scp. Add it there or remove the line."
            )
        text = transcripts.get(utterance, "")
        label = label_of_transcript(text)
        values = {
            "file": files[recording],
            "label": label,
            "speaker": speakers.get(utterance),
            "text": text or None,
            "offset": offset_s,
            "duration": duration_s,
        }
        row = ManifestRow(f"{root / 'wav.scp'} '{recording}'", root, values)
        builder.add(role_of(label), row.clip())
    without_recording = len(transcripts.keys() - segments.keys())
    if without_recording:
        builder.notes.append(
            f"{without_recording} line(s) of 'text' have no recording and are skipped."
        )
    builder.check_files(root / "wav.scp")
    return builder.build(root, "Kaldi folder")


def _read_map(table: Path) -> dict[str, str]:
    """Return {first field: rest of the line}; empty if the file does not exist."""
    if not table.is_file():
        return {}
    pairs = (line.strip().split(maxsplit=1) for line in read_lines(table) if line.strip())
    return {key: "".join(rest) for key, *rest in pairs}


def _read_segments(table: Path) -> dict[str, _Segment] | None:
    """Return {utterance: segment}; an end of -1 is the end of the file. None without a file."""
    if not table.is_file():
        return None
    segments: dict[str, _Segment] = {}
    for number, line in enumerate(read_lines(table), start=1):
        if not (fields := line.split()):
            continue
        location = f"{table} line {number}"
        if len(fields) != 4:
            raise ManifestError(
                f"{location}: {len(fields)} fields. "
                "Expected '<utterance> <recording> <start> <end>'."
            )
        start_s = parse_seconds(location, "start", fields[2])
        end_s = parse_seconds(location, "end", fields[3])
        if start_s is None or end_s is None or (end_s != -1 and end_s <= start_s):
            raise ManifestError(
                f"{location}: the segment lasts from {start_s} to {end_s} s. "
                "Expected a start before the end."
            )
        segments[fields[0]] = _Segment(fields[1], start_s, None if end_s == -1 else end_s - start_s)
    return segments
