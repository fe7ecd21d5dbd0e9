"""`wakeword demo`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
import torch

from wakeword import storage
from wakeword.audio.files import save_audio
from wakeword.cli.console import format_percent, progress_display
from wakeword.data.dataset import Dataset
from wakeword.demo.pipeline import (
    KEYWORD,
    WARNING,
    Measured,
    Moment,
    Outcome,
    Recording,
    held_out_recording,
    listen,
    make_dataset,
    measure,
    own_commands,
    slug,
    train_config,
)
from wakeword.demo.report import write_demo_report
from wakeword.detection.detector import Detector
from wakeword.errors import ConfigError
from wakeword.evaluation import metrics
from wakeword.evaluation.evaluate import miss_rate_estimate
from wakeword.evaluation.report.plots import save_det_plot
from wakeword.model.file import load_model, save_model
from wakeword.model.network import WakeWordModel
from wakeword.training.train import train
from wakeword.tts.engines import fetch_kokoro_voices, list_voices


@click.command()
@click.option(
    "-o",
    "--output",
    default="out/demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for all that is made; what is there already is used again.",
)
@click.option("-k", "--keyword", default=KEYWORD, show_default=True, help="An English phrase.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1))
def demo(output: Path, keyword: str, seed: int) -> None:
    """The whole story on synthetic speech, in a few minutes: no recordings needed.

    Synthesises a data set in many voices, trains on some of them, measures on the others, and
    listens to a recording of voices that the training never heard. Needs the extra 'demo'. A run
    that was stopped goes on where it was.

    Exits with 1 when nothing is detected in that recording.

    \b
    Examples:
      wakeword demo
      wakeword demo --keyword "okay nova" -o out/nova
    """
    torch.set_num_threads(1)  # of blocks this small: a second one costs more than it gives
    keyword = " ".join(keyword.split())
    start = time.monotonic()
    file = output / f"{slug(keyword)}.wakeword"
    storage.check_writable(file)
    _fetch_voices()
    _heading(1, f"a data set for '{keyword}', synthesised", start)
    with progress_display() as progress:
        data = make_dataset(output / "data", keyword, seed=seed, progress=progress)
    _show_data(data)
    _heading(2, "training on some of the voices", start)
    model = _train(data, keyword, seed, output, file)
    _heading(3, "measuring on the other voices", start)
    with progress_display() as progress:
        measured = measure(model, data, progress=progress)
    _show_measured(measured)
    _heading(4, "listening to a held-out recording", start)
    recording = held_out_recording(data, seed=seed)
    save_audio(output / "held-out.flac", recording.samples)
    moments = _listen(model, recording)
    outcome = Outcome(
        keyword, file, measured, recording.seconds, len(recording.said), tuple(moments)
    )
    _heading(5, "report", start)
    save_det_plot(measured.evaluation, output / "det.png")
    write_demo_report(outcome, (output / "det.png").read_bytes(), output / "report.html")
    _show_end(outcome, output, start)
    if not outcome.hits:
        click.echo(f"Nothing was detected in {output / 'held-out.flac'}.", err=True)
        sys.exit(1)


def _heading(number: int, what: str, start: float) -> None:
    click.echo(f"\n{number}/5  {what}  ({_clock(time.monotonic() - start)} so far)")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def _fetch_voices() -> None:
    """Get the most natural voices once; without them the demo goes on with the others."""
    list_voices()  # raises where no engine is installed, before a download
    try:
        fetch_kokoro_voices()
    except ConfigError as error:
        click.echo(f"note: without the Kokoro voices, numbers will be worse: {error}", err=True)


def _show_data(data: Dataset) -> None:
    for split, what in (("train", "to train on"), ("dev", "held out")):
        part = data.subset(split)
        spoken = (*part.keywords, *part.negatives)
        click.echo(
            f"{what}: {len(part.keywords)} clips of the keyword, {len(part.negatives)} of other "
            f"speech, by {len({clip.speaker for clip in spoken})} voices"
        )
    click.echo(f"in {data.root}")


def _train(data: Dataset, keyword: str, seed: int, output: Path, file: Path) -> WakeWordModel:
    with progress_display() as progress:
        trained = train(
            data, [keyword], train_config(seed), work=output / "work", progress=progress
        )
    save_model(trained.model, file)
    about = trained.model.origin.training
    for note in trained.notes:
        click.echo(f"note: {note}")
    click.echo(trained.stripped)
    click.echo(
        f"{about['trainable']:,} of {about['parameters']:,} parameters learned "
        f"({about['reason']}), {about['epochs']} epochs"
    )
    return load_model(file)


def _show_measured(measured: Measured) -> None:
    evaluation = measured.evaluation
    for note in evaluation.notes:
        click.echo(f"note: {note}")
    click.echo("missed at the shipped threshold (95 % interval):")
    for row in evaluation.rows:
        missed = miss_rate_estimate(row.shipped)
        click.echo(
            f"  {row.condition:24} {row.shipped.missed:3} of {row.clips:3} clips  "
            f"{format_percent(missed.value):>7}  ({100 * missed.low:.1f}–{100 * missed.high:.1f})"
        )
    shipped = evaluation.rows[0].shipped
    rate = metrics.poisson(shipped.false_accepts, shipped.hours)
    click.echo(
        f"false accepts: {shipped.false_accepts} in {60 * shipped.hours:.0f} min of other speech "
        f"and noise, which bounds the rate to {rate.low:.1f}–{rate.high:.1f} per hour, no closer"
    )
    near = measured.near_misses
    click.echo(
        f"near-misses: {near.fired} of {near.clips} clips of {measured.near_phrases} phrases "
        f"that sound nearly like it set it off ({format_percent(near.rate.value)})"
        if near.clips
        else "near-misses: none for this keyword"
    )


def _listen(model: WakeWordModel, recording: Recording) -> list[Moment]:
    click.echo(f"{recording.seconds:.0f} s, block by block as from a microphone:")
    moments = []
    for moment in listen(Detector(model), recording):
        moments.append(moment)
        click.echo(f"  {_moment(moment)}")
    return moments


def _moment(moment: Moment) -> str:
    said, heard = moment.said, moment.detection
    times = f"{said.segment.start_s:6.2f}–{said.segment.end_s:6.2f}" if said else ""
    true = f"said {times} s by {said.speaker}" if said else ""
    if heard is None:
        return f"{'missed':>22}  {true}"
    verdict = true or "FALSE ALARM: nobody said it"
    return f"heard {heard.time:6.2f} s ({heard.score:.3f})  {verdict}"


def _show_end(outcome: Outcome, output: Path, start: float) -> None:
    click.echo(f"heard {outcome.hits} of {outcome.said} in the recording")
    for name in (outcome.model_file.name, "held-out.flac", "det.png", "report.html"):
        click.echo(f"wrote {output / name}")
    click.echo(f"\n{WARNING}\n\nThe same with your own recordings:")
    for what, command in own_commands(outcome.keyword, outcome.model_file):
        click.echo(f"  # {what}\n  {command}")
    click.echo(f"\ndone in {_clock(time.monotonic() - start)}")
