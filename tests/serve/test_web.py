"""The WebSocket detects what a local detector does; token and origin are checked."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
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
def registry(tiny: EncoderSpec) -> ModelRegistry:
    """One model; every peak of its scores is a detection."""
    model = tiny_family.model()
    return ModelRegistry({Path("a"): lambda rate: Detector(model, threshold=0.0, rate=rate)})


def with_server(server: WebServer, use: Use) -> Any:
    """Run `use(session, address)` against a running server."""

    async def run() -> Any:
        runner, port = await server.start("127.0.0.1", 0)
        try:
            async with ClientSession() as session:
                return await asyncio.wait_for(use(session, f"http://127.0.0.1:{port}"), 60)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def pcm(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    return (tiny_family.synthetic_audio(seconds, seed, RATE) * 32767).astype("<i2")


async def stream(
    session: ClientSession, address: str, samples: np.ndarray, request: Any
) -> list[Any]:
    """All answers to a stream, up to its end or the end of the connection."""
    answers = []
    async with session.ws_connect(address + "/ws") as socket:
        await socket.send_json(request)
        answers.append(await socket.receive_json())
        for start in range(0, len(samples), 4001):
            await socket.send_bytes(samples[start : start + 4001].tobytes())
            message = await socket.receive()
            if message.type is not WSMsgType.TEXT:
                break
            answers.append(message.json())
    return answers


@pytest.mark.parametrize("names", [None, ["computer"]])
def test_the_socket_detects_what_a_local_detector_does(
    registry: ModelRegistry, names: list[str] | None
) -> None:
    request = {"rate": RATE, "names": names}
    hearing, *answers = with_server(
        WebServer(registry), lambda session, address: stream(session, address, pcm(), request)
    )
    assert hearing == {"hearing": names or ["alexa", "computer"]}
    local = registry.open_session(names, RATE).feed(pcm())
    assert len(local) > 3
    detections = [each for answer in answers for each in answer["detections"]]
    detections = sorted(detections, key=lambda each: (each["time"], each["keyword"]))
    local = sorted(local, key=lambda d: (d.time, d.keyword))
    fields = ("time", "keyword", "start", "end")
    assert [[d[name] for name in fields] for d in detections] == [
        [getattr(d, name) for name in fields] for d in local
    ]
    # Blocks of another length: some processors round the last bits differently.
    assert [d["score"] for d in detections] == pytest.approx([d.score for d in local], abs=1e-5)
    assert set(answers[-1]["scores"]) == set(names or ["alexa", "computer"])


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("hello", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ("[]", "expected"),
        ("{}", "a rate of None"),
        ('{"rate": 1}', "a rate of 1"),
        ('{"rate": 16000, "names": ["alex"]}', "Did you mean"),
        ('{"rate": 16000, "names": "alexa"}', "a list of keywords"),
        (b"\0\0", "audio came before"),
    ],
)
def test_invalid_messages_are_answered_by_an_error_and_the_end(
    registry: ModelRegistry, sent: str | bytes, expected: str
) -> None:
    async def send(session: ClientSession, address: str) -> tuple[Any, Any]:
        async with session.ws_connect(address + "/ws") as socket:
            await (socket.send_bytes(sent) if isinstance(sent, bytes) else socket.send_str(sent))
            return await socket.receive_json(), (await socket.receive()).type

    answer, next_type = with_server(WebServer(registry), send)
    assert expected in answer["error"]
    assert next_type is WSMsgType.CLOSE


def test_half_samples_and_huge_messages_end_the_connection(registry: ModelRegistry) -> None:
    async def send(session: ClientSession, address: str) -> list[Any]:
        replies = []
        for payload in (b"abc", bytes(5000)):
            async with session.ws_connect(address + "/ws") as socket:
                await socket.send_json({"rate": RATE})
                await socket.receive()
                await socket.send_bytes(payload)
                replies.append(await socket.receive())
        return replies

    half, huge = with_server(WebServer(registry, limits=ClientLimits(payload_bytes=4096)), send)
    assert "not whole samples" in half.json()["error"]
    assert huge.type is WSMsgType.CLOSE and huge.data == 1009  # too big


def test_idle_clients_and_clients_beyond_the_limit_are_disconnected(
    registry: ModelRegistry,
) -> None:
    async def idle(session: ClientSession, address: str) -> Any:
        async with session.ws_connect(address + "/ws") as first:
            with pytest.raises(WSServerHandshakeError, match="503"):
                await session.ws_connect(address + "/ws")
            return (await first.receive()).type

    server = WebServer(registry, limits=ClientLimits(clients=1, idle_s=0.3))
    assert with_server(server, idle) in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)


def test_only_health_is_served_without_the_token(registry: ModelRegistry) -> None:
    async def get(session: ClientSession, address: str) -> list[int]:
        statuses = []
        for path in ("/", "/metrics", "/ws", "/health", "/?token=wrong", "/?token=s%C3%A9same"):
            async with session.get(address + path) as response:
                statuses.append(response.status)
        async with session.get(address, headers={"Authorization": "Bearer sésame"}) as response:
            statuses.append(response.status)
        return statuses

    statuses = with_server(WebServer(registry, "sésame"), get)
    assert statuses == [401, 401, 401, 200, 401, 200, 200]


def test_pages_of_other_sites_may_not_use_the_socket(registry: ModelRegistry) -> None:
    async def connect(session: ClientSession, address: str) -> None:
        with pytest.raises(WSServerHandshakeError, match="403"):
            await session.ws_connect(address + "/ws", origin="https://elsewhere.example")
        await (await session.ws_connect(address + "/ws", origin=address)).close()

    with_server(WebServer(registry), connect)


def page_of(registry: ModelRegistry) -> str:
    async def get(session: ClientSession, address: str) -> str:
        async with session.get(address) as page:
            return await page.text()

    text: str = with_server(WebServer(registry), get)
    return text


class Elements(HTMLParser):
    """The elements of a page: (tag, attributes) in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def by_id(self, name: str) -> dict[str, str]:
        (attributes,) = [each for _, each in self.found if each.get("id") == name]
        return attributes


def test_the_page_knows_the_thresholds_in_the_order_of_the_keywords(tiny: EncoderSpec) -> None:
    model = tiny_family.model()
    thresholds = {"computer": 0.25, "alexa": 0.75}

    def make_detector(rate: int) -> Detector:
        return Detector(model, threshold=thresholds, rate=rate)

    page = page_of(ModelRegistry({Path("a"): make_detector}))
    assert 'const keywords = ["alexa", "computer"]' in page
    assert "const thresholds = [0.75, 0.25]" in page
    assert "THRESHOLDS" not in page


def test_the_page_tells_screen_readers_what_it_shows(registry: ModelRegistry) -> None:
    elements = Elements(page_of(registry))
    labelled_controls = {each["for"] for tag, each in elements.found if tag == "label"}
    controls = {each["id"] for tag, each in elements.found if tag in ("select", "input")}
    assert controls and controls == labelled_controls
    assert elements.by_id("state")["role"] == "status"
    assert elements.by_id("announcement")["aria-live"] == "polite"
    assert elements.by_id("level")["role"] == "meter"
    assert elements.by_id("curve")["role"] == "img"
    labels = [each["aria-labelledby"] for _, each in elements.found if "aria-labelledby" in each]
    assert labels == ["level-label", "curve-label", "detections-label"]
    assert all(elements.by_id(label) for label in labels)
    assert [each["scope"] for tag, each in elements.found if tag == "th"] == ["col"] * 4


def test_the_page_loads_nothing(registry: ModelRegistry) -> None:
    page = page_of(registry)
    assert not [each for _, each in Elements(page).found if "src" in each or "href" in each]
    assert "@import" not in page and "url(" not in page


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_the_page_have_enough_contrast(registry: ModelRegistry, scheme: str) -> None:
    """4.5 for text and 3 for lines, as WCAG 2.1 AA requires, in both colour schemes."""
    light, dark = re.findall(r":root \{(.*?)\}", page_of(registry), re.DOTALL)
    of = dict(re.findall(r"(--[\w-]+): (#\w{6})", light))
    if scheme == "dark":
        of |= dict(re.findall(r"(--[\w-]+): (#\w{6})", dark))
        assert luminance(of["--page"]) < luminance(of["--text"])
    texts = [("--on-accent", "--accent")]
    texts += [
        (text, on) for text in ("--text", "--muted", "--error") for on in ("--page", "--panel")
    ]
    assert min(contrast(of[text], of[on]) for text, on in texts) >= 4.5
    lines = [name for name in of if name.startswith("--curve")]
    assert len(lines) == 6
    for name in (*lines, "--level", "--accent", "--line"):
        assert contrast(of[name], of["--page"]) >= 3, name


def log_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, without port and level of the client."""
    return [re.sub(r"127\.0\.0\.1:\d+", "CLIENT", each) for each in caplog.messages]


def test_a_client_and_its_detections_are_logged(
    registry: ModelRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wakeword.serve")
    request = {"rate": RATE, "names": ["computer"]}
    _, *answers = with_server(
        WebServer(registry), lambda session, address: stream(session, address, pcm(), request)
    )
    detections = [each for answer in answers for each in answer["detections"]]
    connected, listens, *detected, disconnected = log_lines(caplog)
    assert connected == "CLIENT (web) connected"
    assert listens == "CLIENT (web) listens for computer at 48000 Hz"
    assert len(detections) > 3
    assert detected == [
        f"detected 'computer' for CLIENT (web): score {each['score']:.3f}, "
        f"{each['time']:.1f} s after the start of its stream"
        for each in detections
    ]
    assert re.fullmatch(r"CLIENT \(web\) disconnected after \d+ s", disconnected)
    assert {each.levelname for each in caplog.records} == {"INFO"}


def test_refused_requests_are_logged_without_the_token_and_in_one_line(
    registry: ModelRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    async def get(session: ClientSession, address: str) -> None:
        await (await session.get(address + "/?token=wrong")).release()
        async with session.ws_connect(address + "/ws?token=right") as socket:
            await socket.send_json({"rate": 16_000, "names": ["one\nERROR two"]})
            await socket.receive()

    with_server(WebServer(registry, "right"), get)
    token, message = log_lines(caplog)
    assert token == "refused CLIENT (web): /: the token is missing or wrong: add ?token=…"
    assert message.startswith("refused CLIENT (web): unknown keyword 'one\\nERROR two'.")
    assert {each.levelname for each in caplog.records} == {"WARNING"}


def test_page_and_metrics(registry: ModelRegistry) -> None:
    async def get(session: ClientSession, address: str) -> tuple[str, str, str]:
        answers = await stream(session, address, pcm(), {"rate": RATE})
        assert any(answer["detections"] for answer in answers[1:])
        async with session.get(address) as page, session.get(address + "/metrics") as metrics:
            policy = page.headers["Content-Security-Policy"]
            return await page.text(), await metrics.text(), policy

    page, metrics, policy = with_server(WebServer(registry), get)
    assert 'const keywords = ["alexa", "computer"]' in page
    assert "KEYWORDS" not in page
    assert "http" not in page.replace("over https", "").replace("https:", "").replace("http:", "")
    assert "default-src 'none'" in policy
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line[0] != "#")
    assert float(values["wakeword_sound_seconds_total"]) == pytest.approx(2.0)
    assert float(values["wakeword_busy_seconds_total"]) > 0
    assert float(values['wakeword_detections_total{keyword="alexa"}']) > 0
    assert float(values['wakeword_clients{protocol="websocket"}']) == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--host", "0.0.0.0", "--allow", "10.0.0.0/8", "--web", "0"], "--token"),
        (["--web", "0", "--tls-cert", "none.pem"], "no certificate"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tiny: EncoderSpec, tmp_path: Path, options: list[str], expected: str
) -> None:
    file = tmp_path / "one.wakeword"
    save_model(tiny_family.model(), file)
    result = CliRunner().invoke(main, ["serve", str(file), "--port", "0", *options])
    assert result.exit_code == 2
    assert expected in " ".join(result.output.split())
