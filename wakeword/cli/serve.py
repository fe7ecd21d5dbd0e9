"""`wakeword serve`."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wakeword.cli import opening
from wakeword.errors import ConfigError
from wakeword.serve.words import Words

if TYPE_CHECKING:
    from wakeword.serve.wyoming import Network, Server

_LOOPBACK = ("127.0.0.0/8", "::1/128")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=10400, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--allow",
    multiple=True,
    metavar="ADDRESS",
    help="Who may connect beside this machine: 192.168.1.20, 192.168.1.0/24; may be repeated.",
)
@click.option("--threshold", type=click.FloatRange(0.0, 1.0), help="Instead of the models' own.")
@click.option("--clients", default=100, show_default=True, type=click.IntRange(1), help="At once.")
@click.option("--idle", default=300.0, show_default=True, help="Seconds until who is silent goes.")
def serve(
    files: tuple[Path, ...],
    host: str,
    port: int,
    allow: tuple[str, ...],
    threshold: float | None,
    clients: int,
    idle: float,
) -> None:
    """Hear for others: a Wyoming server, for Home Assistant and its satellites.

    FILES are models, or exported ones (.onnx). In Home Assistant, add the integration "Wyoming
    Protocol" with this machine's address and port; every keyword of every file is then a wake word
    to choose. Needs the extra 'serve'.

    \b
    Examples:
      wakeword serve alexa.wakeword computer.onnx
      wakeword serve alexa.wakeword --host 0.0.0.0 --allow 192.168.1.20
    """
    try:
        from wakeword.serve.wyoming import Limits, Server
    except ImportError as error:
        raise ConfigError(
            f'{error}: serving needs an extra. Install it: pip install "wakeword[serve]"'
        ) from error
    if not allow and not _is_loopback(host):
        raise ConfigError(
            f"--host {host}: reachable from other machines, and Wyoming knows no passwords. "
            "Say who may connect: --allow 192.168.1.20, or a network, --allow 192.168.1.0/24."
        )
    words = Words({file: opening.source(file, threshold) for file in files})
    networks = [_network(each) for each in (*_LOOPBACK, *allow)]
    server = Server(words, networks, Limits(clients=clients, idle_s=idle))
    with suppress(KeyboardInterrupt):
        asyncio.run(_until_stopped(server, host, port, ", ".join(words.names)))


async def _until_stopped(server: Server, host: str, port: int, names: str) -> None:
    listening = await server.start(host, port)
    at = listening.sockets[0].getsockname()
    click.echo(f"hearing {names} at tcp://{at[0]}:{at[1]}; stop with Ctrl+C")
    stopped = asyncio.Event()
    with suppress(NotImplementedError):  # Windows has none: Ctrl+C alone
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    try:
        await stopped.wait()
    finally:
        await server.stop(listening)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _network(given: str) -> Network:
    try:
        return ipaddress.ip_network(given, strict=False)
    except ValueError as error:
        raise ConfigError(f"--allow {given}: expected an address or a network.") from error
