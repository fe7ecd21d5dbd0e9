"""Benchmark our model against other engines on the same streams: one table, one picture.

    python recipes/benchmark/race.py CORPUS OUT --model MODELS --install

Data: any layout that `wakeword train` reads, with a train and a dev split. MODELS is a folder of
<keyword>.wakeword files, such as `recipes/four_words.py` writes; repeat `--model NAME=MODELS` to
enter several.

For each keyword, the dev clips under each condition and all other dev recordings are written once
as 16 kHz FLAC. Every engine reads these files on one thread, in a process and an environment of its
own. Its output is kept in OUT/results, so an interrupted run resumes where it stopped. Writes
OUT/race.json and OUT/race.png.

Duration: the hours of audio times the real-time factors in the table (eleven times for Porcupine,
once per sensitivity), and some minutes per keyword to train the peer model.

README.md states the rules, describes the engines, and lists what to be careful about.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from engine_runs import TRAINING_HOURS, job_for
from engines import own_engines, peer_engines
from environments import install
from race_plot import save_plot
from race_table import format_row, format_table
from scoring import EngineResult, score_engine
from stream_files import race_streams, write_examples, write_stream

from wakeword import storage
from wakeword.cli.console import TeachingCommand
from wakeword.cli.options import option
from wakeword.data.keywords import select_keywords
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits


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
@click.option("--condition", "conditions", multiple=True, help="Only this one. Repeatable.")
@click.option("--engine", "names", multiple=True, help="Only this engine. Repeatable.")
@click.option("--install", "installs", is_flag=True, help="Install missing engines with pip.")
@click.option(
    "--hours", default=TRAINING_HOURS, show_default=True, help="Training audio for a peer model."
)
def main(
    corpus: Path,
    out: Path,
    keywords: tuple[str, ...],
    models: tuple[str, ...],
    conditions: tuple[str, ...],
    names: tuple[str, ...],
    installs: bool,
    hours: float,
) -> None:
    """Run all engines on the dev split of CORPUS."""
    data = assign_splits(read_dataset(corpus))
    out = out.resolve()
    engines = [e for e in (*own_engines(models), *peer_engines()) if not names or e.name in names]
    if installs:
        for engine in engines:
            install(engine, out)

    rows: list[EngineResult] = []
    for keyword in keywords or data.labels():
        task = select_keywords(data, [keyword])
        folder = out / "audio" / keyword
        streams = [
            write_stream(stream, folder)
            for stream in race_streams(task.subset("dev"), keyword, conditions)
        ]
        examples = write_examples(task.subset("train"), folder / "examples")
        for engine in engines:
            job = job_for(engine, keyword, corpus, examples, hours)
            for row in score_engine(engine, job, streams, out):
                print(format_row(row), file=sys.stderr, flush=True)
                rows.append(row)

    print(format_table(rows))
    with storage.atomic_write(out / "race.json") as part:
        part.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    save_plot(rows, out / "race.png")


if __name__ == "__main__":
    main()
