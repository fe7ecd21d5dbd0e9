"""`wakeword calibrate`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import click

from wakeword import storage
from wakeword.cli import options
from wakeword.cli.console import progress_display, stdout_console
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader, check_broken
from wakeword.data.readers import find_recordings, read_dataset
from wakeword.data.splits import assign_splits
from wakeword.errors import ManifestError
from wakeword.evaluation.calibrate import calibrate_scores, threshold_provenance
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.evaluate import score_streams
from wakeword.evaluation.test_streams import negative_stream, positive_stream
from wakeword.model.file import load_model, save_model


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--negatives",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Recordings without the keyword: a file, or a folder of them; may be repeated.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A data set: its negatives, and its keyword clips to choose the smoothing by.",
)
@click.option("--split", default="dev", show_default=True, help="Of --data.")
@options.false_accepts("False accepts per hour to aim at.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Instead of changing FILE itself."
)
@click.option("--json", "as_json", is_flag=True)
def calibrate(
    file: Path,
    negatives: tuple[Path, ...],
    data: Path | None,
    split: str,
    fa_per_hour: float,
    output: Path | None,
    as_json: bool,
) -> None:
    """Set the threshold of a model from recordings of the place where it will listen.

    The threshold is stored in the model file with the evidence behind it; `listen` and `detect`
    take it from there. The more hours without the keyword, the surer: an evening of your own
    living room is worth more than any corpus.

    \b
    Examples:
      wakeword calibrate alexa.wakeword --negatives evenings/ --fa-per-hour 0.2
      wakeword calibrate alexa.wakeword --data recordings/ -o calibrated.wakeword
    """
    model = load_model(file)
    target = output or file
    storage.check_writable(target)
    dataset = Dataset(file.parent, "recordings")
    if data:
        dataset = select_keywords(assign_splits(read_dataset(data)), model.keywords).subset(split)
    more = tuple(Clip(path) for folder in negatives for path in find_recordings(folder))
    dataset = replace(dataset, negatives=(*dataset.negatives, *more))
    if not dataset.negatives:
        raise ManifestError("nothing to calibrate on: give --negatives FOLDER, --data, or both.")
    library = ClipLoader()
    with progress_display() as progress:
        words = [
            positive_stream(dataset, condition)
            for condition in (CLEAN, noisy(10.0))
            if dataset.keywords
        ]
        heard, *said = score_streams(model, [negative_stream(dataset), *words], library, progress)
    clips = (*dataset.negatives, *dataset.noises)
    check_broken(len(library.broken), len(clips) + len(dataset.keywords), library.broken)
    point, found = calibrate_scores(model, heard, said, fa_per_hour)
    told = threshold_provenance(
        fa_per_hour,
        heard.hours,
        f"of {len(clips)} recordings (SHA-256 {_hash(clips)}), {date.today().isoformat()}",
    )
    model.operating_point = replace(point, provenance=told)
    save_model(model, target)
    if as_json:
        table = {word: {**c.__dict__, "expected": c.expected.__dict__} for word, c in found.items()}
        click.echo(json.dumps({"model": str(target), "evidence": told, "keywords": table}))
        return
    console = stdout_console()
    for word, c in found.items():
        beyond = ", above every event in these hours" if c.extrapolated else ""
        console.print(
            f"'{word}': threshold {c.threshold:.4f}{beyond}; {c.counted} false accepts in "
            f"{c.hours:.2f} h; {c.expected.value:.2f} per hour expected, and between "
            f"{c.expected.low:.2f} and {c.expected.high:.2f} in as many hours again (95 %)",
            highlight=False,
        )
    console.print(
        f"smoothing {point.smoothing_s:g} s, refractory {point.refractory_s:g} s; {told}",
        highlight=False,
    )
    console.print(f"wrote {target}", highlight=False)


def _hash(clips: Sequence[Clip]) -> str:
    """Of the bytes of all recordings, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted({clip.path for clip in clips}):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
