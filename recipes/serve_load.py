"""Load test: whether a Wyoming server with many clients loses a detection.

    python recipes/serve_load.py word.wakeword evening.flac --clients 50 --minutes 10
    python recipes/serve_load.py word.wakeword evening.flac --clients 5 --minutes 3 --hostile 20000

Starts `wakeword serve` on loopback. Every client sends the recording in a loop, at real-time speed,
starting at a place of its own, in chunks of 64 ms. The detections it gets are compared with those
of a detector that is fed the same audio.

`--hostile` also sends so many messages that no well-behaved client sends: too long, truncated, of
random bytes and random fields, or never completed.

Data: a model and a recording. Duration: MINUTES, and as long to compute the expected detections.
Prints detections expected, lost and unexpected, how late the last answers came, the processor time
as streams per core, and the server's memory at the start, at most, and at the end. The exit code is
1 where a detection was lost or unexpected.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import psutil
from load_clients import RATE, Detections, Pcm, run_clients, send_hostile_messages

from wakeword.audio.files import iter_audio
from wakeword.cli import detector_factory
from wakeword.cli.console import TeachingCommand


@click.command(cls=TeachingCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--clients", default=50, show_default=True)
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--hostile", default=0, help="Number of hostile messages.")
def main(model: Path, recording: Path, clients: int, minutes: float, hostile: int) -> None:
    """Serve MODEL to many clients that all play RECORDING."""
    pcm = (np.concatenate(list(iter_audio(recording))) * 32767).astype("<i2")
    length = round(minutes * 60 * RATE)
    starts = [i * len(pcm) // clients for i in range(clients)]
    streams = [np.resize(np.roll(pcm, -start), length) for start in starts]
    command = [sys.executable, "-m", "wakeword", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = re.search(r"tcp://.*:(\d+)", server.stdout.readline())
        if not address:
            raise click.ClickException("the server did not start.")
        process = psutil.Process(server.pid)
        before = process.cpu_times()
        memory = [process.memory_info().rss]
        try:
            received, delays_s = asyncio.run(
                load_server(int(address[1]), streams, hostile, process, memory)
            )
            after = process.cpu_times()
        finally:
            server.terminate()
    expected = expected_detections(model, streams)
    lost = sum(len(set(e) - set(r)) for e, r in zip(expected, received, strict=True))
    unexpected = sum(len(set(r) - set(e)) for e, r in zip(expected, received, strict=True))
    cpu_s = after.user + after.system - before.user - before.system
    print(
        f"{clients} clients, {minutes:g} min each: {sum(map(len, expected))} detections expected, "
        f"{lost} lost, {unexpected} unexpected; all received {max(delays_s):.2f} s after the last "
        f"audio; {cpu_s:.0f} s of processor time: {clients * minutes * 60 / cpu_s:.0f} streams per "
        f"core; memory {memory[0] / 1e6:.0f} MB at the start, {max(memory) / 1e6:.0f} at most, "
        f"{memory[-1] / 1e6:.0f} at the end{f'; {hostile} hostile messages' if hostile else ''}"
    )
    if lost or unexpected:
        raise SystemExit(1)


async def load_server(
    port: int, streams: list[Pcm], hostile: int, process: psutil.Process, memory: list[int]
) -> tuple[list[Detections], list[float]]:
    """Run all clients; append the server's memory to `memory` twice a second.

    Returns:
        What each client received, and its delay in seconds after its last audio.
    """

    async def watch_memory() -> None:
        while True:
            memory.append(process.memory_info().rss)
            await asyncio.sleep(0.5)

    watcher = asyncio.create_task(watch_memory())
    hostile_sender = asyncio.create_task(send_hostile_messages(port, hostile))
    results = await run_clients(port, streams)
    await hostile_sender
    watcher.cancel()
    memory.append(process.memory_info().rss)
    return [received for received, _ in results], [delay_s for _, delay_s in results]


def expected_detections(model: Path, streams: list[Pcm]) -> list[Detections]:
    """Return what a detector of its own finds in each stream."""
    make_detector = detector_factory.open_detector_factory(model, None)
    expected: list[Detections] = []
    for stream in streams:
        detector = make_detector(RATE)
        detections = [*detector.feed(stream), *detector.flush()]
        expected.append([(each.keyword, round(1000 * each.time)) for each in detections])
    return expected


if __name__ == "__main__":
    main()
