"""`wakeword export`."""

from __future__ import annotations

from pathlib import Path

import click

from wakeword import storage
from wakeword.cli.console import progress_display
from wakeword.cli.verify_export import check, recordings, show_comparison
from wakeword.exporting.onnx import export_onnx
from wakeword.model.file import load_model


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="[default: FILE with .onnx at its end]"
)
@click.option("--int8", is_flag=True, help="Weights in eight bits: smaller and faster.")
@recordings
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
    check(recordings)
    model = load_model(file)
    storage.check_writable(output)
    with progress_display() as progress:
        progress("writing the graph (a minute for an encoder like Whisper's)", 0, 0)
        export_onnx(model, output, int8=int8)
    click.echo(f"wrote {output}")
    show_comparison(file, model, output, recordings)
