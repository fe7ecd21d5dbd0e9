"""The websocket hears what is heard at home; the token and the origin keep others out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny as tiny_family
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from click.testing import CliRunner

from wakeword.cli import main
from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.file import save_model
from wakeword.serve.limits import ClientLimits
from wakeword.serve.registry import ModelRegistry
from wakeword.serve.web import WebServer

RATE = 48_000
Use = Callable[[ClientSession, str], Awaitable[Any]]


@pytest.fixture
def words(tiny: EncoderSpec) -> ModelRegistry:
    model = tiny_family.model()
    return ModelRegistry({Path("a"): lambda rate: Detector(model, threshold=0.0, rate=rate)})


def on_site(site: WebServer, use: Use) -> Any:
    async def run() -> Any:
        runner, port = await site.start("127.0.0.1", 0)
        try:
            async with ClientSession() as session:
                return await asyncio.wait_for(use(session, f"http://127.0.0.1:{port}"), 60)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def pcm(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    return (tiny_family.sound(seconds, seed, RATE) * 32767).astype("<i2")


async def hear(session: ClientSession, at: str, sound: np.ndarray, asked: Any) -> list[Any]:
    """Everything that is answered, up to the end or the last piece of sound."""
    told = []
    async with session.ws_connect(at + "/ws") as socket:
        await socket.send_json(asked)
        told.append(await socket.receive_json())
        for first in range(0, len(sound), 4001):
            await socket.send_bytes(sound[first : first + 4001].tobytes())
            message = await socket.receive()
            if message.type is not WSMsgType.TEXT:
                break
            told.append(message.json())
    return told


@pytest.mark.parametrize("names", [None, ["computer"]])
def test_sound_over_the_socket_is_heard_as_at_home(
    words: ModelRegistry, names: list[str] | None
) -> None:
    asked = {"rate": RATE, "names": names}
    hearing, *told = on_site(WebServer(words), lambda s, at: hear(s, at, pcm(), asked))
    assert hearing == {"hearing": names or ["alexa", "computer"]}
    expected = words.ears(names, RATE).feed(pcm())
    assert len(expected) > 3
    found = [each for answer in told for each in answer["detections"]]
    found = sorted(found, key=lambda each: (each["time"], each["keyword"]))
    home = sorted(expected, key=lambda d: (d.time, d.keyword))
    assert [(f["time"], f["keyword"]) for f in found] == [(d.time, d.keyword) for d in home]
    # pieces of another length: some processors round their last bits otherwise
    assert [f["score"] for f in found] == pytest.approx([d.score for d in home], abs=1e-5)
    assert set(told[-1]["scores"]) == set(names or ["alexa", "computer"])


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("hello", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ("[]", "expected"),
        ("{}", "a rate of None"),
        ('{"rate": 1}', "a rate of 1"),
        ('{"rate": 16000, "names": ["alex"]}', "Did you mean"),
        ('{"rate": 16000, "names": "alexa"}', "a list of names"),
        (b"\0\0", "sound before"),
    ],
)
def test_who_sends_nonsense_is_told_and_let_go(
    words: ModelRegistry, sent: str | bytes, expected: str
) -> None:
    async def send(session: ClientSession, at: str) -> tuple[Any, Any]:
        async with session.ws_connect(at + "/ws") as socket:
            await (socket.send_bytes(sent) if isinstance(sent, bytes) else socket.send_str(sent))
            return await socket.receive_json(), (await socket.receive()).type

    told, then = on_site(WebServer(words), send)
    assert expected in told["error"]
    assert then is WSMsgType.CLOSE


def test_half_samples_and_huge_messages_end_the_connection(words: ModelRegistry) -> None:
    async def send(session: ClientSession, at: str) -> list[Any]:
        ends = []
        for payload in (b"abc", bytes(5000)):
            async with session.ws_connect(at + "/ws") as socket:
                await socket.send_json({"rate": RATE})
                await socket.receive()
                await socket.send_bytes(payload)
                ends.append(await socket.receive())
        return ends

    half, huge = on_site(WebServer(words, limits=ClientLimits(payload_bytes=4096)), send)
    assert "not whole samples" in half.json()["error"]
    assert huge.type is WSMsgType.CLOSE and huge.data == 1009  # too big


def test_who_is_silent_or_one_too_many_goes(words: ModelRegistry) -> None:
    async def silent(session: ClientSession, at: str) -> Any:
        async with session.ws_connect(at + "/ws") as first:
            with pytest.raises(WSServerHandshakeError, match="503"):
                await session.ws_connect(at + "/ws")
            return (await first.receive()).type

    site = WebServer(words, limits=ClientLimits(clients=1, idle_s=0.3))
    assert on_site(site, silent) in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)


def test_without_the_token_nothing_is_served_but_health(words: ModelRegistry) -> None:
    async def ask(session: ClientSession, at: str) -> list[int]:
        found = []
        for path in ("/", "/metrics", "/ws", "/health", "/?token=wrong", "/?token=s%C3%A9same"):
            async with session.get(at + path) as answer:
                found.append(answer.status)
        async with session.get(at, headers={"Authorization": "Bearer sésame"}) as answer:
            found.append(answer.status)
        return found

    assert on_site(WebServer(words, "sésame"), ask) == [401, 401, 401, 200, 401, 200, 200]


def test_pages_of_other_sites_may_not_use_the_socket(words: ModelRegistry) -> None:
    async def ask(session: ClientSession, at: str) -> None:
        with pytest.raises(WSServerHandshakeError, match="403"):
            await session.ws_connect(at + "/ws", origin="https://elsewhere.example")
        await (await session.ws_connect(at + "/ws", origin=at)).close()

    on_site(WebServer(words), ask)


def test_page_and_metrics(words: ModelRegistry) -> None:
    async def ask(session: ClientSession, at: str) -> tuple[str, str, str]:
        heard = await hear(session, at, pcm(), {"rate": RATE})
        assert any(answer["detections"] for answer in heard[1:])
        async with session.get(at) as page, session.get(at + "/metrics") as metrics:
            policy = page.headers["Content-Security-Policy"]
            return await page.text(), await metrics.text(), policy

    page, metrics, policy = on_site(WebServer(words), ask)
    assert 'const names = ["alexa", "computer"]' in page
    assert "http" not in page.replace("https, ", "").replace("https:", "").replace("http:", "")
    assert "default-src 'none'" in policy
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line[0] != "#")
    assert float(values["wakeword_sound_seconds_total"]) == pytest.approx(2.0)
    assert float(values["wakeword_busy_seconds_total"]) > 0
    assert float(values['wakeword_detections_total{keyword="alexa"}']) > 0
    assert float(values['wakeword_clients{protocol="websocket"}']) == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--host", "0.0.0.0", "--allow", "10.0.0.0/8", "--web", "0"], "--token"),
        (["--web", "0", "--tls-cert", "none.pem"], "no certificate"),
    ],
)
def test_what_cannot_be_served_teaches(
    tiny: EncoderSpec, tmp_path: Path, given: list[str], expected: str
) -> None:
    file = tmp_path / "one.wakeword"
    save_model(tiny_family.model(), file)
    result = CliRunner().invoke(main, ["serve", str(file), "--port", "0", *given])
    assert result.exit_code == 2
    assert expected in " ".join(result.output.split())
