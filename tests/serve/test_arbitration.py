"""Of several clients that detect a keyword together, the one with the highest score gets it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tiny as tiny_family
from click.testing import CliRunner
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from wakeword.cli import main
from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.file import save_model
from wakeword.model.operating_point import OperatingPoint
from wakeword.serve.arbitration import Arbiter, Claim
from wakeword.serve.registry import ModelRegistry
from wakeword.serve.wyoming import WyomingServer

RATE, BLOCK = 16_000, 1280
NEVER_S = 3600.0  # the tests themselves end rounds: nothing depends on the machine's speed
QUIET, LOUD = 0.6, 0.9  # amplitudes; the threshold is at 0.5


class LevelModel:
    """Its scores rise with the level: of samples above 0 for alexa, below 0 for jarvis."""

    keywords = ("alexa", "jarvis")
    operating_point = OperatingPoint({"alexa": 0.5, "jarvis": 0.5}, smoothing_s=0.08)
    frame_s = BLOCK / RATE
    first_block = block = BLOCK
    about: ClassVar[dict[str, Any]] = {}

    def step(self, block: np.ndarray, state: object = None) -> tuple[np.ndarray, object]:
        return 20.0 * (np.array([[block.max(), -block.min()]]) - 0.5), None


def registry() -> ModelRegistry:
    return ModelRegistry({Path("level.onnx"): lambda rate: Detector(LevelModel(), rate=rate)})


def chunk(amplitude: float) -> Event:
    samples = np.full(BLOCK, amplitude * 32767).astype("<i2")
    return AudioChunk(RATE, 2, 1, samples.tobytes(), timestamp=0).event()


class Satellite:
    """A connection, with Home Assistant's order of messages: detect, audio-start, chunks."""

    def __init__(self, client: AsyncTcpClient) -> None:
        self.client = client

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, port: int, keyword: str = "alexa") -> AsyncIterator[Satellite]:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Detect(names=[keyword]).event())
            await client.write_event(AudioStart(rate=RATE, width=2, channels=1).event())
            yield cls(client)

    async def send(self, *amplitudes: float) -> None:
        for amplitude in (0.0, *amplitudes):
            await self.client.write_event(chunk(amplitude))

    async def next(self) -> str:
        event = await self.client.read_event()
        assert event is not None
        return event.type

    async def answers(self, ping: str = "end") -> list[str]:
        """The types of all events up to the answer to a ping: what is sent was processed then."""
        await self.client.write_event(Ping(ping).event())
        types = []
        while (kind := await self.next()) != PONG:
            types.append(kind)
        return types


PONG, DETECTION = Pong().event().type, Detection().event().type
NOT_DETECTED = NotDetected().event().type


def with_server(
    use: Callable[[int], Awaitable[None]],
    arbiter: Arbiter | None,
    served: ModelRegistry | None = None,
) -> None:
    async def run() -> None:
        loopback = [ipaddress.ip_network("127.0.0.0/8")]
        server = WyomingServer(served or registry(), loopback, arbiter=arbiter)
        listening = await server.start("127.0.0.1", 0)
        try:
            await asyncio.wait_for(use(listening.sockets[0].getsockname()[1]), 120)
        finally:
            await server.stop(listening)

    asyncio.run(run())


def test_without_arbitration_a_detection_is_sent_at_once_to_each() -> None:
    async def use(port: int) -> None:
        async with Satellite.connected(port) as first, Satellite.connected(port) as second:
            for each, amplitude in ((first, QUIET), (second, LOUD)):
                await each.send(amplitude)
                assert await each.answers() == [DETECTION]

    with_server(use, None)


@pytest.mark.parametrize("quiet_clients", [0, 1, 4])
def test_the_highest_score_gets_the_detection(quiet_clients: int) -> None:
    arbiter = Arbiter(NEVER_S)

    async def use(port: int) -> None:
        async with contextlib.AsyncExitStack() as stack:
            connect = [Satellite.connected(port) for _ in range(quiet_clients + 1)]
            *quiet, loud = [await stack.enter_async_context(each) for each in connect]
            for each, amplitude in [*((each, QUIET) for each in quiet), (loud, LOUD)]:
                await each.send(amplitude)
                assert await each.answers() == []  # it waits for the end of the round
            arbiter.end_round("alexa")
            assert await loud.next() == DETECTION
            assert [await each.answers() for each in quiet] == [[]] * quiet_clients

    with_server(use, arbiter)


def test_the_highest_score_counts_and_not_the_first_above_the_threshold() -> None:
    arbiter = Arbiter(NEVER_S)

    async def use(port: int) -> None:
        async with Satellite.connected(port) as rising, Satellite.connected(port) as second:
            await rising.send(0.55)
            assert await rising.answers() == []
            await second.send(0.7)
            assert await second.answers() == []
            await rising.client.write_event(chunk(LOUD))
            assert await rising.answers() == []
            arbiter.end_round("alexa")
            assert await rising.next() == DETECTION
            assert await second.answers() == []

    with_server(use, arbiter)


def test_keywords_are_independent_of_each_other() -> None:
    arbiter = Arbiter(NEVER_S)

    async def use(port: int) -> None:
        alexa, jarvis = Satellite.connected(port), Satellite.connected(port, "jarvis")
        async with alexa as first, jarvis as second:
            for each, amplitude in ((first, LOUD), (second, -QUIET)):
                await each.send(amplitude)
                assert await each.answers() == []
            arbiter.end_round("jarvis")
            assert await second.next() == DETECTION
            assert await first.answers() == []
            arbiter.end_round("alexa")
            assert await first.next() == DETECTION

    with_server(use, arbiter)


def test_who_disconnects_leaves_the_detection_to_others() -> None:
    arbiter, served = Arbiter(NEVER_S), registry()

    async def use(port: int) -> None:
        async with Satellite.connected(port) as quiet:
            async with Satellite.connected(port) as loud:
                for each, amplitude in ((quiet, QUIET), (loud, LOUD)):
                    await each.send(amplitude)
                    assert await each.answers() == []
            while b'wakeword_clients{protocol="wyoming"} 1.0' not in served.metrics.text():
                await asyncio.sleep(0.01)
            arbiter.end_round("alexa")
            assert await quiet.next() == DETECTION

    with_server(use, arbiter, served)


def test_a_stream_that_lost_ends_with_not_detected() -> None:
    arbiter = Arbiter(NEVER_S)

    async def use(port: int) -> None:
        async with Satellite.connected(port) as quiet, Satellite.connected(port) as loud:
            for each, amplitude in ((quiet, QUIET), (loud, LOUD)):
                await each.send(amplitude)
                assert await each.answers() == []
                await each.client.write_event(AudioStop().event())
            arbiter.end_round("alexa")
            assert await quiet.answers() == [NOT_DETECTED]
            assert await loud.answers() == [DETECTION]

    with_server(use, arbiter)


def test_a_later_detection_opens_another_round() -> None:
    async def run() -> list[bool]:
        arbiter = Arbiter(0.01)
        return [await arbiter.wins(Claim(client, "alexa", 0.6)) for client in ("a", "b")]

    assert asyncio.run(run()) == [True, True]


def test_of_equal_scores_the_first_wins() -> None:
    async def run() -> list[bool]:
        arbiter = Arbiter(0.01)
        return await asyncio.gather(*(arbiter.wins(Claim(each, "alexa", 0.6)) for each in "abc"))

    assert asyncio.run(run()) == [True, False, False]


def test_the_option_of_the_command_is_the_window(
    tiny: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows: list[float] = []

    async def stop_at_once(*_: object) -> None: ...

    monkeypatch.setattr("wakeword.cli.serve._run_until_stopped", stop_at_once)
    monkeypatch.setattr("wakeword.serve.arbitration.Arbiter", windows.append)
    save_model(tiny_family.model(), tmp_path / "alexa.wakeword")
    for option in ([], ["--arbitration", "0.5"]):
        result = CliRunner().invoke(main, ["serve", str(tmp_path / "alexa.wakeword"), *option])
        assert result.exit_code == 0, result.output
    assert windows == [0.5]
