"""`wakeword export`."""

from __future__ import annotations

from pathlib import Path

import click

from wakeword import storage
from wakeword.cli import options
from wakeword.cli.console import progress_display
from wakeword.cli.verify_export import print_comparison, recordings_option


@click.command()
@options.model_argument
@options.option(
    "-o", "--output", type=options.PATH, help="ONNX file.  [default: FILE with the suffix .onnx]"
)
@options.option("--int8", is_flag=True, help="Quantise weights to 8 bits: smaller and faster.")
@recordings_option
def export(file: Path, output: Path | None, int8: bool, recordings: tuple[Path, ...]) -> None:
    """Export a model as one ONNX file that runs without torch.

    The file holds front end, encoder, head and operating point, and those of the verifier where the
    model has one; `wakeword.runtime` runs it with numpy and onnxruntime alone. The exported file is
    then compared with the model on the same audio (see `wakeword verify-export`).

    \b
    Examples:
      wakeword export alexa.wakeword
      wakeword export alexa.wakeword -o alexa-int8.onnx --int8 --audio evening.flac
    """
    from wakeword.exporting.compare import check_recordings, compare_exported_file
    from wakeword.exporting.onnx import export_onnx
    from wakeword.model.file import load_model

    output = output or file.with_suffix(".onnx")
    check_recordings(recordings)
    model = load_model(file)
    storage.check_writable(output)
    with progress_display() as progress:
        progress("exporting (a minute for an encoder like Whisper's)", 0, 0)
        export_onnx(model, output, int8=int8)
        click.echo(f"wrote {output}")
        comparison = compare_exported_file(model, output, recordings, progress)
    print_comparison(comparison, file, output, recordings)
