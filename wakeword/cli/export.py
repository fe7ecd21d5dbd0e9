"""`wakeword export`."""

from __future__ import annotations

from pathlib import Path

import click

from wakeword import export as exports
from wakeword import model as models
from wakeword import storage
from wakeword.cli import show, verify_export


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="[default: FILE with .onnx at its end]"
)
@click.option("--int8", is_flag=True, help="Weights in eight bits: smaller and faster.")
@verify_export.recordings
def export(file: Path, output: Path | None, int8: bool, recordings: tuple[Path, ...]) -> None:
    """Write a model as one ONNX file that runs without torch.

    The file holds front end, encoder, head and operating point; `wakeword.runtime` runs it with
    numpy and onnxruntime alone. Afterwards the model and the file hear the same audio, and what
    differs is shown, as by `wakeword verify-export`.

    \b
    Examples:
      wakeword export alexa.wakeword
      wakeword export alexa.wakeword -o alexa-int8.onnx --int8 --audio evening.flac
    """
    output = output or file.with_suffix(".onnx")
    verify_export.check(recordings)
    model = models.load(file)
    storage.check_writable(output)
    with show.progress() as progress:
        progress("writing the graph (a minute for an encoder like Whisper's)", 0, 0)
        exports.export(model, output, int8=int8)
    click.echo(f"wrote {output}")
    verify_export.show_comparison(file, model, output, recordings)
