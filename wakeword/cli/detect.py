"""`wakeword detect`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wakeword.audio.files import audio_info, iter_audio
from wakeword.cli import options
from wakeword.cli.console import is_quiet
from wakeword.cli.detector_factory import open_detector, open_verifier
from wakeword.data.readers import find_recordings
from wakeword.detection.trigger import Detection


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

    With --threshold 0 every local peak of the score is printed, so that any operating point can be
    read off afterwards. Times are seconds from the start of the recording.

    \b
    Examples:
      wakeword detect alexa.wakeword monday.flac tuesday.flac evenings/
      wakeword detect alexa.wakeword *.wav --json --threshold 0 > peaks.jsonl
    """
    detector = open_detector(file, threshold, verify=open_verifier(speakers))
    paths = list(dict.fromkeys(path for place in recordings for path in _recordings(place)))
    for recording in paths:
        audio_info(recording)  # reports an unreadable file before the first is processed
    if not is_quiet():
        click.echo(f"threshold: {detector.describe()}", err=True)
    for recording in paths:
        detector.reset()
        for block in iter_audio(recording):
            _print_detections(detector.feed(block), recording, as_json)
        _print_detections(detector.flush(), recording, as_json)


def _recordings(place: Path) -> list[Path]:
    """Return a recording itself, or those in a folder."""
    return find_recordings(place) if place.is_dir() else [place]


def _print_detections(detections: list[Detection], recording: Path, as_json: bool) -> None:
    for detection in detections:
        if as_json:
            values = {
                "file": str(recording),
                "keyword": detection.keyword,
                "time": detection.time,
                "score": detection.score,
            }
            click.echo(json.dumps(values))
        else:
            click.echo(
                f"{recording}  {detection.time:8.2f} s  {detection.keyword}  {detection.score:.4f}"
            )
