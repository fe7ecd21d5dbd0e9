"""`wakeword eval`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from wakeword.cli import options
from wakeword.cli.console import format_percent, progress_display, stdout_console
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.evaluation import metrics
from wakeword.evaluation.compare import compare_evaluations
from wakeword.evaluation.conditions import all_conditions, conditions_by_name
from wakeword.evaluation.evaluate import (
    evaluate,
    latency_percentiles,
    miss_rate_estimate,
    misses_by_speaker,
    speaker_bootstrap,
)
from wakeword.evaluation.results import FALSE_ACCEPT_RATES, Evaluation, KeywordResult
from wakeword.model.file import load_model
from wakeword.model.network import WakeWordModel
from wakeword.parallel import executor_for


@click.command(name="eval")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--split", default="dev", show_default=True, help="dev or test.")
@click.option(
    "--condition",
    "names",
    multiple=True,
    help="Such as 'clean', '5 dB', 'far room'; may be repeated.  [default: all there is sound for]",
)
@click.option("--by-noise", is_flag=True, help="Also each kind of noise by itself.")
@click.option(
    "--compare",
    "other",
    type=click.Path(path_type=Path),
    help="A second model to hear the same streams, with a paired test.",
)
@click.option("--picture", type=click.Path(path_type=Path), help="Write the DET curve as PNG.")
@click.option("--report", type=click.Path(path_type=Path), help="Write all of it as one HTML page.")
@click.option("--json", "as_json", is_flag=True, help="All points as JSON.")
@options.ray
def eval_(
    file: Path,
    data: Path,
    split: str,
    names: tuple[str, ...],
    by_noise: bool,
    other: Path | None,
    picture: Path | None,
    report: Path | None,
    as_json: bool,
    ray: str | None,
) -> None:
    """Measure a model on the held-out part of DATA, as streams, event by event.

    Every keyword clip is heard in quiet, in noise, in rooms, quietly and through a narrow band;
    all other clips of the split make the stream on which false accepts are counted. Of these, what
    has the source "near-miss" (it sounds nearly like the keyword) is heard and counted apart.

    \b
    Examples:
      wakeword eval alexa.wakeword recordings/
      wakeword eval alexa.wakeword recordings/ --condition clean --condition "0 dB"
      wakeword eval alexa.wakeword recordings/ --report alexa.html
      wakeword eval new.wakeword recordings/ --compare old.wakeword
    """
    model = load_model(file)
    rival = load_model(other) if other else None
    dataset = assign_splits(read_dataset(data))
    asked = (
        conditions_by_name(names, dataset)
        if names
        else all_conditions(dataset.subset(split), by_noise=by_noise)
    )
    with executor_for(ray) as spread, progress_display() as progress:

        def measured(of: WakeWordModel) -> Evaluation:
            return evaluate(
                of, dataset, split=split, conditions=asked, progress=progress, spread=spread
            )

        result = measured(model)
        second = measured(rival) if rival else None
    if picture:
        from wakeword.evaluation.report.plots import save_det_plot

        save_det_plot(result, picture)
    if report:
        from wakeword.evaluation.report.html import write_html_report

        against = (other.name, second) if second and other else None
        write_html_report(file.name, result, report, against)
    if as_json:
        table = _as_json(result)
        if second:
            table["compared"] = [each.__dict__ for each in compare_evaluations(result, second)]
        click.echo(json.dumps(table, indent=2))
        return
    _print(result)
    if second and other:
        _print_compared(file.name, result, other.name, second)
    for path in (picture, report):
        if path:
            stdout_console().print(f"wrote {path}", highlight=False)


def _print(result: Evaluation) -> None:
    console = stdout_console()
    console.print(_table(result))
    if result.sources:
        console.print(_sources(result))
    for near in result.near_misses:
        console.print(
            f"near-misses: {near.fired} of {near.clips} clips that sound nearly like "
            f"'{near.keyword}' set it off as shipped: {format_percent(near.rate.value)} "
            f"({100 * near.rate.low:.1f}–{100 * near.rate.high:.1f})",
            highlight=False,
        )
    bound = metrics.poisson(0, result.negative_hours).high
    console.print(
        f"{result.negative_hours:.2f} h of negatives: no false accept in them bounds the rate at "
        f"{bound:.2f} per hour (95 %), no lower. Rates below one event in these hours are not "
        "given.",
        highlight=False,
    )
    for accept in result.false_accepts[:10]:
        console.print(
            f"false accept: '{accept.keyword}' ({accept.score:.3f}) in {accept.clip.path.name}",
            highlight=False,
        )
    for note in result.notes:
        console.print(f"note: {note}", highlight=False)


def _table(result: Evaluation) -> Table:
    table = Table(title="Miss rate (95 % interval) at false accepts per hour")
    table.add_column("keyword")
    table.add_column("heard")
    table.add_column("clips", justify="right")
    for rate in FALSE_ACCEPT_RATES:
        table.add_column(f"{rate:g}/h")
    table.add_column("as shipped")
    table.add_column("latency p50, p95")
    for row in result.rows:
        cells = [cell(result, row, rate) for rate in FALSE_ACCEPT_RATES]
        table.add_row(
            row.keyword, row.condition, str(row.clips), *cells, _shipped(row), _latency(row)
        )
    return table


def cell(result: Evaluation, row: KeywordResult, per_hour: float) -> str:
    """A miss rate with its interval, or why there is none."""
    point = dict(row.at)[per_hour]
    if not result.supports(per_hour):
        return f"needs {1 / per_hour:g} h"
    if point is None:
        return "–"
    rate = miss_rate_estimate(point)
    return f"{format_percent(rate.value)} ({100 * rate.low:.1f}–{100 * rate.high:.1f})"


def _shipped(row: KeywordResult) -> str:
    point = row.shipped
    rate = metrics.poisson(point.false_accepts, point.hours)
    return (
        f"{format_percent(point.miss_rate)} at {rate.value:.2f}/h "
        f"({rate.low:.2f}–{rate.high:.2f}), threshold {point.threshold:.4f}"
    )


def _latency(row: KeywordResult) -> str:
    found = latency_percentiles(row)
    return "–" if found is None else f"{1000 * found[0]:.0f}, {1000 * found[1]:.0f} ms"


def _sources(result: Evaluation) -> Table:
    table = Table(title="False accepts at the shipped threshold by source of negatives")
    for name in ("source", "clips", "hours", "false accepts", "clips that set it off"):
        table.add_column(name, justify="left" if name == "source" else "right")
    for source in result.sources:
        fired = format_percent(source.fired / source.clips)
        table.add_row(
            source.name,
            str(source.clips),
            f"{source.hours:.2f}",
            str(source.false_accepts),
            f"{source.fired} ({fired})",
        )
    return table


def _print_compared(name: str, result: Evaluation, other: str, second: Evaluation) -> None:
    table = Table(title=f"{name} against {other} at 0.5 false accepts per hour")
    for column in ("keyword", "heard", f"only {name} missed", f"only {other} missed", "p"):
        table.add_column(column)
    for each in compare_evaluations(result, second):
        table.add_row(
            each.keyword,
            each.condition,
            str(each.only_first),
            str(each.only_second),
            f"{each.p:.3f}",
        )
    stdout_console().print(table)


def _as_json(result: Evaluation) -> dict[str, Any]:
    def point(p: metrics.DetPoint | None) -> dict[str, Any] | None:
        if p is None:
            return None
        rate = miss_rate_estimate(p)
        false_accepts = metrics.poisson(p.false_accepts, p.hours)
        return {
            "threshold": p.threshold,
            "missed": p.missed,
            "clips": p.spoken,
            "miss_rate": p.miss_rate,
            "miss_rate_interval": [rate.low, rate.high],
            "false_accepts": p.false_accepts,
            "false_accepts_per_hour": p.false_accepts_per_hour,
            "false_accepts_per_hour_interval": [false_accepts.low, false_accepts.high],
        }

    def at(row: KeywordResult, rate: float, p: metrics.DetPoint | None) -> dict[str, Any] | None:
        found = point(p)
        speakers = speaker_bootstrap(row, rate)
        if found and speakers:
            found["miss_rate_interval_speakers"] = [speakers.low, speakers.high]
        return found

    rows = [
        {
            "keyword": row.keyword,
            "condition": row.condition,
            "at_false_accepts_per_hour": {
                f"{rate:g}": at(row, rate, p) for rate, p in row.at if result.supports(rate)
            },
            "shipped": point(row.shipped),
            "latency_s": latency_percentiles(row),
            "speakers": misses_by_speaker(row),
            "curve": [point(p) for p in row.curve],
        }
        for row in result.rows
    ]
    return {
        "negative_hours": result.negative_hours,
        "notes": result.notes,
        "rows": rows,
        "sources": [source.__dict__ for source in result.sources],
        "near_misses": [near.__dict__ for near in result.near_misses],
        "false_accepts": [
            {
                "keyword": accept.keyword,
                "time": round(accept.time_s, 3),
                "score": accept.score,
                "file": str(accept.clip.path),
            }
            for accept in result.false_accepts
        ],
    }
