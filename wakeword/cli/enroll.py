"""`wakeword enroll`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from wakeword import audio, storage
from wakeword import model as models
from wakeword.cli import options, show
from wakeword.data import Clip, Dataset
from wakeword.data.library import Library, check_broken
from wakeword.data.manifests import recordings
from wakeword.evaluation.calibrate import calibrate as find_point
from wakeword.evaluation.calibrate import evidence
from wakeword.evaluation.evaluate import listen
from wakeword.evaluation.streams import negative_stream
from wakeword.training.enroll import enroll as from_examples


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
    "--streaming", default="", help="exact or window.  [default: window, if the encoder can]"
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
    with show.progress() as progress:
        model = from_examples(
            word,
            [audio.load(path) for path in clips],
            encoder=options.chosen(encoder, weights),
            streaming=streaming,
            weights=weights,
            progress=progress,
        )
        others = tuple(Clip(path) for part in negatives for path in recordings(part))
        if others:
            library = Library([], [], [], {})
            stream = negative_stream(Dataset(output.parent, "recordings", negatives=others))
            (heard,) = listen(model, [stream], library, progress)
            check_broken(len(library.broken), len(others), library.broken)
            point, _ = find_point(model, heard, per_hour=fa_per_hour)
            told = evidence(fa_per_hour, heard.hours, f"of {len(others)} recordings")
            model.point = replace(point, evidence=told)
    models.save(model, output)
    used = model.origin.training["keyword_clips"]
    if used < len(clips):
        click.echo(
            f"{len(clips) - used} clip(s) left out: no word of 2 s or less stands out in them"
        )
    click.echo(
        f"'{word}' by {used} clips; fires from a score of "
        f"{model.point.thresholds[word]:.4f} ({model.point.evidence})"
    )
    if not others:
        click.echo(
            "How often it fires for nothing is not known: give it hours without the word, by "
            "--negatives or `wakeword calibrate`."
        )
    click.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")
