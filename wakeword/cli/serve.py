"""`wakeword serve`."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import ssl
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wakeword.cli import detector_factory
from wakeword.errors import ConfigError

if TYPE_CHECKING:
    from wakeword.serve.web import WebServer
    from wakeword.serve.wyoming import Network, WyomingServer

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
@click.option(
    "--web", type=click.IntRange(0, 65535), help="Port of a page with a microphone, and of /ws."
)
@click.option("--token", envvar="WAKEWORD_TOKEN", help="Who uses the web port must know.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="PEM file, for https and wss.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM file of its key.")
@click.option("--threshold", type=click.FloatRange(0.0, 1.0), help="Instead of the models' own.")
@detector_factory.speakers_option
@click.option("--clients", default=100, show_default=True, type=click.IntRange(1), help="At once.")
@click.option("--idle", default=300.0, show_default=True, help="Seconds until who is silent goes.")
def serve(
    files: tuple[Path, ...],
    host: str,
    port: int,
    allow: tuple[str, ...],
    web: int | None,
    token: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    threshold: float | None,
    only_voices: Path | None,
    clients: int,
    idle: float,
) -> None:
    """Hear for others: Wyoming, for Home Assistant and its satellites; and a websocket.

    FILES are models, or exported ones (.onnx). In Home Assistant, add the integration "Wyoming
    Protocol" with this machine's address and port; every keyword of every file is then a wake word
    to choose. --web adds a page that listens to the browser's microphone, the websocket behind it
    (/ws: 16-bit PCM in, JSON out), /health and /metrics. Needs the extra 'serve'.

    Off this machine, Wyoming hears only whom --allow names, the web port only who knows --token.

    \b
    Examples:
      wakeword serve alexa.wakeword computer.onnx --web 8080
      wakeword serve alexa.wakeword --host 0.0.0.0 --allow 192.168.1.20
    """
    try:
        from wakeword.serve.limits import ClientLimits
        from wakeword.serve.registry import ModelRegistry
        from wakeword.serve.web import WebServer
        from wakeword.serve.wyoming import WyomingServer
    except ImportError as error:
        raise ConfigError(
            f'{error}: serving needs an extra. Install it: pip install "wakeword[serve]"'
        ) from error
    if not _is_loopback(host):
        if not allow:
            raise ConfigError(
                f"--host {host}: reachable from other machines, and Wyoming knows no passwords. "
                "Say who may connect: --allow 192.168.1.20, or a network, --allow 192.168.1.0/24."
            )
        if web is not None and not token:
            raise ConfigError(
                f"--host {host} --web {web}: reachable from other machines. Choose a --token that "
                "they must know, or set WAKEWORD_TOKEN."
            )
    verify = detector_factory.open_verifier(only_voices)
    words = ModelRegistry(
        {file: detector_factory.open_detector_factory(file, threshold, verify) for file in files}
    )
    networks = [_network(each) for each in (*_LOOPBACK, *allow)]
    limits = ClientLimits(clients=clients, idle_s=idle)
    server = WyomingServer(words, networks, limits)
    site = None if web is None else (WebServer(words, token, limits), web, _tls(tls_cert, tls_key))
    with suppress(KeyboardInterrupt):
        asyncio.run(_until_stopped(server, site, host, port, ", ".join(words.keywords)))


async def _until_stopped(
    server: WyomingServer,
    site: tuple[WebServer, int, ssl.SSLContext | None] | None,
    host: str,
    port: int,
    names: str,
) -> None:
    stopped = asyncio.Event()
    with suppress(NotImplementedError):  # Windows has none: Ctrl+C alone
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with AsyncExitStack() as running:
        listening = await server.start(host, port)
        running.push_async_callback(server.stop, listening)
        at = listening.sockets[0].getsockname()
        click.echo(f"hearing {names} at tcp://{at[0]}:{at[1]}; stop with Ctrl+C")
        if site:
            runner, at_port = await site[0].start(host, site[1], site[2])
            running.push_async_callback(runner.cleanup)
            click.echo(f"page at {'https' if site[2] else 'http'}://{at[0]}:{at_port}/")
        await stopped.wait()


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # of which ssl.SSLError is one
        raise ConfigError(
            f"{certificate}: no certificate with its key can be read ({error}). Expected PEM files."
        ) from error
    return context


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
