"""A WebSocket for detection, a page that sends it a microphone's audio, health and metrics.

A client of `/ws` first sends, in JSON, its sample rate in Hz and the keywords that it wants:
`{"rate": 48000, "names": ["alexa"]}` (without names: all). The server answers
`{"hearing": ["alexa"]}`. The client then sends binary messages of mono 16-bit little-endian PCM,
each of which is answered by
`{"scores": {"alexa": 0.01}, "detections": [{"keyword": …, "score": …, "time": …, "start": …,
"end": …}]}`, as `detection.trigger.Detection` has them: times in seconds since the first sample,
the last two an estimate of where the keyword is. A client that sends faster than the server
computes waits for these answers. After an invalid message the server answers `{"error": …}` and
closes the connection.
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
from wakeword.serve.client_log import ClientLog
from wakeword.serve.limits import ClientLimits
from wakeword.serve.registry import ClientError, ModelRegistry, StreamSession, decode_pcm

_PATHS_WITHOUT_TOKEN = ("/health",)
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
        "connect-src 'self' ws: wss:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer:
    """Serves the page, its WebSocket, `/health` and `/metrics`.

    Args:
        registry: the keywords to detect.
        token: required by everything but `/health`, as `?token=` or `Authorization: Bearer`; None
            requires none, which is safe on the loopback interface alone.
        limits: on clients; None is the default.
    """

    def __init__(
        self, registry: ModelRegistry, token: str | None = None, limits: ClientLimits | None = None
    ) -> None:
        self._registry, self._token, self._limits = registry, token, limits or ClientLimits()
        self._sockets: set[web.WebSocketResponse] = set()
        self._pool = ThreadPoolExecutor(self._limits.clients)  # see ServerThreads
        self._app = web.Application(middlewares=[self._authorise])
        self._app.add_routes(
            [
                web.get("/", self._page),
                web.get("/ws", self._websocket),
                web.get("/health", self._health),
                web.get("/metrics", self._metrics),
            ]
        )
        self._app.on_shutdown.append(self._close_clients)

    async def start(
        self, host: str, port: int, tls: ssl.SSLContext | None = None
    ) -> tuple[web.AppRunner, int]:
        """Start to listen.

        Args:
            host: address of the interface.
            port: 0 lets the system choose one.
            tls: for https and wss.

        Returns:
            The runner, whose `cleanup` stops the server, and the port.

        Raises:
            ConfigError: the address is not available.
        """
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            raise ConfigError(
                f"cannot listen on {host}:{port} ({error}). Choose another --host or --web."
            ) from error
        return runner, runner.addresses[0][1]

    @web.middleware
    async def _authorise(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Require the token, compared in constant time, and refuse pages of other sites."""
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise _refusal(request, web.HTTPForbidden, "pages of other sites may not use it")
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = request.query.get("token", bearer)
        authorised = self._token is None or _equal(token, self._token)
        if not authorised and request.path not in _PATHS_WITHOUT_TOKEN:
            raise _refusal(
                request, web.HTTPUnauthorized, "the token is missing or wrong: add ?token=…"
            )
        return await handler(request)

    async def _page(self, _request: web.Request) -> web.Response:
        package = resources.files("wakeword")
        text = package.joinpath("serve/page.html").read_text("utf-8")
        for name, file in (("STYLES", "styles.css"), ("DETECTIONS", "detections.js")):
            text = text.replace(name, package.joinpath(f"web/{file}").read_text("utf-8"))
        thresholds = self._registry.thresholds
        text = text.replace("THRESHOLDS", json.dumps(list(thresholds.values())))
        text = text.replace("KEYWORDS", json.dumps(list(thresholds)).replace("<", "\\u003c"))
        return web.Response(text=text, content_type="text/html", headers=_SECURITY_HEADERS)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _metrics(self, _request: web.Request) -> web.Response:
        content_type = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(
            body=self._registry.metrics.text(), headers={"Content-Type": content_type}
        )

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if len(self._sockets) >= self._limits.clients:
            reason = f"all {self._limits.clients} connections are in use, try again later"
            raise _refusal(request, web.HTTPServiceUnavailable, reason)
        socket = web.WebSocketResponse(
            max_msg_size=self._limits.payload_bytes, receive_timeout=self._limits.idle_s
        )
        self._sockets.add(socket)
        log = _log_of(request)
        try:
            with self._registry.metrics.clients.labels("websocket").track_inprogress():
                await socket.prepare(request)
                with log.connection():
                    await self._answer_messages(socket, log)
        except (OSError, asyncio.TimeoutError):
            pass  # disconnected or idle
        finally:
            self._sockets.discard(socket)
        await socket.close()
        return socket

    async def _answer_messages(self, socket: web.WebSocketResponse, log: ClientLog) -> None:
        """Answer each message until the client disconnects or sends an invalid one."""
        session: StreamSession | None = None
        loop = asyncio.get_running_loop()
        async for message in socket:
            try:
                if message.type is WSMsgType.TEXT:
                    session, answer = self._open_session(message.data, log)
                elif message.type is not WSMsgType.BINARY:
                    return  # the connection broke
                elif session is None:
                    raise ClientError('audio came before {"rate": …}')
                else:
                    answer = await loop.run_in_executor(self._pool, _detect, session, message.data)
            except ClientError as error:
                log.refused(error)
                await socket.send_json({"error": str(error)})
                return
            await asyncio.wait_for(socket.send_json(answer), self._limits.idle_s)

    def _open_session(self, text: str, log: ClientLog) -> tuple[StreamSession, dict[str, Any]]:
        """A stream as a client's first message describes it, and the answer to that message."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ClientError(f"not JSON: {error}") from error
        if not isinstance(request, dict):
            raise ClientError('expected {"rate": …, "names": […]}')
        keywords = self._registry.check_keywords(request.get("names"))
        session = self._registry.open_session(keywords, request.get("rate"), log)
        return session, {"hearing": keywords or self._registry.keywords}

    async def _close_clients(self, _app: web.Application) -> None:
        for socket in list(self._sockets):
            await socket.close(code=1001, message=b"the server is stopping")
        self._pool.shutdown()


def _log_of(request: web.Request) -> ClientLog:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return ClientLog(peer, "web")


def _refusal(request: web.Request, kind: type[web.HTTPError], reason: str) -> web.HTTPError:
    """Log that a request is refused; returns the response to raise."""
    _log_of(request).refused(f"{request.path}: {reason}")
    return kind(text=f"{reason}\n")


def _equal(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _detect(session: StreamSession, payload: bytes) -> dict[str, Any]:
    """Feed a message of audio to a session; returns the answer."""
    detections = session.feed(decode_pcm(payload))
    return {"scores": session.scores, "detections": [asdict(each) for each in detections]}
