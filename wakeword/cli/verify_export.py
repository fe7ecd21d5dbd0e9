"""`wakeword verify-export`, and the comparison that `wakeword export` ends with."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from wakeword import runtime
from wakeword.audio.files import audio_info, iter_audio
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.cli.console import progress_display, stdout_console
from wakeword.errors import CheckpointError
from wakeword.exporting.compare import ExportComparison, compare_export
from wakeword.model.file import load_model
from wakeword.model.network import WakeWordModel
from wakeword.parallel import single_threaded

_NOISE_S = 30

recordings = click.option(
    "--audio",
    "recordings",
    multiple=True,
    type=click.Path(path_type=Path),
    help=f"Speech to compare on; may be repeated. Without it: {_NOISE_S} s of noise.",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("exported", type=click.Path(path_type=Path))
@recordings
def verify_export(file: Path, exported: Path, recordings: tuple[Path, ...]) -> None:
    """Compare an exported file with its model on the same audio.

    The exit code is 1 where one detects a word that the other does not, within 0.2 s.

    \b
    Examples:
      wakeword verify-export alexa.wakeword alexa.onnx --audio monday.flac --audio tuesday.flac
    """
    check(recordings)
    result = show_comparison(file, load_model(file), exported, recordings)
    if not result.detections[0] == result.detections[1] == result.shared:
        sys.exit(1)


def check(recordings: tuple[Path, ...]) -> None:
    """A file that cannot be read is named before the work begins."""
    for recording in recordings:
        audio_info(recording)


def show_comparison(
    file: Path, model: WakeWordModel, exported: Path, recordings: tuple[Path, ...]
) -> ExportComparison:
    """A table of both, and what differs in a sentence."""
    other = runtime.load(exported)
    if other.keywords != model.keywords or other.block != model.block:
        raise CheckpointError(
            f"{exported}: made from another model than {file} (it hears "
            f"{', '.join(other.keywords)}). Export that model again."
        )
    noise = 0.05 * np.random.default_rng(0).standard_normal(_NOISE_S * SAMPLE_RATE)
    sounds = [iter_audio(each) for each in recordings] or [iter([noise.astype(np.float32)])]
    with progress_display() as progress, single_threaded():
        progress("hearing the same audio with both", 0, 0)
        result = compare_export(model, other, sounds)
    table = Table("file")
    for column in ("MB", "real-time factor", "detections"):
        table.add_column(column, justify="right")
    paths = (file, exported)
    for path, factor, count in zip(paths, result.real_time_factors, result.detections, strict=True):
        table.add_row(path.name, f"{path.stat().st_size / 1e6:.1f}", f"{factor:.4f}", str(count))
    stdout_console().print(table)
    kind = "speech" if recordings else "noise; --audio takes recordings"
    same = "detections identical"
    if not result.identical:
        most = max(result.detections)
        same = f"{result.shared} of {most} detections by both, within 0.2 s"
    click.echo(
        f"max |Δ score| {result.difference:.1e} over {result.seconds:.0f} s of {kind}; {same}"
    )
    return result
