"""Advertise a Wyoming server in the local network, where Home Assistant discovers it (zeroconf)."""

from __future__ import annotations

import ipaddress
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wakeword.errors import ConfigError

_log = logging.getLogger(__name__)


@asynccontextmanager
async def advertised(host: str, port: int) -> AsyncIterator[str]:
    """Advertise a server within this context.

    Home Assistant knows a server that it has seen before by its name, which is made of the
    machine's hardware address and the port.

    Args:
        host: address that the server listens on; of an IPv4 address, that one is advertised, of
            any other the address by which this machine reaches its network.
        port: of the server.

    Yields:
        The name of the service.

    Raises:
        ConfigError: the package zeroconf is not installed, or there is no network.
    """
    try:
        import zeroconf
        from wyoming.zeroconf import HomeAssistantZeroconf
    except ImportError:
        raise ConfigError(
            "--zeroconf needs zeroconf, which is not installed here: pip install zeroconf"
        ) from None
    name = f"wakeword-{uuid.getnode():012x}-{port}"
    try:
        advertisement = HomeAssistantZeroconf(port, name, _ipv4_address(host))
        await advertisement.register_server()
    except (OSError, zeroconf.Error) as error:
        reason = str(error) or type(error).__name__
        raise ConfigError(
            f"the server cannot be advertised in the local network ({reason}). Leave out "
            "--zeroconf, and enter its address in Home Assistant."
        ) from error
    _log.info("advertised in the local network as %s", name)
    try:
        yield name
    finally:
        await advertisement._aiozc.async_close()  # withdraws the service; has no public method


def _ipv4_address(host: str) -> str | None:
    """Return the address to advertise; None where the host does not name a single one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return None if address.version == 6 or address.is_unspecified else host
