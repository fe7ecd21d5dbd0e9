"""`wakeword eval`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from wakeword import model as models
from wakeword.cli import show
from wakeword.data import read_dataset
from wakeword.evaluation import metrics
from wakeword.evaluation.evaluate import PER_HOUR, Evaluation, Row, evaluate, interval


@click.command(name="eval")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True, help="dev or test.")
@click.option("--snr", "snr_db", multiple=True, type=float, default=(10.0,), show_default=True)
@click.option("--picture", type=click.Path(path_type=Path), help="Write the DET curve as PNG.")
@click.option("--json", "as_json", is_flag=True, help="All points as JSON.")
def eval_(
    file: Path,
    data: Path,
    split: str,
    snr_db: tuple[float, ...],
    picture: Path | None,
    as_json: bool,
) -> None:
    """Measure a model on the held-out part of DATA, as streams, event by event.

    Every keyword clip is heard in quiet and in noise at each --snr; all other clips of the split
    make the stream on which false accepts are counted.

    \b
    Examples:
      wakeword eval alexa.wakeword recordings/
      wakeword eval alexa.wakeword recordings/ --snr 10 --snr 0 --picture det.png
    """
    model = models.load(file)
    dataset = read_dataset(data)
    with show.progress() as progress:
        result = evaluate(model, dataset, split=split, snr_db=snr_db, progress=progress)
    if picture:
        from wakeword.evaluation.pictures import det_picture

        det_picture(result, picture)
    if as_json:
        click.echo(json.dumps(_as_json(result), indent=2))
        return
    console = show.console()
    console.print(_table(result))
    supported = metrics.poisson(0, result.negative_hours).high
    console.print(
        f"{result.negative_hours:.2f} h of negatives: no false accept in them bounds the rate at "
        f"{supported:.2f} per hour (95 %), no lower. Rates below one event in these hours are "
        "marked with *.",
        highlight=False,
    )
    for note in result.notes:
        console.print(f"note: {note}", highlight=False)
    if picture:
        console.print(f"wrote {picture}", highlight=False)


def _table(result: Evaluation) -> Table:
    table = Table(title="Miss rate (95 % interval) at false accepts per hour")
    table.add_column("keyword")
    table.add_column("heard")
    table.add_column("clips", justify="right")
    for rate in PER_HOUR:
        mark = "" if result.supports(rate) else "*"
        table.add_column(f"{rate:g}/h{mark}")
    table.add_column("as shipped")
    for row in result.rows:
        cells = [_cell(point) for _, point in row.at]
        table.add_row(row.keyword, row.condition, str(row.clips), *cells, _shipped(row))
    return table


def _cell(point: metrics.Point | None) -> str:
    if point is None:
        return "–"
    rate = interval(point)
    return f"{show.per_cent(rate.value)} ({100 * rate.low:.1f}–{100 * rate.high:.1f})"


def _shipped(row: Row) -> str:
    point = row.shipped
    return (
        f"{show.per_cent(point.miss_rate)} at {point.false_accepts_per_hour:.2f}/h, "
        f"threshold {point.threshold:.4f}"
    )


def _as_json(result: Evaluation) -> dict[str, Any]:
    def point(p: metrics.Point | None) -> dict[str, Any] | None:
        if p is None:
            return None
        rate = interval(p)
        return {
            "threshold": p.threshold,
            "missed": p.missed,
            "clips": p.spoken,
            "miss_rate": p.miss_rate,
            "miss_rate_interval": [rate.low, rate.high],
            "false_accepts": p.false_accepts,
            "false_accepts_per_hour": p.false_accepts_per_hour,
        }

    rows = [
        {
            "keyword": row.keyword,
            "condition": row.condition,
            "at_false_accepts_per_hour": {f"{rate:g}": point(p) for rate, p in row.at},
            "shipped": point(row.shipped),
            "curve": [point(p) for p in row.curve],
        }
        for row in result.rows
    ]
    return {"negative_hours": result.negative_hours, "notes": result.notes, "rows": rows}
