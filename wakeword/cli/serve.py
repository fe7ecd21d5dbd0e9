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

from wakeword.cli import options
from wakeword.cli.console import log_activity
from wakeword.cli.detector_factory import open_detector_factory, open_verifier
from wakeword.errors import ConfigError

if TYPE_CHECKING:
    from wakeword.serve.web import WebServer
    from wakeword.serve.wyoming import Network, WyomingServer

_LOOPBACK = ("127.0.0.0/8", "::1/128")


@click.command()
@click.argument("files", nargs=-1, required=True, type=options.MODEL)
@options.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@options.option(
    "--port",
    default=10400,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port of the Wyoming server.",
)
@options.option(
    "--allow",
    multiple=True,
    metavar="ADDRESS",
    help="Other machines that may connect: 192.168.1.20, 192.168.1.0/24; may be repeated.",
)
@options.option(
    "--zeroconf",
    is_flag=True,
    help="Advertise the Wyoming server in the local network: Home Assistant discovers it.",
)
@options.option(
    "--web",
    type=click.IntRange(0, 65535),
    help="Port of the web server: test page, WebSocket (/ws), /health, /metrics.",
)
@options.option(
    "--token", envvar="WAKEWORD_TOKEN", help="Token that clients of the web port must send."
)
@options.option("--tls-cert", type=options.PATH, help="Certificate (PEM), for https and wss.")
@options.option("--tls-key", type=options.PATH, help="Private key of the certificate (PEM).")
@options.threshold
@options.speakers
@options.option(
    "--max-clients",
    default=100,
    show_default=True,
    type=click.IntRange(1),
    help="Simultaneous clients of each protocol.",
)
@options.option(
    "--idle-timeout", default=300.0, show_default=True, help="Client idle timeout in seconds."
)
@options.option(
    "--arbitration",
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(0.0, 10.0),
    help="Where several Wyoming clients detect the same keyword within this time, send the "
    "detection to the one with the highest score alone; each waits so long. 0 sends all at once.",
)
def serve(
    files: tuple[Path, ...],
    host: str,
    port: int,
    allow: tuple[str, ...],
    zeroconf: bool,
    web: int | None,
    token: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    threshold: float | None,
    speakers: Path | None,
    max_clients: int,
    idle_timeout: float,
    arbitration: float,
) -> None:
    """Run a Wyoming server, for Home Assistant and its satellites, and a WebSocket server.

    FILES are models, exported ones (.onnx), or folders, which stand for the exported models in
    them. In Home Assistant, add the integration "Wyoming Protocol" with this machine's address and
    port; every keyword of every file is then a wake word to choose. --web adds a page that uses the
    browser's microphone, the WebSocket behind it (/ws: 16-bit PCM in, JSON out), /health and
    /metrics. Needs the extra 'serve', and --zeroconf the extra 'zeroconf'.

    Other machines may use the Wyoming port only where --allow names them, and the web port only
    with the --token.

    Connections, detections and refused requests are logged to stderr; `wakeword --quiet serve` logs
    errors alone.

    \b
    Examples:
      wakeword serve alexa.wakeword computer.onnx --web 8080
      wakeword serve alexa.wakeword --host 0.0.0.0 --allow 192.168.1.20 --zeroconf
    """
    try:
        from wakeword.serve.arbitration import Arbiter
        from wakeword.serve.limits import ClientLimits
        from wakeword.serve.registry import ModelRegistry
        from wakeword.serve.web import WebServer
        from wakeword.serve.wyoming import WyomingServer
    except ImportError as error:
        raise ConfigError(
            f"serving needs {error.name or error}, which is not installed here: "
            "pip install aiohttp prometheus-client wyoming"
        ) from error
    _check_access(host, allow, web, token)
    if zeroconf and _is_loopback(host):
        raise ConfigError(
            f"--zeroconf: other machines cannot reach --host {host}. Add --host 0.0.0.0, and "
            "--allow with the address of Home Assistant."
        )
    verify = open_verifier(speakers)
    models = ModelRegistry(
        {file: open_detector_factory(file, threshold, verify) for file in _model_files(files)}
    )
    limits = ClientLimits(clients=max_clients, idle_s=idle_timeout)
    networks = [_network(each) for each in (*_LOOPBACK, *allow)]
    arbiter = Arbiter(arbitration) if arbitration else None
    server = WyomingServer(models, networks, limits, arbiter)
    site = None
    if web is not None:
        site = (WebServer(models, token, limits), web, _tls(tls_cert, tls_key))
    log_activity()
    with suppress(KeyboardInterrupt):
        names = ", ".join(models.keywords)
        asyncio.run(_run_until_stopped(server, site, host, port, names, zeroconf))


def _model_files(given: tuple[Path, ...]) -> list[Path]:
    """Return the files, and in place of a folder the exported models in it."""
    files: list[Path] = []
    for path in given:
        if not path.is_dir():
            files.append(path)
            continue
        exported = sorted(path.glob("*.onnx"))
        if not exported:
            raise ConfigError(
                f"{path}: no exported model in this folder. Expected files written by `wakeword "
                "export` (.onnx); name models of other kinds one by one."
            )
        files += exported
    return files


def _check_access(host: str, allow: tuple[str, ...], web: int | None, token: str | None) -> None:
    """Refuse to be reachable from other machines without --allow and --token."""
    if _is_loopback(host):
        return
    if not allow:
        raise ConfigError(
            f"--host {host}: reachable from other machines, and Wyoming has no passwords. "
            "Name the clients that may connect: --allow 192.168.1.20, or a network, "
            "--allow 192.168.1.0/24."
        )
    if web is not None and not token:
        raise ConfigError(
            f"--host {host} --web {web}: reachable from other machines. Choose a --token that "
            "clients must send, or set WAKEWORD_TOKEN."
        )


async def _run_until_stopped(
    server: WyomingServer,
    site: tuple[WebServer, int, ssl.SSLContext | None] | None,
    host: str,
    port: int,
    names: str,
    zeroconf: bool,
) -> None:
    from wakeword.serve.discovery import advertised

    stopped = asyncio.Event()
    with suppress(NotImplementedError):  # Windows: Ctrl+C only
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with AsyncExitStack() as running:
        listening = await server.start(host, port)
        running.push_async_callback(server.stop, listening)
        address = listening.sockets[0].getsockname()
        if zeroconf:
            await running.enter_async_context(advertised(host, address[1]))
        click.echo(f"serving {names} at tcp://{address[0]}:{address[1]}; stop with Ctrl+C")
        if site:
            web_server, web_port, tls = site
            runner, bound_port = await web_server.start(host, web_port, tls)
            running.push_async_callback(runner.cleanup)
            click.echo(f"page at {'https' if tls else 'http'}://{address[0]}:{bound_port}/")
        await stopped.wait()


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            raise ConfigError(f"--tls-key {key}: a key without a certificate. Add --tls-cert.")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # includes ssl.SSLError
        raise ConfigError(
            f"{certificate}: no certificate with its key can be read ({error}). Expected PEM "
            "files: the certificate, and its key there or in --tls-key."
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
