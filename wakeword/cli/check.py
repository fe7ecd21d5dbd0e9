"""`wakeword check`."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wakeword.cli import options
from wakeword.cli.console import progress_display
from wakeword.data.check import CheckReport, Finding, SplitSummary, check_dataset
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits

_SHOWN_FILES = 5


@click.command()
@click.argument("data", type=click.Path())
@options.keywords("every label in DATA")
@options.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
def check(data: str, keywords: tuple[str, ...], as_json: bool) -> None:
    """Report what is in DATA, and the problems that would harm training on it.

    DATA is a folder (one folder per keyword, Precise, Kaldi, CSV tables) or a manifest (JSONL,
    CSV). Every clip is decoded. Where no splits are stated, they are assigned as for training.
    Without --keyword, every label counts as a keyword.

    Exits with 2 when a problem would harm training, else with 0.

    \b
    Examples:
      wakeword check recordings/
      wakeword check recordings/ --keyword computer --keyword jarvis
      wakeword check train.jsonl --json > report.json
    """
    with progress_display() as progress:
        dataset = assign_splits(read_dataset(data), progress=progress)
        report = check_dataset(dataset, keywords or None, progress=progress)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
    else:
        _print_report(report, Console())
    if report.errors:
        sys.exit(2)


def _print_report(report: CheckReport, console: Console) -> None:
    console.print(f"{report.root}: {report.layout}", markup=False, soft_wrap=True)
    console.print(_table(report))
    for note in report.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    for finding in report.findings:
        _print_finding(finding, console)
    warnings = len(report.findings) - report.errors
    console.print(f"{report.errors} error(s), {warnings} warning(s).", markup=False)


def _table(report: CheckReport) -> Table:
    table = Table()
    for name in ("split", "clips of"):
        table.add_column(name)
    for name in ("clips", "min", "speakers", "kHz", "clipped", "silent", "broken"):
        table.add_column(name, justify="right")
    for row in report.rows:
        table.add_row(
            row.split,
            escape(row.label or row.role),
            str(row.clips),
            f"{row.seconds / 60:.1f}",
            str(row.speakers or "-"),
            _format_rates(row),
            *(str(count or "-") for count in (row.clipped, row.silent, row.broken)),
        )
    return table


def _format_rates(row: SplitSummary) -> str:
    """Format sample rates in kHz, with the channels where a file is not mono."""
    rates = ", ".join(f"{rate / 1000:g}" for rate in row.rates)
    several = [str(count) for count in row.channels if count != 1]
    return f"{rates} ({', '.join(several)} ch)" if several else rates


def _print_finding(finding: Finding, console: Console) -> None:
    colour = "red" if finding.severity == "error" else "yellow"
    console.print(
        f"[{colour}]{finding.severity}[/{colour}] {escape(finding.message)} "
        f"{escape(finding.remedy)}",
        highlight=False,
        soft_wrap=True,
    )
    for file in finding.files[:_SHOWN_FILES]:
        console.print(f"    {file}", markup=False, highlight=False, soft_wrap=True)
    if len(finding.files) > _SHOWN_FILES:
        console.print(f"    and {len(finding.files) - _SHOWN_FILES} more (all with --json)")
