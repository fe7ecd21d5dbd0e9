"""`wakeword export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wakeword import storage
from wakeword.cli import options
from wakeword.cli.choices import OneOf
from wakeword.cli.console import progress_display
from wakeword.cli.verify_export import print_comparison, recordings_option
from wakeword.errors import ConfigError
from wakeword.progress import ProgressCallback
from wakeword.ready_models import is_ready_model

if TYPE_CHECKING:
    from wakeword.exporting.compare import ExportComparison
    from wakeword.exporting.onnxruntime_web import OnnxruntimeWeb
    from wakeword.model.two_stage import AnyModel


FORMATS = ("onnx", "esphome")


@click.command()
@options.model_argument
@options.option(
    "-o",
    "--output",
    type=options.PATH,
    help="ONNX file, or folder of the files for ESPHome.  [default: FILE with the suffix .onnx, or "
    "without a suffix; with --web, model.onnx in DIR]",
)
@options.option(
    "--format",
    "format_",
    type=OneOf("format", FORMATS),
    default="onnx",
    show_default=True,
    help="onnx, or esphome: a network of 8 bits and a manifest for each keyword.",
)
@options.option("--int8", is_flag=True, help="Quantise weights to 8 bits: smaller and faster.")
@options.option(
    "--web",
    metavar="DIR",
    type=options.PATH,
    help="Also write a folder with a page that detects in the browser.",
)
@options.option(
    "--onnxruntime-web",
    metavar="PATH",
    type=options.PATH,
    help="With --web: folder or archive of the npm package onnxruntime-web, which is downloaded "
    "otherwise.",
)
@recordings_option
def export(
    file: Path,
    output: Path | None,
    format_: str,
    int8: bool,
    web: Path | None,
    onnxruntime_web: Path | None,
    recordings: tuple[Path, ...],
) -> None:
    """Export a model as one ONNX file that runs without torch.

    The file holds front end, encoder, head and operating point, and those of the verifier where the
    model has one; `wakeword.runtime` runs it with numpy and onnxruntime alone. The exported file is
    then compared with the model on the same audio (see `wakeword verify-export`).

    With --web, a static folder runs the file in a browser, which no audio leaves. FILE may then be
    an exported file, too.

    With --format esphome, microcontrollers run the model, which must be one of wakeword-micro. Its
    numbers are quantised to 8 bits by their ranges on the recordings of --audio.

    \b
    Examples:
      wakeword export alexa.wakeword
      wakeword export alexa.wakeword -o alexa-int8.onnx --int8 --audio evening.flac
      wakeword export alexa.wakeword --web site
      wakeword export alexa.wakeword --format esphome -o device --audio evening.flac
    """
    beside = Path(file.name) if is_ready_model(file) else file
    if format_ == "esphome":
        if int8 or web or onnxruntime_web:
            raise ConfigError(
                "--int8, --web and --onnxruntime-web are for ONNX files; those for ESPHome have "
                "8 bits anyway. Leave them out."
            )
        _export_esphome(file, output or beside.with_suffix(""), recordings)
        return
    from wakeword import runtime
    from wakeword.exporting.onnxruntime_web import load_onnxruntime_web
    from wakeword.exporting.web_folder import MODEL_NAME, write_web_folder

    is_exported = file.suffix.lower() == ".onnx"
    if is_exported and (not web or output or int8 or recordings):
        raise ConfigError(
            f"{file}: an exported model. Give the model that it was exported from, or --web DIR "
            "alone to make a page of this one."
        )
    if onnxruntime_web and not web:
        raise ConfigError("--onnxruntime-web is for the page of --web DIR. Give both.")
    if not output:
        output = web / MODEL_NAME if web else beside.with_suffix(".onnx")
    package: OnnxruntimeWeb | None = None
    comparison: ExportComparison | None = None
    model: AnyModel | None = None
    with progress_display() as progress:  # what can fail soon comes first, before the download
        if is_exported:
            runtime.load(file)
        else:
            model = _load(file, output, recordings)
        if web:
            storage.check_writable(web / "index.html")
            package = load_onnxruntime_web(onnxruntime_web, progress)
        if model is not None:
            comparison = _export(model, output, int8, recordings, progress)
        if web and package:
            write_web_folder(file if is_exported else output, web, package)
            click.echo(f"wrote {web}; to try it: python3 -m http.server --directory {web}")
    if comparison:
        print_comparison(comparison, file, output, recordings)


def _export_esphome(file: Path, folder: Path, recordings: tuple[Path, ...]) -> None:
    """Write the files for ESPHome, and print what they need and lose."""
    from wakeword.exporting.esphome import export_esphome

    model = _load(file, folder / "model.json", recordings)
    with progress_display() as progress:
        progress("measuring ranges and quantising", 0, 0)
        exported = export_esphome(model, folder, recordings)
    for each in exported:
        mean, largest = each.difference
        click.echo(
            f"wrote {each.manifest} and {each.tflite.name}: "
            f"{each.tflite.stat().st_size / 1000:.0f} kB, {each.arena / 1000:.0f} kB of memory, "
            f"cutoff {each.cutoff:.2f}; "
            f"|Δ score| from the model {mean:.3f} on average, {largest:.3f} at most"
        )


def _load(file: Path, output: Path, recordings: tuple[Path, ...]) -> AnyModel:
    """Read the model to export; check the recordings, and that the output can be written."""
    from wakeword.exporting.compare import check_recordings
    from wakeword.model.file import load_model

    check_recordings(recordings)
    model = load_model(file)
    storage.check_writable(output)
    return model


def _export(
    model: AnyModel,
    output: Path,
    int8: bool,
    recordings: tuple[Path, ...],
    progress: ProgressCallback,
) -> ExportComparison:
    """Write the ONNX file, and compare it with the model."""
    from wakeword.exporting.compare import compare_exported_file
    from wakeword.exporting.onnx import export_onnx

    progress("exporting (a minute for an encoder like Whisper's)", 0, 0)
    export_onnx(model, output, int8=int8)
    click.echo(f"wrote {output}")
    return compare_exported_file(model, output, recordings, progress)
