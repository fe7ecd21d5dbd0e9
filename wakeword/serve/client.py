"""Ask a running Wyoming server what it offers: a health check that uses the protocol itself."""

from __future__ import annotations

import asyncio

from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.info import Describe, Info

from wakeword.errors import ConfigError


async def request_info(host: str, port: int, timeout_s: float = 5.0) -> Info:
    """Connect to a server, of wakeword or any other, and ask it to describe itself.

    Args:
        host: address of the server.
        port: of the server.
        timeout_s: in which the answer must arrive.

    Raises:
        ConfigError: no Wyoming server answers there, or it refuses this machine.
    """
    try:
        return await asyncio.wait_for(_ask(host, port), timeout_s)
    except (OSError, asyncio.TimeoutError, ValueError) as error:
        reason = str(error) or f"nothing within {timeout_s:g} s"
        raise ConfigError(
            f"{host}:{port}: no answer from a Wyoming server ({reason}). Start one with "
            "`wakeword serve`, or give the --host and --port that it printed."
        ) from error


async def _ask(host: str, port: int) -> Info:
    async with AsyncTcpClient(host, port) as client:
        await client.write_event(Describe().event())
        while event := await client.read_event():
            if Info.is_type(event.type):
                return Info.from_event(event)
            if Error.is_type(event.type):
                raise ConfigError(f"{host}:{port}: {Error.from_event(event).text}")
    raise ConnectionError("the connection was closed")
