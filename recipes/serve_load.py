"""Many clients at once: whether a Wyoming server loses a detection that `wakeword detect` finds.

    python recipes/serve_load.py word.wakeword evening.flac --clients 50 --minutes 10
    python recipes/serve_load.py word.wakeword evening.flac --clients 5 --minutes 3 --hostile 20000

Starts `wakeword serve` on loopback. Every client sends the recording over and over, as fast as it
plays, beginning at a place of its own, in pieces of 64 ms; it is told what a detector of its own
hears in the same sound, or that is counted. Prints detections expected and lost, how late the last
answers came, and the processor time it took: streams a core.

`--hostile` sends so many messages beside them that no client of good will sends: too long, cut
off, of random bytes and random fields, or begun and never ended. Prints the server's memory before,
at its highest and at the end.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import psutil
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection

from wakeword.audio.files import iter_audio
from wakeword.cli import detector_factory
from wakeword.cli.console import TeachingCommand

RATE = 16000
PIECE = 1024

Told = list[tuple[str | None, int | None]]


@click.command(cls=TeachingCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--clients", default=50, show_default=True)
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--hostile", default=0, help="Messages of no good will beside them.")
def main(model: Path, recording: Path, clients: int, minutes: float, hostile: int) -> None:
    """Serve MODEL to many clients that all play RECORDING."""
    sound = (np.concatenate(list(iter_audio(recording))) * 32767).astype("<i2")
    length = round(minutes * 60 * RATE)
    begins = [i * len(sound) // clients for i in range(clients)]
    streams = [np.resize(np.roll(sound, -begin), length) for begin in begins]
    command = [sys.executable, "-m", "wakeword", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        at = re.search(r"tcp://.*:(\d+)", server.stdout.readline())
        if not at:
            raise click.ClickException("the server did not start.")
        process = psutil.Process(server.pid)
        before = process.cpu_times()
        memory = [process.memory_info().rss]
        try:
            told, late_s = asyncio.run(together(int(at[1]), streams, hostile, process, memory))
            after = process.cpu_times()
        finally:
            server.terminate()
    make = detector_factory.open_detector_factory(model, None)
    expected: list[Told] = []
    for each in streams:
        detector = make(RATE)
        found = [*detector.feed(each), *detector.flush()]
        expected.append([(one.keyword, round(1000 * one.time)) for one in found])
    lost = sum(len(set(e) - set(t)) for e, t in zip(expected, told, strict=True))
    extra = sum(len(set(t) - set(e)) for e, t in zip(expected, told, strict=True))
    took_s = after.user + after.system - before.user - before.system
    print(
        f"{clients} clients, {minutes:g} min each: {sum(map(len, expected))} detections expected, "
        f"{lost} lost, {extra} too many; all told {max(late_s):.2f} s after the last sound; "
        f"{took_s:.0f} s of processor time: {clients * minutes * 60 / took_s:.0f} streams a core; "
        f"memory {memory[0] / 1e6:.0f} MB at first, {max(memory) / 1e6:.0f} at most, "
        f"{memory[-1] / 1e6:.0f} in the end{f'; {hostile} hostile messages' if hostile else ''}"
    )
    if lost or extra:
        raise SystemExit(1)


async def together(
    port: int,
    streams: list[npt.NDArray[np.int16]],
    hostile: int,
    process: psutil.Process,
    memory: list[int],
) -> tuple[list[Told], list[float]]:
    """What each client was told, and how many seconds after its last sound it knew all."""

    async def watch() -> None:
        while True:
            memory.append(process.memory_info().rss)
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch())
    wrong = asyncio.create_task(harass(port, hostile))
    results = await asyncio.gather(*(client(port, each) for each in streams))
    await wrong
    watching.cancel()
    memory.append(process.memory_info().rss)
    return [told for told, _ in results], [late_s for _, late_s in results]


async def harass(port: int, messages: int, at_once: int = 8) -> None:
    """So many messages, each on a connection of its own, which is left as it is: some are held
    until so many others have been begun."""
    rng = np.random.default_rng(0)
    held: list[asyncio.StreamWriter] = []

    async def one() -> None:
        slow = rng.random() < 0.1
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(nonsense(rng))
            await writer.drain()
            if slow:
                held.append(writer)
                writer = held.pop(0) if len(held) > at_once else None
            if writer:
                writer.close()
        except ConnectionError:  # the server may have hung up before all was sent
            pass

    for first in range(0, messages, at_once):
        await asyncio.gather(*(one() for _ in range(min(at_once, messages - first))))
    for writer in held:
        writer.close()


def nonsense(rng: np.random.Generator) -> bytes:
    """What no client of good will sends."""
    size = int(rng.integers(1, 1 << 17))
    kinds = ["audio-chunk", "audio-start", "detect", "describe", "x" * (size % 99)]
    values = [None, -1, 1 << 40, size, "16000", [], {}, 16000, 2, 1, 1e308]
    keys = ["rate", "width", "channels", "timestamp", "names", "data_length", "payload_length"]
    header = {key: values[rng.integers(len(values))] for key in keys if rng.random() < 0.6}
    about = {"type": kinds[rng.integers(len(kinds))], "data": header, **header}
    line = json.dumps(about).encode() + b"\n"
    return (
        rng.bytes(size),  # of any kind
        b"[" * size + b"\n",  # nested, or too long a line
        line[: int(rng.integers(len(line)))],  # cut off
        line + rng.bytes(size),
        b"{'type': 'ping'}\n",  # nearly JSON
        b'{"type": "audio-chunk", "payload_length": 99999999999}\n' + rng.bytes(size),
    )[rng.integers(6)]


async def client(port: int, sound: npt.NDArray[np.int16]) -> tuple[Told, float]:
    told: Told = []
    async with AsyncTcpClient("127.0.0.1", port) as connection:

        async def receive() -> None:
            while event := await connection.read_event():
                if Pong.is_type(event.type):
                    return
                if Detection.is_type(event.type):
                    found = Detection.from_event(event)
                    told.append((found.name, found.timestamp))

        receiving = asyncio.create_task(receive())
        await connection.write_event(Detect().event())
        await connection.write_event(AudioStart(RATE, 2, 1, 0).event())
        began = time.monotonic()
        for first in range(0, len(sound), PIECE):
            ahead_s = first / RATE - (time.monotonic() - began)
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            piece = sound[first : first + PIECE]
            await connection.write_event(AudioChunk(RATE, 2, 1, piece.tobytes()).event())
        ended = time.monotonic()
        await connection.write_event(AudioStop().event())
        await connection.write_event(Ping("all").event())
        await receiving
    return told, time.monotonic() - ended


if __name__ == "__main__":
    main()
