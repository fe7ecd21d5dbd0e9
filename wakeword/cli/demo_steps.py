"""The steps of `wakeword demo`, and what they print."""

from __future__ import annotations

import time
from pathlib import Path

import click
import torch

import wakeword
from wakeword import storage
from wakeword.audio.files import save_audio
from wakeword.cli.console import print_note, progress_display
from wakeword.cli.speech import fetch_voices
from wakeword.data.dataset import Dataset
from wakeword.demo.dataset import make_demo_dataset
from wakeword.demo.pipeline import (
    Measurement,
    Outcome,
    measure,
    next_commands,
    train_config,
)
from wakeword.demo.recording import Recording, RecordingEvent, held_out_recording, listen
from wakeword.demo.report import (
    WARNING,
    describe_event,
    summarise_measurement,
    write_demo_report,
)
from wakeword.detection.detector import Detector
from wakeword.evaluation.report.plots import save_det_plot
from wakeword.evaluation.report.subject import describe_subject
from wakeword.model.file import load_model, save_model
from wakeword.model.two_stage import AnyModel
from wakeword.synthetic.dataset import slug
from wakeword.training.train import train


def run_demo(output: Path, keyword: str, seed: int) -> Outcome:
    """Run all steps and print what they do.

    Args:
        output: folder of data, model and report.
        keyword: an English phrase to detect.
        seed: of all random draws.
    """
    torch.set_num_threads(1)  # blocks are too small for a second thread to pay off
    keyword = " ".join(keyword.split())
    start = time.monotonic()
    file = output / f"{slug(keyword)}.wakeword"
    storage.check_writable(file)
    fetch_voices()
    _heading(1, f"synthesise a data set for '{keyword}'", start)
    with progress_display() as progress:
        data = make_demo_dataset(output / "data", keyword, seed=seed, progress=progress)
    _show_data(data)
    _heading(2, "train on some of the voices", start)
    model = _train(data, keyword, seed, output, file)
    _heading(3, "measure on the other voices", start)
    with progress_display() as progress:
        measurement = measure(model, data, progress=progress)
    _show_measurement(measurement)
    _heading(4, "listen to a held-out recording", start)
    recording = held_out_recording(data, seed=seed)
    save_audio(output / "held-out.flac", recording.samples)
    events = _listen(model, recording)
    outcome = Outcome(
        keyword, file, measurement, recording.seconds, len(recording.keywords), tuple(events)
    )
    _heading(5, "write the report", start)
    save_det_plot(measurement.evaluation, output / "det.png")
    subject = describe_subject(file, model, "voices held out of training", wakeword.__version__)
    write_demo_report(outcome, subject, output / "report.html")
    _show_end(outcome, output, start)
    return outcome


def _heading(number: int, step: str, start: float) -> None:
    click.echo(f"\n{number}/5  {step}  ({_clock(time.monotonic() - start)} so far)")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def _show_data(data: Dataset) -> None:
    for split, purpose in (("train", "for training"), ("dev", "held out")):
        part = data.subset(split)
        speech = (*part.keywords, *part.negatives)
        click.echo(
            f"{purpose}: {len(part.keywords)} clips of the keyword, {len(part.negatives)} of other "
            f"speech, by {len({clip.speaker for clip in speech})} speakers"
        )
    click.echo(f"in {data.root}")


def _train(data: Dataset, keyword: str, seed: int, output: Path, file: Path) -> AnyModel:
    with progress_display() as progress:
        trained = train(
            data, [keyword], train_config(seed), work_dir=output / "work", progress=progress
        )
    save_model(trained.model, file)
    about = trained.model.origin.training
    for note in trained.notes:
        print_note(note)
    click.echo(trained.stripped)
    click.echo(
        f"{about['trainable']:,} of {about['parameters']:,} parameters learned "
        f"({about['reason']}), {about['epochs']} epochs"
    )
    if trained.verifier:
        click.echo(
            f"verifier, called when the score of this gate is high: {trained.verifier.stripped}"
        )
    return load_model(file)


def _show_measurement(measurement: Measurement) -> None:
    for note in measurement.evaluation.notes:
        print_note(note)
    for line in summarise_measurement(measurement):
        click.echo(line)


def _listen(model: AnyModel, recording: Recording) -> list[RecordingEvent]:
    click.echo(f"{recording.seconds:.0f} s, block by block as from a microphone:")
    events = []
    for event in listen(Detector(model), recording):
        events.append(event)
        click.echo(f"  {describe_event(event)}")
    return events


def _show_end(outcome: Outcome, output: Path, start: float) -> None:
    click.echo(f"detected {outcome.detected} of {outcome.spoken} keywords in the recording")
    for name in (outcome.model_file.name, "held-out.flac", "det.png", "report.html"):
        click.echo(f"wrote {output / name}")
    click.echo(f"\n{WARNING}\n\nNext, with your own recordings:")
    for purpose, command in next_commands(outcome.keyword, outcome.model_file):
        click.echo(f"  # {purpose}\n  {command}")
    click.echo(f"\ndone in {_clock(time.monotonic() - start)}")
