"""The Wyoming protocol, as Home Assistant speaks it: events in JSON lines with sound behind them.

What a client sends is read within limits and answered by a `Session`, which knows no network.
Events and their names are those of the `wyoming` package.

Source: https://github.com/OHF-Voice/wyoming, "Wake word detection".
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import ipaddress
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_write_event
from wyoming.info import Attribution, Describe, Info, WakeModel, WakeProgram
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from wakeword.detection import trigger
from wakeword.errors import ConfigError
from wakeword.parallel import available_cores
from wakeword.serve.limits import ClientLimits
from wakeword.serve.registry import ClientError, ModelRegistry, StreamSession, decode_pcm

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MOST_CHANNELS = 8
_ABOUT = Attribution("The wakeword authors", "https://pypi.org/project/wakeword/")


async def read_event(reader: asyncio.StreamReader, limits: ClientLimits) -> Event | None:
    """The next event; None where the client has gone. Raises ClientError.

    The reader's own limit is that of a line.
    """
    try:
        line = await reader.readline()
        if not line:
            return None
        header = _object(line)
        data = _object(header.get("data") or {})
        if size := _size(header, "data_length", limits.header_bytes):
            data |= _object(await reader.readexactly(size))
        payload = await reader.readexactly(_size(header, "payload_length", limits.payload_bytes))
    except ValueError as error:  # a line that is too long, too
        raise ClientError(f"not an event of the Wyoming protocol: {error}") from error
    except asyncio.IncompleteReadError:
        return None
    kind = header.get("type")
    if not isinstance(kind, str):
        raise ClientError("an event without a type")
    return Event(kind, data, payload or None)


def _object(given: bytes | dict[str, Any]) -> dict[str, Any]:
    try:
        value = json.loads(given) if isinstance(given, bytes) else given
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object")
    return value


def _size(header: dict[str, Any], key: str, most: int) -> int:
    size = header.get(key) or 0
    if type(size) is not int or not 0 <= size <= most:
        raise ValueError(f"{key}: expected 0 to {most} bytes")
    return size


class WyomingSession:
    """One client: an event in, the events that answer it out.

    The order of a stream: describe → info; detect (names), audio-start, audio-chunk, … → detection,
    as often as a word is heard; audio-stop → not-detected where none was. Home Assistant asks for
    one name, states times with the chunks alone, and hangs up at the first detection.
    """

    def __init__(self, words: ModelRegistry) -> None:
        self._words = words
        self._asked: list[str] | None = None
        self._stream: _Stream | None = None

    def answer(self, event: Event) -> list[Event]:
        """Events of other kinds are passed over. Raises ClientError."""
        if Describe.is_type(event.type):
            return [info(self._words).event()]
        if Ping.is_type(event.type):
            text = event.data.get("text")
            return [Pong(text if isinstance(text, str) else None).event()]
        if Detect.is_type(event.type):
            self._asked = self._words.check(event.data.get("names"))
        elif AudioStart.is_type(event.type):
            self._stream = self._begin(event)
        elif AudioChunk.is_type(event.type):
            if self._stream is None:
                self._stream = self._begin(event)
            return self._stream.feed(event)
        elif AudioStop.is_type(event.type) and self._stream is not None:
            stream, self._stream = self._stream, None
            return stream.end()
        return []

    def _begin(self, event: Event) -> _Stream:
        form = _form(event)
        return _Stream(form, _timestamp(event), self._words.ears(self._asked, form.rate))


@dataclass(frozen=True)
class _Form:
    rate: object
    channels: int


@dataclass
class _Stream:
    form: _Form
    begins_ms: int | None  # None: its first chunk is to say
    ears: StreamSession
    heard: bool = False

    def feed(self, event: Event) -> list[Event]:
        if _form(event) != self.form:
            raise ClientError("the form of the sound changed in the middle: send audio-start")
        if self.begins_ms is None:
            self.begins_ms = _timestamp(event) or 0
        return self._told(self.ears.feed(decode_pcm(event.payload or b"", self.form.channels)))

    def end(self) -> list[Event]:
        told = self._told(self.ears.flush())
        return told if self.heard else [NotDetected().event()]

    def _told(self, found: Sequence[trigger.Detection]) -> list[Event]:
        self.heard = self.heard or bool(found)
        return [
            Detection(each.keyword, (self.begins_ms or 0) + round(1000 * each.time)).event()
            for each in found
        ]


def _form(event: Event) -> _Form:
    rate, width, channels = (event.data.get(key) for key in ("rate", "width", "channels"))
    if width != 2:
        raise ClientError(f"sound of {width} bytes a sample: expected 16-bit (width 2)")
    if type(channels) is not int or not 1 <= channels <= _MOST_CHANNELS:
        raise ClientError(f"{channels} channels: expected 1 to {_MOST_CHANNELS}")
    return _Form(rate, channels)


def _timestamp(event: Event) -> int | None:
    stamp = event.data.get("timestamp")
    return stamp if type(stamp) is int and abs(stamp) < 1 << 53 else None


def info(words: ModelRegistry) -> Info:
    """What a client is told of the words that it may ask for."""
    models = [
        WakeModel(
            name=word,
            attribution=_ABOUT,
            installed=True,
            description=word,
            version=None,
            languages=[],
            phrase=word,
        )
        for word in words.names
    ]
    program = WakeProgram(
        name="wakeword",
        attribution=_ABOUT,
        installed=True,
        description="Wake words from speech recognisers",
        version=importlib.metadata.version("wakeword"),
        models=models,
    )
    return Info(wake=[program])


class WyomingServer:
    """Wyoming over TCP.

    Each client's events are answered one after the other, on a pool of threads: who sends faster
    than it can be heard waits in its own connection.

    Args:
        allow: networks from which clients may come; the protocol knows no passwords.
    """

    def __init__(
        self, words: ModelRegistry, allow: Sequence[Network], limits: ClientLimits | None = None
    ) -> None:
        self._words, self._allow, self._limits = words, list(allow), limits or ClientLimits()
        self._clients: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(available_cores())

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Listen; raises ConfigError where the address cannot be had."""
        try:
            return await asyncio.start_server(
                self._connected, host, port, limit=self._limits.header_bytes
            )
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"{host}:{port}: cannot be listened at ({error}). Choose another --host or --port."
            ) from error

    async def stop(self, server: asyncio.Server) -> None:
        """Let go of everybody."""
        server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._pool.shutdown()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            with self._words.metrics.clients.labels("wyoming").track_inprogress():
                await self._serve(reader, writer)
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError):
            pass  # gone, silent, or told to go
        finally:
            self._clients.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = WyomingSession(self._words)
        loop = asyncio.get_running_loop()
        try:
            self._check(writer.get_extra_info("peername")[0])
            while event := await self._in_time(read_event(reader, self._limits)):
                for answer in await loop.run_in_executor(self._pool, session.answer, event):
                    await self._in_time(async_write_event(answer, writer))
        except ClientError as error:
            await self._in_time(async_write_event(Error(str(error)).event(), writer))

    def _check(self, peer: str) -> None:
        address = ipaddress.ip_address(peer.split("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not any(address in network for network in self._allow):
            raise ClientError(f"{peer} may not listen here: start the server with --allow {peer}")
        if len(self._clients) > self._limits.clients:
            raise ClientError(f"{self._limits.clients} clients are connected: no more")

    async def _in_time(self, what: Any) -> Any:
        return await asyncio.wait_for(what, self._limits.idle_s)
