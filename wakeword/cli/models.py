"""`wakeword models`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from wakeword.cli import options
from wakeword.cli.console import print_results
from wakeword.evaluation.report.format import format_file_size
from wakeword.ready_models import ready_models


@click.command()
@options.as_json
def models(as_json: bool) -> None:
    """List the ready models, which come with the package.

    Their names stand for model files: `wakeword listen computer`. Each is a head over
    `wakeword-stream`, trained on some 200 clips of its keyword. False accepts and misses are those
    of other speakers' recordings, at the model's threshold. A model that you train yourself has two
    stages and misses far less in noise: see `wakeword train`.

    \b
    Examples:
      wakeword models
      wakeword listen computer
      wakeword serve computer jarvis
      wakeword info computer
    """
    rows = [_row(name, file) for name, file in ready_models().items()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        print_results(_table(rows))


def _row(name: str, file: Path) -> dict[str, Any]:
    from wakeword.model.file import read_metadata

    metadata = read_metadata(file)
    return {
        "name": name,
        "keywords": metadata["keywords"],
        "file": str(file),
        "size_bytes": file.stat().st_size,
        "encoder": metadata["origin"]["encoder"],
        "measured": metadata["made_by"]["measured"],
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Ready models")
    results = rows[0]["measured"]["results"] if rows else []
    conditions = (f"missed, {result['condition']}" for result in results)
    for heading in ("name", "size", "false accepts", *conditions):
        table.add_column(heading)
    for row in rows:
        measured = row["measured"]
        false_accepts = f"{measured['false_accepts']} in {measured['hours']} h"
        misses = (f"{each['missed']} of {each['clips']}" for each in measured["results"])
        table.add_row(row["name"], format_file_size(row["size_bytes"]), false_accepts, *misses)
    return table
