"""The Wyoming server is found in the local network, and withdrawn when it stops."""

from __future__ import annotations

import asyncio
import socket
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from wakeword.cli import main
from wakeword.errors import ConfigError
from wakeword.serve.discovery import advertised

SERVICE_TYPE = "_wyoming._tcp.local."


class FakeZeroconf:
    """Stands for `zeroconf.asyncio.AsyncZeroconf`: keeps what is registered."""

    registered: list[Any]
    closed: int

    async def async_register_service(self, info: Any) -> None:
        FakeZeroconf.registered.append(info)

    async def async_close(self) -> None:
        FakeZeroconf.closed += 1


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeZeroconf]:
    pytest.importorskip("zeroconf", reason="pip install zeroconf")
    import wyoming.zeroconf

    FakeZeroconf.registered, FakeZeroconf.closed = [], 0
    monkeypatch.setattr(wyoming.zeroconf, "AsyncZeroconf", FakeZeroconf)
    return FakeZeroconf


def test_the_service_is_of_the_type_that_home_assistant_looks_for(fake: type[FakeZeroconf]) -> None:
    async def run() -> str:
        async with advertised("192.0.2.7", 10400) as name:
            assert fake.closed == 0
            return name

    name = asyncio.run(run())
    (info,) = fake.registered
    assert info.type == SERVICE_TYPE and info.name == f"{name}.{SERVICE_TYPE}"
    assert info.port == 10400 and info.addresses == [socket.inet_aton("192.0.2.7")]
    assert fake.closed == 1


def test_two_servers_of_a_machine_have_names_of_their_own_that_stay(
    fake: type[FakeZeroconf],
) -> None:
    async def run(port: int) -> str:
        async with advertised("192.0.2.7", port) as name:
            return name

    names = [asyncio.run(run(port)) for port in (10400, 10401, 10400)]
    assert names[0] == names[2] != names[1]


def test_without_a_network_the_error_says_so(
    fake: type[FakeZeroconf], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network() -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("wyoming.zeroconf.AsyncZeroconf", no_network)

    async def run() -> None:
        async with advertised("192.0.2.7", 10400):
            pass

    with pytest.raises(ConfigError, match=r"Network is unreachable.*Leave out --zeroconf"):
        asyncio.run(run())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)

    async def run() -> None:
        async with advertised("192.0.2.7", 10400):
            pass

    with pytest.raises(ConfigError, match="pip install zeroconf"):
        asyncio.run(run())


def test_a_browser_finds_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the loopback interface alone, so that nothing leaves this machine."""
    zeroconf = pytest.importorskip("zeroconf", reason="pip install zeroconf")
    import wyoming.zeroconf
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    def on_loopback() -> Any:
        return AsyncZeroconf(interfaces=["127.0.0.1"])

    monkeypatch.setattr(wyoming.zeroconf, "AsyncZeroconf", on_loopback)

    async def look_up(name: str) -> SimpleNamespace | None:
        browser = on_loopback()
        info = AsyncServiceInfo(SERVICE_TYPE, f"{name}.{SERVICE_TYPE}")
        found = await info.async_request(browser.zeroconf, 10_000)
        await browser.async_close()
        return info if found else None

    async def run() -> Any:
        async with advertised("127.0.0.1", 10400) as name:
            return await look_up(name)

    try:
        info = asyncio.run(run())
    except (ConfigError, OSError, zeroconf.Error) as error:
        pytest.skip(f"no multicast here: {error}")
    if info is None:
        pytest.skip("multicast is not delivered on the loopback interface here")
    assert info.port == 10400 and info.parsed_addresses() == ["127.0.0.1"]


def test_advertising_a_server_that_nobody_can_reach_is_refused() -> None:
    result = CliRunner().invoke(main, ["serve", "alexa.onnx", "--zeroconf"])
    assert result.exit_code == 2
    assert "Add --host 0.0.0.0" in " ".join(result.output.split())
