"""`wakeword detect`."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import click

from wakeword.audio.files import audio_info, iter_audio
from wakeword.cli import options
from wakeword.cli.console import is_quiet
from wakeword.cli.detector_factory import open_detector, open_verifier
from wakeword.data.readers import find_recordings
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.evaluation.report.format import format_hours


@click.command()
@options.model_argument
@click.argument("recordings", nargs=-1, required=True, type=options.PATH)
@options.threshold
@options.speakers
@options.option("--json", "as_json", is_flag=True, help="Print one JSON object per detection.")
def detect(
    file: Path,
    recordings: tuple[Path, ...],
    threshold: float | None,
    speakers: Path | None,
    as_json: bool,
) -> None:
    """Detect keywords in recordings of any length, sample rate and format.

    FILE is a model, or an exported one (.onnx). A folder stands for all recordings in it and in its
    subfolders.

    The score of a detection is the one that reached the threshold; its peak is the highest score
    until the keyword can be detected again. With --threshold 0 every local peak of the score is
    printed, so that any operating point can be read off afterwards. Times are seconds from the
    start of the recording.

    \b
    Examples:
      wakeword detect alexa.wakeword monday.flac tuesday.flac evenings/
      wakeword detect alexa.wakeword *.wav --json --threshold 0 > peaks.jsonl
    """
    detector = open_detector(file, threshold, verify=open_verifier(speakers))
    paths = list(dict.fromkeys(path for place in recordings for path in _recordings(place)))
    # reports an unreadable file before the first is processed
    seconds = sum(audio_info(recording).seconds for recording in paths)
    if not is_quiet():
        click.echo(f"threshold: {detector.describe()}", err=True)
    count = 0
    for recording in paths:
        for detection, peak in _detections(detector, recording):
            _print_detection(detection, peak, recording, as_json)
            count += 1
    if not is_quiet():
        click.echo(
            f"{count} detection(s) in {len(paths)} recording(s), {format_hours(seconds / 3600)}",
            err=True,
        )


def _recordings(place: Path) -> list[Path]:
    """Return a recording itself, or those in a folder."""
    return find_recordings(place) if place.is_dir() else [place]


def _detections(detector: Detector, recording: Path) -> Iterator[tuple[Detection, float]]:
    """Yield the detections in a recording in order of time, each with its peak."""
    detector.reset()
    waiting: deque[Detection] = deque()
    peaks: dict[Detection, float] = {}

    def complete(found: list[Detection]) -> Iterator[tuple[Detection, float]]:
        waiting.extend(found)
        peaks.update(detector.peaks)
        while waiting and waiting[0] in peaks:
            first = waiting.popleft()
            yield first, peaks.pop(first)

    for block in iter_audio(recording):
        yield from complete(detector.feed(block))
    yield from complete(detector.flush())


def _print_detection(detection: Detection, peak: float, recording: Path, as_json: bool) -> None:
    if as_json:
        values = {
            "file": str(recording),
            "keyword": detection.keyword,
            "time": detection.time,
            "start": detection.start,
            "end": detection.end,
            "score": detection.score,
            "peak": peak,
        }
        click.echo(json.dumps(values))
    else:
        click.echo(
            f"{recording}  {detection.time:8.2f} s  {detection.keyword}  {detection.score:.4f}"
            f"  peak {peak:.4f}"
        )
