"""The Wyoming clients of the load test: well-behaved ones, and a hostile one."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np
import numpy.typing as npt
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection

RATE = 16_000
CHUNK = 1024  # samples, 64 ms

Pcm = npt.NDArray[np.int16]
Detections = list[tuple[str | None, int | None]]
"""Keyword and time in milliseconds."""


async def run_clients(port: int, streams: list[Pcm]) -> list[tuple[Detections, float]]:
    """Run one client per stream; return what each received and its delay in seconds."""
    return await asyncio.gather(*(run_client(port, stream) for stream in streams))


async def run_client(port: int, stream: Pcm) -> tuple[Detections, float]:
    """Send a stream at real-time speed; return the detections, and how late the last answer was."""
    received: Detections = []
    async with AsyncTcpClient("127.0.0.1", port) as connection:

        async def receive() -> None:
            while event := await connection.read_event():
                if Pong.is_type(event.type):
                    return
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
        ended = time.monotonic()
        await connection.write_event(AudioStop().event())
        await connection.write_event(Ping("all").event())
        await receiver
    return received, time.monotonic() - ended


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
