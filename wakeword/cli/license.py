"""`wakeword license`: the licences alone, as part of `wakeword info` shows them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wakeword.cli import options
from wakeword.cli.info import read_info


@click.command(hidden=True)
@options.model_argument
@options.option("--json", "as_json", is_flag=True, help="Print all that is recorded, as JSON.")
def license(file: Path, as_json: bool) -> None:
    """Print what FILE was made from, and under which licences; see `wakeword info`.

    \b
    Examples:
      wakeword license alexa.wakeword > NOTICE
      wakeword license alexa.onnx --json
    """
    info = read_info(file)
    click.echo(json.dumps(info.origin, indent=1) if as_json else info.notice.rstrip())
