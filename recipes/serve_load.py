"""Many clients at once: whether a Wyoming server loses a detection that `wakeword detect` finds.

    python recipes/serve_load.py word.wakeword evening.flac --clients 50 --minutes 10

Starts `wakeword serve` on loopback. Every client sends the recording over and over, as fast as it
plays, beginning at a place of its own, in pieces of 64 ms; it is told what a detector of its own
hears in the same sound, or that is counted. Prints detections expected and lost, how late the last
answers came, and the processor time it took: streams a core.
"""

from __future__ import annotations

import asyncio
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

from wakeword import audio
from wakeword.cli import opening, show

RATE = 16000
PIECE = 1024

Told = list[tuple[str | None, int | None]]


@click.command(cls=show.Command)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--clients", default=50, show_default=True)
@click.option("--minutes", default=10.0, show_default=True)
def main(model: Path, recording: Path, clients: int, minutes: float) -> None:
    """Serve MODEL to many clients that all play RECORDING."""
    sound = (np.concatenate(list(audio.blocks(recording))) * 32767).astype("<i2")
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
        try:
            told, late_s = asyncio.run(together(int(at[1]), streams))
            after = process.cpu_times()
            memory = process.memory_info().rss / 1e6
        finally:
            server.terminate()
    make = opening.source(model, None)
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
        f"{memory:.0f} MB"
    )
    if lost or extra:
        raise SystemExit(1)


async def together(
    port: int, streams: list[npt.NDArray[np.int16]]
) -> tuple[list[Told], list[float]]:
    """What each client was told, and how many seconds after its last sound it knew all."""
    results = await asyncio.gather(*(client(port, each) for each in streams))
    return [told for told, _ in results], [late_s for _, late_s in results]


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
