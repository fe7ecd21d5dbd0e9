"""`wakeword status`."""

from __future__ import annotations

import asyncio

import click

from wakeword.cli import options
from wakeword.errors import ConfigError


@click.command()
@options.option("--host", default="127.0.0.1", show_default=True, help="Address of the server.")
@options.option(
    "--port",
    default=10400,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port of the Wyoming server.",
)
@options.option(
    "--timeout",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0.0, min_open=True),
    help="Seconds to wait for the answer.",
)
def status(host: str, port: int, timeout: float) -> None:
    """Ask a running Wyoming server which keywords it detects.

    Exits with code 2 where no server answers, so that it serves as a health check, and where the
    server refuses this machine. Needs the extra 'serve'.

    \b
    Examples:
      wakeword status
      wakeword status --host 192.168.1.30
    """
    try:
        from wakeword.serve.client import request_info
    except ImportError as error:
        raise ConfigError(
            f"asking a server needs {error.name or error}, which is not installed here: "
            "pip install wyoming"
        ) from error
    programs = asyncio.run(request_info(host, port, timeout)).wake
    if not programs:
        raise ConfigError(f"{host}:{port}: a Wyoming server, but it detects no wake words.")
    for program in programs:
        names = ", ".join(model.name for model in program.models)
        click.echo(f"{names} at tcp://{host}:{port} ({program.name} {program.version or ''})")
