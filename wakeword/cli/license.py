"""`wakeword license`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from wakeword import runtime
from wakeword.errors import CheckpointError
from wakeword.model.file import load_model
from wakeword.model.provenance import licence_notice


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Everything that is recorded, as JSON.")
def license(file: Path, as_json: bool) -> None:
    """Say what FILE was made of, and under which licences: encoder, recordings, noise.

    Licences of recordings are those that the data stated: a column `licence` of its manifest.

    \b
    Examples:
      wakeword license alexa.wakeword > NOTICE
      wakeword license alexa.onnx --json
    """
    if file.suffix == ".onnx":
        origin = dict(runtime.load(file).about["origin"])
    else:
        origin = asdict(load_model(file).origin)
    try:
        text = json.dumps(origin, indent=1) if as_json else licence_notice(origin).rstrip()
    except (AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{file}: what it says of its origin does not fit together ({error}). "
            "Train it again, or use the version of wakeword that wrote it."
        ) from error
    click.echo(text)
