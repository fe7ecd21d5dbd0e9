"""`wakeword verify-export`, and the comparison that `wakeword export` ends with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from wakeword.cli import options
from wakeword.cli.console import print_results, progress_display

if TYPE_CHECKING:
    from wakeword.exporting.compare import ExportComparison

recordings_option = options.option(
    "--audio",
    "recordings",
    multiple=True,
    type=options.PATH,
    help="Speech to compare on; may be repeated.  [default: noise]",
)


@click.command()
@options.model_argument
@click.argument("exported", type=options.PATH)
@recordings_option
def verify_export(file: Path, exported: Path, recordings: tuple[Path, ...]) -> None:
    """Compare an exported file with its model on the same audio.

    The exit code is 1 where one detects a keyword that the other does not, within 0.2 s.

    \b
    Examples:
      wakeword verify-export alexa.wakeword alexa.onnx --audio monday.flac --audio tuesday.flac
    """
    from wakeword.exporting.compare import check_recordings, compare_exported_file
    from wakeword.model.file import load_model

    check_recordings(recordings)
    with progress_display() as progress:
        comparison = compare_exported_file(load_model(file), exported, recordings, progress)
    print_comparison(comparison, file, exported, recordings)
    if not comparison.detections[0] == comparison.detections[1] == comparison.shared:
        sys.exit(1)


def print_comparison(
    comparison: ExportComparison, file: Path, exported: Path, recordings: Sequence[Path]
) -> None:
    """Print a table of both files and one line about their differences."""
    table = Table("file")
    for column in ("MB", "real-time factor", "detections"):
        table.add_column(column, justify="right")
    columns = (comparison.real_time_factors, comparison.detections)
    for path, factor, count in zip((file, exported), *columns, strict=True):
        table.add_row(path.name, f"{path.stat().st_size / 1e6:.1f}", f"{factor:.4f}", str(count))
    kind = "speech" if recordings else "noise; use --audio for recordings"
    verdict = "detections identical"
    if not comparison.identical:
        most = max(comparison.detections)
        verdict = f"{comparison.shared} of {most} detections shared, within 0.2 s"
    lines = [
        f"max |Δ score| {comparison.difference:.1e} over {comparison.seconds:.0f} s of {kind}; "
        f"{verdict}"
    ]
    if verifier := comparison.verifier:
        ours, theirs = verifier.milliseconds
        lines.append(
            f"verifier: {ours:.1f} ms and {theirs:.1f} ms a call; max |Δ score| "
            f"{verifier.difference:.1e} over {verifier.windows} windows"
        )
    print_results(table, *lines)
