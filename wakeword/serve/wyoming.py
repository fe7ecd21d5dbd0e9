"""The Wyoming protocol, as Home Assistant uses it: events as JSON lines, followed by audio.

`read_event` reads what a client sends, within limits; a `WyomingSession`, which knows no network,
answers it; `WyomingServer` connects the two over TCP. Events are those of the `wyoming` package.

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
from wakeword.serve.arbitration import Arbiter, ArbitratedClient
from wakeword.serve.client_log import ClientLog
from wakeword.serve.limits import ClientLimits
from wakeword.serve.registry import ClientError, ModelRegistry, StreamSession, decode_pcm

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_CHANNELS = 8
_REFUSED_S = 0.5  # for which what a refused client sends is read
_ATTRIBUTION = Attribution("The wakeword authors", "https://pypi.org/project/wakeword/")


async def read_event(reader: asyncio.StreamReader, limits: ClientLimits) -> Event | None:
    """Read the next event of a client.

    Args:
        reader: of the connection; its own limit bounds the length of a line.
        limits: on what follows the line.

    Returns:
        The event; None where the client has disconnected.

    Raises:
        ClientError: the data is no Wyoming event, or larger than allowed.
    """
    try:
        line = await reader.readline()
        if not line:
            return None
        header = _json_object(line)
        data = _json_object(header.get("data") or {})
        if size := _size(header, "data_length", limits.header_bytes):
            data |= _json_object(await reader.readexactly(size))
        payload = await reader.readexactly(_size(header, "payload_length", limits.payload_bytes))
    except ValueError as error:  # also raised for a line that is too long
        raise ClientError(f"not an event of the Wyoming protocol: {error}") from error
    except asyncio.IncompleteReadError:
        return None
    event_type = header.get("type")
    if not isinstance(event_type, str):
        raise ClientError("an event without a type")
    return Event(event_type, data, payload or None)


def _json_object(given: bytes | dict[str, Any]) -> dict[str, Any]:
    try:
        value = json.loads(given) if isinstance(given, bytes) else given
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object")
    return value


def _size(header: dict[str, Any], key: str, maximum: int) -> int:
    size = header.get(key) or 0
    if type(size) is not int or not 0 <= size <= maximum:
        raise ValueError(f"{key}: expected 0 to {maximum} bytes")
    return size


class WyomingSession:
    """The conversation with one client: takes an event, returns the events that answer it.

    Describe is answered by info. A stream is detect (with names), audio-start, audio-chunk, …,
    audio-stop: every detection is answered at once, audio-stop by not-detected where there was
    none. The timestamp of a detection is when the score reached the threshold, in milliseconds on
    the clock of the client's timestamps; the protocol has no field for start and end of the
    keyword. Home Assistant requests one keyword, sends timestamps with the chunks alone, and
    disconnects at the first detection. A satellite stays connected, and sends detect again after
    each command: its audio has a gap there, so that what follows detect is a new stream.

    Args:
        registry: the keywords to detect.
        log: of the client; None logs nothing.
    """

    def __init__(self, registry: ModelRegistry, log: ClientLog | None = None) -> None:
        self._registry, self._log = registry, log
        self._requested: list[str] | None = None
        self._stream: _Stream | None = None
        self._session: StreamSession | None = None  # of the latest stream, also when it has ended

    @property
    def highest_scores(self) -> dict[str, float]:
        """By keyword, the highest score of its latest detection in the latest stream."""
        return dict(self._session.highest_scores) if self._session else {}

    def answer(self, event: Event) -> list[Event]:
        """Process an event; events of other types are ignored. Raises ClientError."""
        if Describe.is_type(event.type):
            return [describe(self._registry).event()]
        if Ping.is_type(event.type):
            text = event.data.get("text")
            return [Pong(text if isinstance(text, str) else None).event()]
        if Detect.is_type(event.type):
            self._requested = self._registry.check_keywords(event.data.get("names"))
            self._stream = None
        elif AudioStart.is_type(event.type):
            self._stream = self._open_stream(event)
        elif AudioChunk.is_type(event.type):
            if self._stream is None:
                self._stream = self._open_stream(event)
            return self._stream.feed(event)
        elif AudioStop.is_type(event.type) and self._stream is not None:
            stream, self._stream = self._stream, None
            return stream.end()
        return []

    def _open_stream(self, event: Event) -> _Stream:
        audio_format = _audio_format(event)
        session = self._registry.open_session(self._requested, audio_format.rate, self._log)
        self._session = session
        return _Stream(audio_format, _timestamp(event), session)


@dataclass(frozen=True)
class _AudioFormat:
    rate: object  # as the client states it
    channels: int


@dataclass
class _Stream:
    """One stream of a client, from audio-start to audio-stop."""

    audio_format: _AudioFormat
    start_ms: int | None  # timestamp of the first sample; None until the first chunk states it
    session: StreamSession
    detected: bool = False

    def feed(self, event: Event) -> list[Event]:
        if _audio_format(event) != self.audio_format:
            raise ClientError("the audio format changed within a stream: send audio-start first")
        if self.start_ms is None:
            self.start_ms = _timestamp(event) or 0
        samples = decode_pcm(event.payload or b"", self.audio_format.channels)
        return self._to_events(self.session.feed(samples))

    def end(self) -> list[Event]:
        events = self._to_events(self.session.flush())
        return events if self.detected else [NotDetected().event()]

    def _to_events(self, detections: Sequence[trigger.Detection]) -> list[Event]:
        self.detected = self.detected or bool(detections)
        return [
            Detection(each.keyword, (self.start_ms or 0) + round(1000 * each.time)).event()
            for each in detections
        ]


def _audio_format(event: Event) -> _AudioFormat:
    rate, width, channels = (event.data.get(key) for key in ("rate", "width", "channels"))
    if width != 2:
        raise ClientError(f"audio of {width} bytes a sample: expected 16-bit (width 2)")
    if type(channels) is not int or not 1 <= channels <= _MAX_CHANNELS:
        raise ClientError(f"{channels} channels: expected 1 to {_MAX_CHANNELS}")
    return _AudioFormat(rate, channels)


def _timestamp(event: Event) -> int | None:
    """In milliseconds; None where it is missing or no number."""
    timestamp = event.data.get("timestamp")
    return timestamp if type(timestamp) is int and abs(timestamp) < 1 << 53 else None


def describe(registry: ModelRegistry) -> Info:
    """List the keywords that a client may request, as the protocol's info event.

    Home Assistant shows the description of each, and takes equal phrases of two satellites within
    two seconds for one. It ignores the languages of wake words, and offers each of them to
    assistants of every language, also where the list is empty because the model records none.

    Source: https://github.com/home-assistant/core, `components/wyoming/wake_word.py`, which keeps
    name, description and phrase alone.
    """
    models = []
    for keyword in registry.keywords:
        phrase, served = _as_phrase(keyword), registry.describe(keyword)
        model = WakeModel(
            name=keyword,
            attribution=_ATTRIBUTION,
            installed=True,
            description=phrase[:1].upper() + phrase[1:],
            version=served.version,
            languages=served.languages,
            phrase=phrase,
        )
        models.append(model)
    program = WakeProgram(
        name="wakeword",
        attribution=_ATTRIBUTION,
        installed=True,
        description="Wake words from speech recognisers",
        version=importlib.metadata.version("wakeword"),
        models=models,
    )
    return Info(wake=[program])


def _as_phrase(keyword: str) -> str:
    """Return the words of a keyword: "hey computer" for "hey_computer"."""
    return " ".join(keyword.replace("_", " ").split()) or keyword


async def _discard(reader: asyncio.StreamReader) -> None:
    """Read what a refused client still sends: unread, it would reset the connection.

    A reset can lose the error event that says why the client is refused.
    """
    while await reader.read(1 << 16):
        pass


class WyomingServer:
    """Serves the Wyoming protocol over TCP.

    The events of a client are answered one after the other, each client's on a thread of its own: a
    client that sends faster than the server computes, or whose verifier runs, waits, and delays no
    other.

    Args:
        registry: the keywords to detect.
        allow: networks that clients may connect from; the protocol has no passwords.
        limits: on clients; None is the default.
        arbiter: decides which client gets a detection that several have; None sends it to each at
            once.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        allow: Sequence[Network],
        limits: ClientLimits | None = None,
        arbiter: Arbiter | None = None,
    ) -> None:
        self._registry, self._allow, self._limits = registry, list(allow), limits or ClientLimits()
        self._arbiter = arbiter
        self._clients: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(self._limits.clients)  # see ServerThreads

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Start to listen; port 0 lets the system choose one.

        Raises:
            ConfigError: the address is not available.
        """
        try:
            return await asyncio.start_server(
                self._handle_client, host, port, limit=self._limits.header_bytes
            )
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"cannot listen on {host}:{port} ({error}). Choose another --host or --port."
            ) from error

    async def stop(self, server: asyncio.Server) -> None:
        """Stop listening and disconnect all clients."""
        server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._pool.shutdown()

    async def _handle_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        log = ClientLog(writer.get_extra_info("peername"), "wyoming")
        try:
            clients = self._registry.metrics.clients.labels("wyoming")
            with clients.track_inprogress(), log.connection():
                await self._serve(reader, writer, log)
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError):
            pass  # disconnected, idle, or the server is stopping
        finally:
            self._clients.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: ClientLog
    ) -> None:
        peer = writer.get_extra_info("peername")
        if peer is None:
            return  # disconnected already

        async def send(event: Event) -> None:
            await self._with_timeout(async_write_event(event, writer))

        session = WyomingSession(self._registry, log)
        arbitrated = ArbitratedClient(self._arbiter, send, log) if self._arbiter else None
        loop = asyncio.get_running_loop()
        try:
            self._check_client(peer[0])
            while event := await self._with_timeout(read_event(reader, self._limits)):
                if not AudioChunk.is_type(event.type):
                    log.received(event.type)
                answers = await loop.run_in_executor(self._pool, session.answer, event)
                if arbitrated:
                    await arbitrated.answer(event, answers, session.highest_scores)
                    continue
                for answer in answers:
                    await send(answer)
        except ClientError as error:
            log.refused(error)
            await send(Error(str(error)).event())
            writer.write_eof()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(_discard(reader), _REFUSED_S)
        finally:
            if arbitrated:
                arbitrated.close()

    def _check_client(self, peer: str) -> None:
        """Raise ClientError for an address that is not allowed, or one client too many."""
        address = ipaddress.ip_address(peer.split("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not any(address in network for network in self._allow):
            raise ClientError(
                f"{peer} is not allowed to connect: start the server with --allow {peer}"
            )
        if len(self._clients) > self._limits.clients:
            raise ClientError(f"all {self._limits.clients} connections are in use, try again later")

    async def _with_timeout(self, operation: Any) -> Any:
        return await asyncio.wait_for(operation, self._limits.idle_s)
