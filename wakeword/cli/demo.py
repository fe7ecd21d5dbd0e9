"""`wakeword demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from wakeword.cli import options
from wakeword.demo.dataset import KEYWORD


@click.command()
@options.option(
    "-o",
    "--output",
    default="out/demo",
    show_default=True,
    type=options.PATH,
    help="Output folder; results of an earlier run in it are used again.",
)
@options.option(
    "-k", "--keyword", default=KEYWORD, show_default=True, help="An English phrase to detect."
)
@options.seed
def demo(output: Path, keyword: str, seed: int) -> None:
    """Run the whole pipeline on synthetic speech, in a few minutes, without recordings.

    Synthesises a data set in many voices, trains on some of them, measures on the others, and
    listens to a recording of held-out voices. Needs the extra 'demo'. A run that was interrupted
    continues where it stopped.

    Exits with 1 when no keyword is detected in that recording.

    \b
    Examples:
      wakeword demo
      wakeword demo --keyword "okay nova" -o out/nova
    """
    from wakeword.cli.demo_steps import run_demo

    outcome = run_demo(output, keyword, seed)
    if not outcome.detected:
        click.echo(f"Nothing was detected in {output / 'held-out.flac'}.", err=True)
        sys.exit(1)
