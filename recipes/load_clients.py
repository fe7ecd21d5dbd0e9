"""The Wyoming clients of the load test: well-behaved ones, and a hostile one."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection

RATE = 16_000
CHUNK = 1024  # samples, 64 ms
PING_CHUNKS = 17  # about a second; no multiple of a model's block

Pcm = npt.NDArray[np.int16]
Detections = list[tuple[str | None, int | None]]
"""Keyword and time in milliseconds."""


class ClientResult(NamedTuple):
    """What one client received.

    Attributes:
        detections: in the order of their arrival.
        delay_s: seconds from the last audio to the last answer.
        latencies_s: seconds from a chunk of audio to the answer to a ping that follows it; about
            one a second.
    """

    detections: Detections
    delay_s: float
    latencies_s: list[float]


async def run_clients(port: int, streams: list[Pcm]) -> list[ClientResult]:
    """Run one client per stream; they start within a second, evenly spread."""
    delays_s = np.linspace(0, 1, len(streams), endpoint=False)
    clients = (run_client(port, *each) for each in zip(streams, delays_s, strict=True))
    return await asyncio.gather(*clients)


async def run_client(port: int, stream: Pcm, start_s: float = 0.0) -> ClientResult:
    """Send a stream at real-time speed after `start_s`; return what the server answers."""
    received: Detections = []
    latencies_s: list[float] = []
    pings: deque[float] = deque()  # when those were sent that are not answered yet
    await asyncio.sleep(start_s)
    async with AsyncTcpClient("127.0.0.1", port) as connection:

        async def receive() -> None:
            while event := await connection.read_event():
                if Pong.is_type(event.type):
                    if not pings:
                        return
                    latencies_s.append(time.monotonic() - pings.popleft())
                if Detection.is_type(event.type):
                    detection = Detection.from_event(event)
                    received.append((detection.name, detection.timestamp))

        receiver = asyncio.create_task(receive())
        await connection.write_event(Detect().event())
        await connection.write_event(AudioStart(RATE, 2, 1, 0).event())
        started = time.monotonic()
        for first in range(0, len(stream), CHUNK):
            ahead_s = first / RATE - (time.monotonic() - started)
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            chunk = stream[first : first + CHUNK]
            await connection.write_event(AudioChunk(RATE, 2, 1, chunk.tobytes()).event())
            if first // CHUNK % PING_CHUNKS == 0:
                pings.append(time.monotonic())
                await connection.write_event(Ping("chunk").event())
        ended = time.monotonic()
        await connection.write_event(AudioStop().event())
        await connection.write_event(Ping("all").event())
        await receiver
    return ClientResult(received, time.monotonic() - ended, latencies_s)


async def send_hostile_messages(port: int, messages: int, at_once: int = 8) -> None:
    """Send so many hostile messages, each on a connection of its own.

    One connection in ten is left open until `at_once` later ones are open as well.
    """
    rng = np.random.default_rng(0)
    held: list[asyncio.StreamWriter] = []

    async def send() -> None:
        is_held = rng.random() < 0.1
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(hostile_message(rng))
            await writer.drain()
            if is_held:
                held.append(writer)
                writer = held.pop(0) if len(held) > at_once else None
            if writer:
                writer.close()
        except ConnectionError:  # the server may have closed the connection before all was sent
            pass

    for first in range(0, messages, at_once):
        await asyncio.gather(*(send() for _ in range(min(at_once, messages - first))))
    for writer in held:
        writer.close()


def hostile_message(rng: np.random.Generator) -> bytes:
    """Return bytes that no well-behaved client sends."""
    size = int(rng.integers(1, 1 << 17))
    types = ["audio-chunk", "audio-start", "detect", "describe", "x" * (size % 99)]
    values = [None, -1, 1 << 40, size, "16000", [], {}, 16000, 2, 1, 1e308]
    keys = ["rate", "width", "channels", "timestamp", "names", "data_length", "payload_length"]
    fields = {key: values[rng.integers(len(values))] for key in keys if rng.random() < 0.6}
    header = {"type": types[rng.integers(len(types))], "data": fields, **fields}
    line = json.dumps(header).encode() + b"\n"
    return (
        rng.bytes(size),  # random bytes
        b"[" * size + b"\n",  # nested too deeply, or too long a line
        line[: int(rng.integers(len(line)))],  # truncated
        line + rng.bytes(size),
        b"{'type': 'ping'}\n",  # nearly JSON
        b'{"type": "audio-chunk", "payload_length": 99999999999}\n' + rng.bytes(size),
    )[rng.integers(6)]
