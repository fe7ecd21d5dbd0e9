"""`wakeword bench`."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from wakeword import runtime
from wakeword.audio.files import iter_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli.console import progress_display, stdout_console
from wakeword.encoders.registry import streaming_modes
from wakeword.errors import AudioError
from wakeword.evaluation import benchmark
from wakeword.model.file import load_model
from wakeword.parallel import single_threaded

_LEAST_S = 3
_STREAMS = 32


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--audio", "recording", type=click.Path(path_type=Path), help="Instead of noise.")
@click.option(
    "--seconds",
    default=60,
    show_default=True,
    type=click.IntRange(_LEAST_S),
    help="Of audio, at most.",
)
@click.option(
    "--exported",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of `wakeword export` to run beside it; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True)
def bench(
    file: Path, recording: Path | None, seconds: int, exported: tuple[Path, ...], as_json: bool
) -> None:
    """Measure what a model costs on this machine, on one thread.

    The live detector is fed 80 ms at a time; beside it the same weights over a sliding window, and
    Porcupine and openWakeWord's front end if they are installed (pvporcupine==1.9.5,
    pyopen-wakeword). Processor time depends on the machine and its load: compare the ratios.

    \b
    Examples:
      wakeword bench alexa.wakeword
      wakeword bench alexa.wakeword --exported alexa.onnx --exported alexa-int8.onnx
      wakeword bench alexa.wakeword --audio evening.flac --seconds 600 --json
    """
    model = load_model(file)
    samples = _sound(recording, seconds)
    others = {str(path): runtime.Detector(runtime.load(path)).feed for path in exported}
    with progress_display() as progress, single_threaded():
        engines: dict[str, benchmark.Feed] = {
            "this model": benchmark.detector_feed(model),
            **others,
        }
        if model.encoder.streaming == "chunked" and "window" in streaming_modes(
            model.origin.encoder
        ):
            engines["the same over a sliding window"] = benchmark.detector_feed(
                benchmark.sliding_window_copy(model)
            )
        costs = []
        memory_mb = 0.0
        for name, feed in (engines | benchmark.installed_peers()).items():
            progress(f"feeding {name}", 0, 0)
            costs.append(benchmark.measure_engine(name, feed, samples))
            memory_mb = memory_mb or benchmark.memory_mb()  # with the model alone at work
        progress(f"feeding {_STREAMS} streams at once", 0, 0)
        streams = benchmark.streams_per_core(model, samples, _STREAMS)
        difference = benchmark.stream_difference(model, samples)
    parameters = sum(tensor.numel() for tensor in model.parameters())
    file_mb = file.stat().st_size / 1e6
    about = {
        "file": str(file),
        "encoder": model.origin.encoder,
        "streaming": model.encoder.streaming,
        "seconds": len(samples) / SAMPLE_RATE,
        "parameters": parameters,
        "file_mb": file_mb,
        "memory_mb": memory_mb,
        "look_ahead_ms": model.look_ahead_ms,
        "streams_per_core": streams,
        "stream_difference": difference,
    }
    if as_json:
        click.echo(json.dumps({**about, "engines": [asdict(each) for each in costs]}, indent=1))
        return
    table = Table(
        "engine", title=f"{len(samples) / SAMPLE_RATE:.0f} s of audio, 80 ms at a time, one thread"
    )
    for column in ("real-time factor", "times this model", "80 ms take p50", "p99"):
        table.add_column(column, justify="right")
    for each in costs:
        ratio = each.real_time_factor / costs[0].real_time_factor
        times = (f"{each.p50_ms:.2f} ms", f"{each.p99_ms:.2f} ms")
        table.add_row(each.engine, f"{each.real_time_factor:.4f}", f"{ratio:.2f}", *times)
    stdout_console().print(table)
    click.echo(
        f"{model.origin.encoder} ({model.encoder.streaming}), "
        f"{parameters / 1e6:.1f} M parameters, file {file_mb:.1f} MB; "
        f"process {memory_mb:.0f} MB; look-ahead {model.look_ahead_ms:.0f} ms; "
        f"max |stream − offline| {difference:.1e}; "
        f"{_STREAMS} streams at once: one core would keep up with {streams:.0f}"
    )


def _sound(recording: Path | None, seconds: int) -> Samples:
    """(n,) samples at 16 kHz: the start of a recording, or noise."""
    wanted = seconds * SAMPLE_RATE
    if recording is None:
        return (0.05 * np.random.default_rng(0).standard_normal(wanted)).astype(np.float32)
    blocks = islice(iter_audio(recording, block_s=1.0), seconds + 1)
    samples = np.concatenate(list(blocks))[:wanted]
    if len(samples) < _LEAST_S * SAMPLE_RATE:
        length = len(samples) / SAMPLE_RATE
        raise AudioError(
            f"{recording}: {length:.1f} s; expected {_LEAST_S} s or more to measure on."
        )
    return samples
