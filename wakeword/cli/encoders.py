"""`wakeword encoders`."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click
from rich.table import Table

from wakeword.cli.console import progress_display, stdout_console
from wakeword.encoders.registry import (
    build_encoder,
    encoder_spec,
    list_encoders,
    locate_weights,
    streaming_modes,
)
from wakeword.evaluation import benchmark
from wakeword.parallel import single_threaded

PERMISSIVE = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0")


@click.command()
@click.argument("names", nargs=-1)
@click.option("--measure", is_flag=True, help="Run each: size, look-ahead, real-time factor.")
@click.option("--permissive-only", is_flag=True, help=f"Only those under {', '.join(PERMISSIVE)}.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of a table.")
def encoders(names: tuple[str, ...], measure: bool, permissive_only: bool, as_json: bool) -> None:
    """List the pretrained encoders, and which of them are at hand.

    Beside these, `hf:` and an id or folder names any Hugging Face encoder that takes in the sound
    itself. With --measure each is run for 8 s of noise on one thread, 80 ms at a time, with random
    weights, which cost the same: compare the real-time factors of one run.

    \b
    Examples:
      wakeword encoders
      wakeword encoders --permissive-only --measure
      wakeword encoders moonshine-tiny hf:facebook/hubert-base-ls960 --measure
    """
    specs = [encoder_spec(name) for name in names] or list_encoders()
    if permissive_only:
        permissive = [licence.casefold() for licence in PERMISSIVE]
        specs = [each for each in specs if each.licence.casefold() in permissive]
    rows: list[dict[str, Any]] = []
    with progress_display() as progress, single_threaded():
        for number, each in enumerate(specs, 1):
            row = {**dataclasses.asdict(each), "at_hand": locate_weights(each.name)}
            row["streaming"] = list(streaming_modes(each.name))
            if measure:
                progress("measuring", number, len(specs))
                row |= dataclasses.asdict(benchmark.measure_encoder(build_encoder(each.name)))
            rows.append(row)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(title="Pretrained encoders")
    table.add_column("name", no_wrap=True)
    for heading in ("trained on", "licence", "layers × dim", "frames/s", "streamed"):
        table.add_column(heading)
    for heading in ("M parameters", "look-ahead", "real-time factor") if measure else ():
        table.add_column(heading, justify="right")
    table.add_column("at hand")
    for row in rows:
        costs: tuple[str, ...] = ()
        if measure:
            costs = (
                f"{row['parameters'] / 1e6:.1f}",
                f"{row['look_ahead_ms']:.0f} ms",
                f"{row['real_time_factor']:.4f}",
            )
        table.add_row(
            row["name"],
            row["trained_on"],
            row["licence"],
            f"{row['layers']} × {row['dim']}",
            f"{row['frame_rate_hz']:.3g}",
            " or ".join(row["streaming"]),
            *costs,
            row["at_hand"] or _where(row),
        )
    stdout_console().print(table)


def _where(row: dict[str, Any]) -> str:
    if row["sources"] or row["family"] == "huggingface":
        return "downloaded when first used"
    return "train it: recipes/pretrain" if row["family"] == "compact" else "give it: --weights"
