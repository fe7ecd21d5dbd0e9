"""`wakeword enroll`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from wakeword import storage
from wakeword.audio.files import load_audio
from wakeword.cli import options
from wakeword.cli.console import progress_display
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader, check_broken
from wakeword.data.readers import find_recordings
from wakeword.evaluation.calibrate import calibrate_scores, threshold_provenance
from wakeword.evaluation.evaluate import score_streams
from wakeword.evaluation.test_streams import negative_stream
from wakeword.model.file import save_model
from wakeword.training.enroll import enroll as enroll_keyword


@click.command()
@click.argument("word")
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.model_file
@click.option(
    "--negatives",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Recordings without the word to set the threshold by: a file, or a folder of them; may "
    "be repeated.",
)
@options.false_accepts("False accepts per hour to aim at, with --negatives.")
@options.encoder
@options.weights
@click.option(
    "--streaming", default="", help="chunked or window.  [default: window, if the encoder can]"
)
def enroll(
    word: str,
    clips: tuple[Path, ...],
    output: Path,
    negatives: tuple[Path, ...],
    fa_per_hour: float,
    encoder: str | None,
    weights: Path | None,
    streaming: str,
) -> None:
    """Make a detector from two to ten CLIPS of a WORD at once, without training.

    It knows the word by how near sound comes to these clips: clips by several people know it in
    other voices too. In much noise and in far rooms a trained model hears more: `wakeword train`
    takes over as clips come.

    \b
    Examples:
      wakeword enroll computer 1.wav 2.wav 3.wav -o computer.wakeword
      wakeword enroll computer clips/*.flac -o computer.wakeword --negatives evening.flac
    """
    storage.check_writable(output)
    with progress_display() as progress:
        model = enroll_keyword(
            word,
            [load_audio(path) for path in clips],
            encoder=options.chosen(encoder, weights),
            streaming=streaming,
            weights=weights,
            progress=progress,
        )
        others = tuple(Clip(path) for part in negatives for path in find_recordings(part))
        if others:
            library = ClipLoader()
            stream = negative_stream(Dataset(output.parent, "recordings", negatives=others))
            (heard,) = score_streams(model, [stream], library, progress)
            check_broken(len(library.broken), len(others), library.broken)
            point, _ = calibrate_scores(model, heard, per_hour=fa_per_hour)
            told = threshold_provenance(fa_per_hour, heard.hours, f"of {len(others)} recordings")
            model.operating_point = replace(point, provenance=told)
    save_model(model, output)
    used = model.origin.training["keyword_clips"]
    if used < len(clips):
        click.echo(
            f"{len(clips) - used} clip(s) left out: no word of 2 s or less stands out in them"
        )
    click.echo(
        f"'{word}' by {used} clips; fires from a score of "
        f"{model.operating_point.thresholds[word]:.4f} ({model.operating_point.provenance})"
    )
    if not others:
        click.echo(
            "How often it fires for nothing is not known: give it hours without the word, by "
            "--negatives or `wakeword calibrate`."
        )
    click.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")
