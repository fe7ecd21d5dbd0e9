"""How many layers to fine-tune, by how many clips there are: the table and the picture.

    python recipes/depth/study.py CORPUS OUT --clips 10 --clips 50 --clips 0 \\
        --strategy head --strategy top:1 --strategy full --strategy scratch
    python recipes/depth/study.py CORPUS OUT --clips 10 --draws 5        # are ten clips enough?
    python recipes/depth/study.py CORPUS OUT --clips 10 --draws 5 --head examples --streaming window

`--head examples` trains nothing: the clips, ten at most, are enrolled as `wakeword enroll` does.

Data: any layout that `wakeword train` reads, with a train and a dev split (or speakers, from whom
splits are made). Each draw takes so many clips of a keyword from the train split (0: all of them)
and trains with every other setting at its default. All recordings without the keyword are used.
Where all clips are taken, a draw is a seed.

Measured on the dev split with the trigger of the detector: misses at no more than 0.5 false accepts
per hour, in quiet and at 10 dB together, and at 0 dB. Fine-tuning may buy recall with false
accepts, so the table also has the lowest rate of false accepts at which no more than 5 % of the
clips in quiet and at 10 dB are missed.

Keywords are trained in parallel, one per core. Each training appends a line to OUT/<keyword>.jsonl,
so an interrupted run resumes, and runs of other encoders add to the same table. Prints the table of
everything in OUT, draws OUT/depth.png, and writes OUT/depth.json: the rows that compare strategies
with every other setting at its default. The package ships those of `measured/` for
`--strategy auto`.

Duration: the column "training time" of the table in README.md, for each line, keyword and draw.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import click
from cells import Setting, read_cells
from depth_plot import save_plot
from depth_table import format_table, measured_strategies
from grid import ENROLMENT, Grid, run_keyword

from wakeword import storage
from wakeword.cli.console import TeachingCommand, progress_display
from wakeword.cli.options import option
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.encoders.registry import streaming_modes
from wakeword.legacy import streaming_mode
from wakeword.parallel import available_cores
from wakeword.synthetic.dataset import slug
from wakeword.training import strategy_table
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig


@click.command(cls=TeachingCommand)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--clips", "counts", multiple=True, type=click.IntRange(min=0), default=(10, 50, 0))
@click.option("--strategy", "strategies", multiple=True, default=("head",), show_default=True)
@click.option("--head", "heads", multiple=True, default=("conv",), show_default=True)
@click.option("--draws", default=3, show_default=True)
@option(
    "--keyword",
    "keywords",
    aliases=["--word"],
    multiple=True,
    help="Only this keyword. Repeatable.",
)
@click.option(
    "--hours", default=ExampleConfig().hours, show_default=True, help="Hours of training examples."
)
@click.option("--epochs", default=TrainConfig.epochs, show_default=True)
@option(
    "--synthetic",
    aliases=["--spoken"],
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of `wakeword speak`, whose <keyword>.jsonl is trained on as well. Repeatable.",
)
@option(
    "--extra-data",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Data to train on in addition to CORPUS, such as that of mandarin.py. Repeatable.",
)
@click.option("--encoder", default=TrainConfig.encoder, show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint of the encoder.")
@click.option("--streaming", default="", help="chunked or window.  [default: the encoder's best]")
@click.option("--hop-ms", type=int, help="Audio per chunk.  [default: the encoder's]")
def main(
    corpus: Path,
    out: Path,
    counts: tuple[int, ...],
    strategies: tuple[str, ...],
    heads: tuple[str, ...],
    draws: int,
    keywords: tuple[str, ...],
    hours: float,
    epochs: int,
    synthetic: tuple[Path, ...],
    extra_data: tuple[Path, ...],
    encoder: str,
    weights: Path | None,
    streaming: str,
    hop_ms: int | None,
) -> None:
    """Train on some or all clips of each keyword of CORPUS with every strategy, repeatedly."""
    streaming = streaming_mode(streaming) or streaming_modes(encoder)[0]
    names = (
        *(path.stem for path in extra_data),
        *(f"synthetic {folder.name}" for folder in synthetic),
    )
    trained = [(head, strategy) for strategy in strategies for head in heads if head != ENROLMENT]
    enrolled = [(ENROLMENT, "none")] if ENROLMENT in heads else []
    settings = tuple(
        Setting(encoder, streaming, hop_ms, head, strategy, hours, epochs, names)
        for head, strategy in (*trained, *enrolled)
    )
    grid = Grid(corpus, out, settings, counts, draws, weights)
    keywords = keywords or tuple(assign_splits(read_dataset(corpus)).labels())

    # Processes, not threads: training draws from torch's global generator.
    workers = min(available_cores(), len(keywords))
    with (
        progress_display() as progress,
        ProcessPoolExecutor(workers, get_context("spawn")) as pool,
    ):
        futures = []
        for keyword in keywords:
            extra = [*extra_data, *(folder / f"{slug(keyword)}.jsonl" for folder in synthetic)]
            futures.append(pool.submit(run_keyword, grid, keyword, extra))
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            progress("keywords", done, len(keywords))

    cells = read_cells(*sorted(out.glob("*.jsonl")))
    print(format_table(cells))
    save_plot(cells, out / "depth.png")
    with storage.atomic_write(out / "depth.json") as part:
        part.write_text(strategy_table.to_json(measured_strategies(cells)), "utf-8")


if __name__ == "__main__":
    main()
