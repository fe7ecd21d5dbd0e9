"""`wakeword bench`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wakeword.cli import options
from wakeword.cli.console import print_results, progress_display


@click.command()
@options.model_argument
@options.option(
    "--audio",
    "recording",
    type=options.PATH,
    help="Recording to measure on.  [default: noise]",
)
@options.option(
    "--seconds",
    default=60,
    show_default=True,
    type=click.IntRange(1),
    help="Seconds of audio to use, at most.",
)
@options.option(
    "--exported",
    multiple=True,
    type=options.PATH,
    help="File of `wakeword export` to measure as well; may be repeated.",
)
@options.as_json
def bench(
    file: Path, recording: Path | None, seconds: int, exported: tuple[Path, ...], as_json: bool
) -> None:
    """Measure what a model costs on this machine, on one thread.

    The live detector is fed 80 ms at a time. For comparison, the same weights are run over a
    sliding window, and so are Porcupine and the front end of openWakeWord where they are installed
    (pvporcupine==1.9.5, pyopen-wakeword). Processor time depends on the machine and its load:
    compare the ratios.

    Of a two-stage model, each stage is measured too: the gate, a call of the verifier, and both at
    the calls per hour of the audio. Noise causes few calls: give --audio.

    \b
    Examples:
      wakeword bench alexa.wakeword
      wakeword bench alexa.wakeword --exported alexa.onnx --exported alexa-int8.onnx
      wakeword bench alexa.wakeword --audio evening.flac --seconds 600 --json
    """
    from wakeword.evaluation.benchmark import benchmark_audio, benchmark_model
    from wakeword.evaluation.report.json import benchmark_as_dict
    from wakeword.evaluation.report.text import render_benchmark
    from wakeword.model.file import load_model

    model = load_model(file)
    samples = benchmark_audio(recording, seconds)
    with progress_display() as progress:
        result = benchmark_model(model, samples, exported=exported, progress=progress)
    size = file.stat().st_size
    if as_json:
        about = {"file": str(file), "file_mb": size / 1e6}
        click.echo(json.dumps({**about, **benchmark_as_dict(result)}, indent=1))
    else:
        print_results(*render_benchmark(result, size))
