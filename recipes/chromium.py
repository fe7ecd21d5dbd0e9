"""A headless Chromium that reaches this machine alone, controlled by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import functools
import http.server
import itertools
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
_DOMAINS = ("Network", "Runtime", "Log")
_START = "Runtime.runIfWaitingForDebugger"  # after the domains are enabled, to miss nothing
_PATIENCE_S = 120


def executable() -> str | None:
    """The path of Chromium, or None where it is not installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def microphone(recording: Path) -> tuple[str, ...]:
    """Flags by which a WAV file is the microphone, over and over, without a question."""
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording}",
    )


class Page:
    """A page of a running Chromium, and its workers.

    Attributes:
        process: number of Chromium's process.
        requests: addresses that they asked for.
        errors: what they logged as errors.
        workers: sessions of the workers, for `send`.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, process: int) -> None:
        self._socket = socket
        self._numbers = itertools.count()
        self.process = process
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.workers: list[str] = []

    async def open(self, address: str, script: str = "") -> None:
        """Open an address, and run a script before those of the page."""
        for domain in ("Page", *_DOMAINS):
            await self.send(f"{domain}.enable")
        attach = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        await self.send("Target.setAutoAttach", **attach)
        await self.send("Page.addScriptToEvaluateOnNewDocument", source=script)
        await self.send("Page.navigate", url=address)

    async def send(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, for a worker if one is named, and return its result."""
        number = await self._post(method, session, parameters)
        while True:
            message = await self._socket.receive_json(timeout=_PATIENCE_S)
            if message.get("id") == number:
                assert "result" in message, message
                result: dict[str, Any] = message["result"]
                return result
            await self._note(message)

    async def evaluate(self, expression: str, session: str = "") -> Any:
        """Return the value of an expression in JSON's types, once its promise is resolved."""
        options = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = await self.send("Runtime.evaluate", session, **options)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def wait_for(self, expression: str, patience_s: float = _PATIENCE_S) -> Any:
        """Evaluate an expression until it is true, and return its value."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            if value := await self.evaluate(expression):
                return value
            await asyncio.sleep(0.1)
        raise AssertionError(f"not true in {patience_s} s: {expression}; errors: {self.errors}")

    async def screenshot(
        self, path: Path, width: int, height: int = 900, dark: bool = False
    ) -> None:
        """Write a PNG of the page at a width in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])
        answer = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))

    def renderer(self) -> psutil.Process:
        """Return the process of page and workers: the largest of those that run pages."""
        children = psutil.Process(self.process).children(recursive=True)
        renderers = [each for each in children if "--type=renderer" in each.cmdline()]
        return max(renderers, key=lambda each: each.memory_info().rss)

    async def _post(self, method: str, session: str, parameters: dict[str, Any]) -> int:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json(message | ({"sessionId": session} if session else {}))
        return number

    async def _note(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Target.attachedToTarget":
            session = parameters["sessionId"]
            if parameters["targetInfo"]["type"] == "worker":  # and no worklet
                self.workers.append(session)
            for each in (*(f"{domain}.enable" for domain in _DOMAINS), _START):
                await self._post(each, session, {})
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])


@asynccontextmanager
async def opened(
    address: str, profile: Path, flags: Sequence[str] = (), script: str = ""
) -> AsyncIterator[Page]:
    """Open a page in a browser of its own.

    Args:
        address: of the page.
        profile: folder for the browser's files.
        flags: of the command line, in addition to the usual ones.
        script: JavaScript to run before that of the page.
    """
    program = executable()
    assert program
    process = await asyncio.create_subprocess_exec(
        *(program, *_FLAGS, f"--user-data-dir={profile}", *flags, "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as session:
            port = await _port(profile)
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                targets = await answer.json()
            (target,) = (each for each in targets if each["type"] == "page")
            address_of_page = target["webSocketDebuggerUrl"]
            async with session.ws_connect(address_of_page, max_msg_size=0) as socket:
                page = Page(socket, process.pid)
                await page.open(address, script)
                yield page
    finally:
        process.terminate()
        await process.wait()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Offer a folder at an address of this machine."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


async def _port(profile: Path) -> str:
    """Return the port of the protocol, which Chromium writes into a file."""
    for _ in range(10 * _PATIENCE_S):
        file = profile / "DevToolsActivePort"
        if file.is_file() and (lines := file.read_text("utf-8").splitlines()):
            return lines[0]
        await asyncio.sleep(0.1)
    raise AssertionError(f"Chromium did not start within {_PATIENCE_S} s")
