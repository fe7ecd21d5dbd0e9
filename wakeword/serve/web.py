"""A websocket for sound and a page that sends it a microphone's; health and metrics beside them.

A client of `/ws` says first, in JSON, what it sends and what it wants to hear:
`{"rate": 48000, "names": ["alexa"]}` (no names: all). It is answered `{"hearing": ["alexa"]}`, then
sends binary messages of mono 16-bit little-endian PCM. Each of them is answered by
`{"scores": {"alexa": 0.01}, "detections": [{"keyword": …, "score": …, "time": …}]}`, times in
seconds since the first sample; who sends faster than it can be heard waits for these answers.
What may not be sent is answered by `{"error": …}` and the end.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib import resources
from typing import Any

from aiohttp import WSMsgType, web

from wakeword.errors import ConfigError
from wakeword.parallel import available_cores
from wakeword.serve.limits import ClientLimits
from wakeword.serve.registry import ClientError, ModelRegistry, StreamSession, decode_pcm

_OPEN = ("/health",)  # paths that need no token
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
        "connect-src 'self' ws: wss:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer:
    """The page, its websocket, `/health` and `/metrics`.

    Args:
        token: what everything but `/health` needs, as `?token=` or `Authorization: Bearer`; None
            for nobody, which is for loopback alone.
    """

    def __init__(
        self, words: ModelRegistry, token: str | None = None, limits: ClientLimits | None = None
    ) -> None:
        self._words, self._token, self._limits = words, token, limits or ClientLimits()
        self._clients: set[web.WebSocketResponse] = set()
        self._pool = ThreadPoolExecutor(available_cores())
        self._app = web.Application(middlewares=[self._guard])
        self._app.add_routes(
            [
                web.get("/", self._page),
                web.get("/ws", self._socket),
                web.get("/health", self._health),
                web.get("/metrics", self._metrics),
            ]
        )
        self._app.on_shutdown.append(self._let_go)

    async def start(
        self, host: str, port: int, tls: ssl.SSLContext | None = None
    ) -> tuple[web.AppRunner, int]:
        """Listen: what to `cleanup` in the end, and the port. Raises ConfigError."""
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            raise ConfigError(
                f"{host}:{port}: cannot be listened at ({error}). Choose another host or port."
            ) from error
        return runner, runner.addresses[0][1]

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The token, compared in constant time; and no page of another site may use the socket."""
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="not for pages of other sites\n")
        header = request.headers.get("Authorization", "").removeprefix("Bearer ")
        given = request.query.get("token", header)
        known = self._token is None or _equal(given, self._token)
        if not known and request.path not in _OPEN:
            raise web.HTTPUnauthorized(text="the token is missing or wrong: ?token=…\n")
        return await handler(request)

    async def _page(self, _request: web.Request) -> web.Response:
        text = resources.files("wakeword.serve").joinpath("page.html").read_text("utf-8")
        text = text.replace("NAMES", json.dumps(self._words.names).replace("<", "\\u003c"))
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _metrics(self, _request: web.Request) -> web.Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(body=self._words.metrics.text(), headers={"Content-Type": kind})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if len(self._clients) >= self._limits.clients:
            raise web.HTTPServiceUnavailable(text=f"{self._limits.clients} clients: no more\n")
        socket = web.WebSocketResponse(
            max_msg_size=self._limits.payload_bytes, receive_timeout=self._limits.idle_s
        )
        self._clients.add(socket)
        try:
            with self._words.metrics.clients.labels("websocket").track_inprogress():
                await socket.prepare(request)
                await self._hear(socket)
        except (OSError, asyncio.TimeoutError):
            pass  # gone, or silent
        finally:
            self._clients.discard(socket)
        await socket.close()
        return socket

    async def _hear(self, socket: web.WebSocketResponse) -> None:
        """Answer every message until the client goes or sends what it may not."""
        ears: StreamSession | None = None
        loop = asyncio.get_running_loop()
        async for message in socket:
            try:
                if message.type is WSMsgType.TEXT:
                    ears, told = self._begin(message.data)
                elif message.type is not WSMsgType.BINARY:
                    return  # broken off
                elif ears is None:
                    raise ClientError('sound before {"rate": …}')
                else:
                    told = await loop.run_in_executor(self._pool, _heard, ears, message.data)
            except ClientError as error:
                await socket.send_json({"error": str(error)})
                return
            await asyncio.wait_for(socket.send_json(told), self._limits.idle_s)

    def _begin(self, text: str) -> tuple[StreamSession, dict[str, Any]]:
        try:
            asked = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ClientError(f"not JSON: {error}") from error
        if not isinstance(asked, dict):
            raise ClientError('expected {"rate": …, "names": […]}')
        names = self._words.check(asked.get("names"))
        ears = self._words.ears(names, asked.get("rate"))
        return ears, {"hearing": names or self._words.names}

    async def _let_go(self, _app: web.Application) -> None:
        for socket in list(self._clients):
            await socket.close(code=1001, message=b"the server stops")
        self._pool.shutdown()


def _equal(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _heard(ears: StreamSession, payload: bytes) -> dict[str, Any]:
    found = ears.feed(decode_pcm(payload))
    return {"scores": ears.scores, "detections": [asdict(each) for each in found]}
