"""`wakeword encoders`."""

from __future__ import annotations

import dataclasses
import json

import click
from rich.table import Table

from wakeword.cli import show
from wakeword.encoders import is_at_hand, list_encoders


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of a table.")
def encoders(as_json: bool) -> None:
    """List the pretrained encoders, and which of them are at hand.

    \b
    Example:
      wakeword encoders
    """
    specs = list_encoders()
    if as_json:
        rows = [{**dataclasses.asdict(spec), "at_hand": is_at_hand(spec.name)} for spec in specs]
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(title="Pretrained encoders")
    for heading in ("name", "trained on", "licence", "layers × dim", "frames/s", "at hand"):
        table.add_column(heading)
    for spec in specs:
        table.add_row(
            spec.name,
            spec.trained_on,
            spec.licence,
            f"{spec.layers} × {spec.dim}",
            f"{spec.frame_rate_hz:g}",
            is_at_hand(spec.name)
            or ("downloaded when first used" if spec.sources else "train it: recipes/pretrain"),
        )
    show.console().print(table)
