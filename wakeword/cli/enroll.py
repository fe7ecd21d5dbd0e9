"""`wakeword enroll`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wakeword import storage
from wakeword.audio.files import load_audio
from wakeword.cli import options, output_file, training_options
from wakeword.cli.console import progress_display
from wakeword.data.clip import Clip
from wakeword.devices import choose_device
from wakeword.evaluation.report.format import format_calibration_advice, format_file_size

if TYPE_CHECKING:
    from wakeword.model.network import WakeWordModel


@click.command()
@click.argument("keyword")
@click.argument("clips", nargs=-1, required=True, type=options.PATH)
@options.output_model
@options.negatives("Recordings without the keyword, used to set the threshold")
@options.false_accepts_per_hour("False accepts per hour to aim at, with --negatives.")
@training_options.encoder
@training_options.weights
@training_options.streaming("window, if the encoder supports it")
@training_options.languages
@options.compute_device
@output_file.force
def enroll(
    keyword: str,
    clips: tuple[Path, ...],
    output: Path,
    negatives: tuple[Path, ...],
    false_accepts_per_hour: float,
    encoder: str | None,
    weights: Path | None,
    streaming: str,
    languages: tuple[str, ...],
    force: bool,
    device: str,
) -> None:
    """Make a detector from a few CLIPS of a KEYWORD, two or more, without training.

    It scores how similar audio is to these clips; clips by several speakers make it work for other
    voices too. Of more than ten clips, the ten that are nearest to all others are kept. In noise
    and in far rooms a trained model misses less: as clips accumulate, use `wakeword train`.

    \b
    Examples:
      wakeword enroll computer 1.wav 2.wav 3.wav -o computer.wakeword
      wakeword enroll computer clips/*.flac -o computer.wakeword --negatives evening.flac
    """
    from wakeword.evaluation.calibrate import calibrate
    from wakeword.model.file import save_model
    from wakeword.model.languages import record_languages
    from wakeword.training.enroll import enroll as enroll_keyword

    storage.check_writable(output)
    maker = output_file.made_by("enroll", map(Clip, clips))
    output_file.check_replaceable(output, [keyword], maker, force=force)
    choose_device(device)
    with progress_display() as progress:
        model = enroll_keyword(
            keyword,
            [load_audio(path) for path in clips],
            encoder=training_options.choose_encoder(encoder, weights),
            streaming=streaming,
            weights=weights,
            device=device,
            progress=progress,
        )
        if negatives:
            model.to(choose_device(device))
            calibration = calibrate(
                model,
                negatives=negatives,
                false_accepts_per_hour=false_accepts_per_hour,
                progress=progress,
            )
            model.operating_point = calibration.operating_point
    record_languages(model, languages)
    save_model(model, output, made_by=maker)
    _print_summary(model, keyword, len(clips), output, calibrated=bool(negatives))
    click.echo(f"wrote {output} ({format_file_size(output.stat().st_size)})")


def _print_summary(
    model: WakeWordModel, keyword: str, clips: int, output: Path, *, calibrated: bool
) -> None:
    used, left_out = (model.origin.training[name] for name in ("keyword_clips", "left_out"))
    if left_out:
        click.echo(f"{left_out} clip(s) left out: no word of 2 s or less stands out in them")
    if used < clips - left_out:
        click.echo(f"of {clips} clips, {used} that are near to the others serve as examples")
    point = model.operating_point
    click.echo(
        f"'{keyword}' from {used} clips; detected at scores of "
        f"{point.thresholds[keyword]:.4f} or more ({point.provenance})"
    )
    if not calibrated:
        click.echo(
            "The rate of false accepts is unknown: give hours without the keyword to --negatives "
            "or to `wakeword calibrate`."
        )
    elif point.provisional:
        click.echo(format_calibration_advice(output))
