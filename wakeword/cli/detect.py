"""`wakeword detect`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wakeword.audio.files import audio_info, iter_audio
from wakeword.cli import detector_factory
from wakeword.detection.trigger import Detection


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--threshold", type=click.FloatRange(0.0, 1.0), help="Instead of the model's own.")
@detector_factory.speakers_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def detect(
    file: Path,
    recordings: tuple[Path, ...],
    threshold: float | None,
    only_voices: Path | None,
    as_json: bool,
) -> None:
    """Find keywords in recordings of any length, rate and format.

    FILE is a model, or an exported one (.onnx).

    With --threshold 0 every local peak of the score is given, so that any operating point can be
    read off afterwards. Times are seconds from the start of the recording.

    \b
    Examples:
      wakeword detect alexa.wakeword monday.flac tuesday.flac
      wakeword detect alexa.wakeword *.wav --json --threshold 0 > peaks.jsonl
    """
    detector = detector_factory.open_detector(
        file, threshold, verify=detector_factory.open_verifier(only_voices)
    )
    for recording in recordings:
        audio_info(recording)  # a file that cannot be read is named before any is heard
    click.echo(f"threshold: {detector.describe()}", err=True)
    for recording in recordings:
        detector.reset()
        for block in iter_audio(recording):
            _show(detector.feed(block), recording, as_json)
        _show(detector.flush(), recording, as_json)


def _show(found: list[Detection], recording: Path, as_json: bool) -> None:
    for detection in found:
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
