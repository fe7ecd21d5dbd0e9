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
as streams per core, and the server's memory at the start, at most, and at the end; the median and
the 99th percentile of the latency of a chunk, which includes the wait for a verifier; and, of a
two-stage model, how often the verifier ran, how long, and how long its calls waited. The exit code
is 1 where a detection was lost or unexpected.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import click
import numpy as np
import psutil
from load_clients import RATE, ClientResult, Detections, Pcm, run_clients, send_hostile_messages
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

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
    serve = [sys.executable, "-m", "wakeword", "serve", str(model)]
    command = [*serve, "--port", "0", "--web", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = re.search(r"tcp://.*:(\d+)", server.stdout.readline())
        page = re.search(r"http://\S+", server.stdout.readline())
        if not address or not page:
            raise click.ClickException("the server did not start.")
        process = psutil.Process(server.pid)
        before = process.cpu_times()
        memory = [process.memory_info().rss]
        try:
            results = asyncio.run(load_server(int(address[1]), streams, hostile, process, memory))
            after = process.cpu_times()
            with urllib.request.urlopen(f"{page[0]}metrics") as response:
                metrics = response.read().decode()
        finally:
            server.terminate()
    expected = expected_detections(model, streams)
    received = [set(result.detections) for result in results]
    lost = sum(len(set(e) - r) for e, r in zip(expected, received, strict=True))
    unexpected = sum(len(r - set(e)) for e, r in zip(expected, received, strict=True))
    latencies_ms = 1000 * np.concatenate([result.latencies_s for result in results])
    p50_ms, p99_ms = np.percentile(latencies_ms, [50, 99])
    delay_s = max(result.delay_s for result in results)
    cpu_s = after.user + after.system - before.user - before.system
    print(
        f"{clients} clients, {minutes:g} min each: {sum(map(len, expected))} detections expected, "
        f"{lost} lost, {unexpected} unexpected; all received {delay_s:.2f} s after the last audio; "
        f"{cpu_s:.0f} s of processor time: {clients * minutes * 60 / cpu_s:.0f} streams per core; "
        f"memory {memory[0] / 1e6:.0f} MB at the start, {max(memory) / 1e6:.0f} at most, "
        f"{memory[-1] / 1e6:.0f} at the end{f'; {hostile} hostile messages' if hostile else ''}"
    )
    print(f"latency of a chunk: median {p50_ms:.1f} ms, 99th percentile {p99_ms:.1f} ms")
    print(verifier_times(metrics))
    if lost or unexpected:
        raise SystemExit(1)


async def load_server(
    port: int, streams: list[Pcm], hostile: int, process: psutil.Process, memory: list[int]
) -> list[ClientResult]:
    """Run all clients; append the server's memory to `memory` twice a second."""

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
    return results


def verifier_times(metrics: str) -> str:
    """Return how often the verifier ran, and the 99th percentiles of its times, in words.

    Args:
        metrics: of the server, in Prometheus's exposition format.
    """
    families = {each.name: each for each in text_string_to_metric_families(metrics)}
    calls, ran_ms = percentile(families["wakeword_verification_seconds"])
    _, waited_ms = percentile(families["wakeword_verification_wait_seconds"])
    if not calls:
        return "the verifier was not called"
    return (
        f"verifier: {calls:.0f} calls; 99 % of them ran for at most {ran_ms:g} ms, 99 % waited for "
        f"at most {waited_ms:g} ms"
    )


def percentile(histogram: Metric) -> tuple[float, float]:
    """Return the count of a histogram of seconds, and the bucket, in ms, that 99 % are within."""
    buckets = [each for each in histogram.samples if each.name.endswith("_bucket")]
    count = buckets[-1].value
    within = next(each.labels["le"] for each in buckets if each.value >= 0.99 * count)
    return count, 1000 * float(within)


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
