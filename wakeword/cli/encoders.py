"""`wakeword encoders`."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from wakeword.cli import options
from wakeword.cli.console import print_results, progress_display
from wakeword.parallel import single_threaded

if TYPE_CHECKING:
    from wakeword.encoders.spec import EncoderSpec

PERMISSIVE = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0")


@click.command()
@click.argument("names", nargs=-1)
@options.option(
    "--measure", is_flag=True, help="Measure parameters, look-ahead and real-time factor."
)
@options.option(
    "--permissive-only", is_flag=True, help=f"List only licences {', '.join(PERMISSIVE)}."
)
@options.as_json
def encoders(names: tuple[str, ...], measure: bool, permissive_only: bool, as_json: bool) -> None:
    """List the pretrained encoders, and where their weights are.

    Besides these, `hf:` and an id or folder names any Hugging Face encoder that takes waveforms.
    With --measure each is run on 8 s of noise on one thread, 80 ms at a time, with random weights,
    which cost the same: compare the real-time factors of one run.

    \b
    Examples:
      wakeword encoders
      wakeword encoders --permissive-only --measure
      wakeword encoders moonshine-tiny hf:facebook/hubert-base-ls960 --measure
    """
    from wakeword.encoders.registry import encoder_spec, list_encoders

    specs = [encoder_spec(name) for name in names] or list_encoders()
    if permissive_only:
        permissive = [licence.casefold() for licence in PERMISSIVE]
        specs = [spec for spec in specs if spec.licence.casefold() in permissive]
    rows = []
    with progress_display() as progress, single_threaded():
        for number, spec in enumerate(specs, 1):
            if measure:
                progress("measuring", number, len(specs))
            rows.append(_row(spec, measure))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        print_results(_table(rows, measure))


def _row(spec: EncoderSpec, measure: bool) -> dict[str, Any]:
    from wakeword.encoders.registry import build_encoder, locate_weights, streaming_modes

    row = {**dataclasses.asdict(spec), "at_hand": locate_weights(spec.name)}
    row["streaming"] = list(streaming_modes(spec.name))
    if measure:
        from wakeword.evaluation import benchmark

        row |= dataclasses.asdict(benchmark.measure_encoder(build_encoder(spec.name)))
    return row


def _table(rows: list[dict[str, Any]], measured: bool) -> Table:
    from wakeword.encoders.registry import how_to_get_weights

    table = Table(title="Pretrained encoders")
    table.add_column("name", no_wrap=True)
    for heading in ("trained on", "licence", "layers × dim", "frames/s", "streaming"):
        table.add_column(heading)
    for heading in ("M parameters", "look-ahead", "real-time factor") if measured else ():
        table.add_column(heading, justify="right")
    table.add_column("weights")
    for row in rows:
        costs: tuple[str, ...] = ()
        if measured:
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
            row["at_hand"] or how_to_get_weights(row["name"]),
        )
    return table
