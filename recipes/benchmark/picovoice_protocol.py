"""The protocol of Picovoice's wake-word-benchmark on our data: one long file per keyword at 10 dB.

    python recipes/benchmark/picovoice_protocol.py CORPUS OUT --model MODELS --hours 24

Reimplemented from its description: all dev clips of the keyword in random order; between them,
equal lengths of other recordings, four in five of which are replaced by zeros; household noise
throughout, scaled so that each clip's loudest frame (512 samples) is 10 dB above the loudest frame
of the noise under it; the whole file at full scale. A clip counts as detected by an event from its
first sample to 0.5 s past its last; every other event is a false accept, per hour of the file.
Engines, events and thresholds are those of race.py. Our corpus is not theirs (LibriSpeech and
DEMAND), so the numbers do not compare with published ones.

Data: as for race.py, whose OUT (with the installed engines) it shares. Duration: the hours of audio
times the real-time factor of each engine. Prints one row per engine and keyword.

Reasons to read the numbers with care:

- Four fifths of the file hold noise without a voice: only a fifth of its hours are hard.
- The signal-to-noise ratio is one of peaks, set by a plosive or a knock. Over the whole keyword it
  is several dB lower or higher.
- Clips count from their first sample: an event in the silence before the keyword is a hit.
- The original counts events, not clips: an engine that detects twice in a clip makes up for a miss.
  Here a clip is detected or missed, and no engine detects twice within 1 s.
- Recordings and noises are drawn with replacement: 24 h are made from a few hours, and one
  confusing recording comes up many times. The interval of the rate does not account for that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from engine_runs import EngineUnavailable, job_for, run_engine
from engines import Engine, own_engines, peer_engines
from picovoice_file import write_picovoice_file
from race_table import format_misses
from scoring import FALSE_ACCEPT_RATES, events_by_threshold
from stream_files import StreamFile, write_examples

from wakeword.cli.console import TeachingCommand
from wakeword.cli.options import option
from wakeword.data.keywords import select_keywords
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.evaluation import metrics


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@option(
    "--keyword",
    "keywords",
    aliases=["--word"],
    multiple=True,
    help="Only this keyword. Repeatable.",
)
@click.option(
    "--model", "models", multiple=True, metavar="[NAME=]FOLDER", help="Our models. Repeatable."
)
@click.option("--engine", "names", multiple=True, help="Only this engine. Repeatable.")
@click.option("--hours", default=24.0, show_default=True, help="Length of the file.")
def main(
    corpus: Path,
    out: Path,
    keywords: tuple[str, ...],
    models: tuple[str, ...],
    names: tuple[str, ...],
    hours: float,
) -> None:
    """Measure the engines that `race.py --install` installed in OUT."""
    data = assign_splits(read_dataset(corpus))
    out = out.resolve()
    print("| engine | keyword | miss rate at 0.1 false accepts/h (95 %) | at 0.5/h | hours |")
    print("|---|---|---|---|---|")
    for keyword in keywords or data.labels():
        task = select_keywords(data, [keyword])
        folder = out / "audio" / keyword
        stream = write_picovoice_file(
            task.subset("dev"), hours, folder / f"picovoice-{hours:g}h.flac"
        )
        examples = write_examples(task.subset("train"), folder / "examples")
        for engine in (*own_engines(models), *peer_engines()):
            if not names or engine.name in names:
                job = job_for(engine, keyword, corpus, examples)
                print(score(engine, job, stream, out), flush=True)


def score(engine: Engine, job: dict[str, Any], stream: StreamFile, out: Path) -> str:
    """Return an engine's row of the table."""
    try:
        (output,) = run_engine(engine, job, [stream], out)
    except EngineUnavailable as reason:
        return f"| {engine.title} | {job['keyword']} | {reason} |"
    events, _, thresholds = events_by_threshold(output, output)
    curve = []
    for threshold in thresholds:
        times = np.asarray(events(threshold))
        hits = metrics.detected(times, stream.segments, 0.0)
        in_windows = sum(
            int(((times >= segment.start_s) & (times <= segment.end_s)).sum())
            for segment in stream.segments
        )
        curve.append(
            metrics.DetPoint(
                threshold, int((~hits).sum()), len(hits), len(times) - in_windows, stream.hours
            )
        )
    cells = [format_misses(metrics.at_false_accepts(curve, rate)) for rate in FALSE_ACCEPT_RATES]
    return f"| {engine.title} | {job['keyword']} | {' | '.join(cells)} | {stream.hours:.2f} |"


if __name__ == "__main__":
    main()
