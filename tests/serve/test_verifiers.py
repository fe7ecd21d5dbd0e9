"""Clients of a server do not wait for the verifiers of other clients."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
import verifiers
from two_stage import tiny_gate
from wyoming.audio import AudioChunk, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection

from wakeword.audio.samples import Samples
from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.cascade import CascadeState, Logits, StartedBlock
from wakeword.model.two_stage import TwoStageModel
from wakeword.serve.metrics import ServerMetrics
from wakeword.serve.registry import ModelRegistry
from wakeword.serve.threads import ServerThreads
from wakeword.serve.wyoming import WyomingServer

RATE = 16_000
CORES = 2
SPEECH = tiny_family.synthetic_audio(2.5)


@pytest.fixture
def verified(tiny: EncoderSpec) -> TwoStageModel:
    """A model whose verifier is called in `SPEECH`."""
    return verifiers.in_blocks()


@pytest.fixture
def registry(verified: TwoStageModel, monkeypatch: pytest.MonkeyPatch) -> ModelRegistry:
    """Serves a two-stage model and one of one stage, "jarvis", as if on two cores."""
    monkeypatch.setattr("wakeword.serve.threads.available_cores", lambda: CORES)
    gate_alone = tiny_gate(("jarvis",))
    return ModelRegistry(
        {
            Path("a"): lambda rate: Detector(verified, threshold=0.0, rate=rate),
            Path("b"): lambda rate: Detector(gate_alone, threshold=0.0, rate=rate),
        }
    )


@pytest.fixture
def verifier(verified: TwoStageModel) -> Iterator[verifiers.WaitingVerifier]:
    """The verifier, which waits; what still runs at the end of a test may finish."""
    waiting = verifiers.WaitingVerifier(verified)
    verified.__dict__["verify"] = waiting
    yield waiting
    waiting.may_finish.set()


def metric(metrics: ServerMetrics, name: str) -> float:
    lines = metrics.text().decode().splitlines()
    return float(dict(line.rsplit(" ", 1) for line in lines if line[0] != "#")[name])


async def ask(client: AsyncTcpClient, keyword: str, audio: Samples) -> None:
    """Send a stream, and a ping after it."""
    await client.write_event(Detect(names=[keyword]).event())
    payload = (audio * 32767).astype("<i2").tobytes()
    await client.write_event(AudioChunk(RATE, 2, 1, payload).event())
    await client.write_event(AudioStop().event())
    await client.write_event(Ping("end").event())


async def detections(client: AsyncTcpClient) -> list[str | None]:
    """Return the keywords that are detected before the answer to the ping."""
    found: list[str | None] = []
    while event := await client.read_event():
        if Pong.is_type(event.type):
            return found
        if Detection.is_type(event.type):
            found.append(Detection.from_event(event).name)
    raise AssertionError("the server closed the connection")


def test_a_client_is_answered_while_verifiers_of_others_run(
    registry: ModelRegistry, verified: TwoStageModel, verifier: verifiers.WaitingVerifier
) -> None:
    """More clients than the server has cores wait for their verifiers."""
    begin, calls = verified.begin, threading.Semaphore(0)

    def count_calls(block: Samples, state: CascadeState | None = None) -> StartedBlock:
        started = begin(block, state)
        if started.call:
            calls.release()
        return started

    verified.__dict__["begin"] = count_calls

    async def run() -> None:
        server = WyomingServer(registry, [ipaddress.ip_network("127.0.0.0/8")])
        listening = await server.start("127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        async with AsyncExitStack() as connections:
            connections.push_async_callback(server.stop, listening)
            connections.callback(verifier.may_finish.set)
            *waiting, other = [
                await connections.enter_async_context(AsyncTcpClient("127.0.0.1", port))
                for _ in range(3 * CORES + 1)
            ]
            for client in waiting:
                await ask(client, "alexa", SPEECH)
            for _ in waiting:
                assert await asyncio.to_thread(calls.acquire, timeout=verifiers.TIMEOUT_S)
            await ask(other, "jarvis", SPEECH)
            assert set(await detections(other)) == {"jarvis"}
            assert verifier.count <= CORES - 1 and not verifier.may_finish.is_set()
            verifier.may_finish.set()
            for client in waiting:
                assert set(await detections(client)) == {"alexa"}

    asyncio.run(asyncio.wait_for(run(), 2 * verifiers.TIMEOUT_S))
    ran = metric(registry.metrics, "wakeword_verification_seconds_count")
    waited = metric(registry.metrics, "wakeword_verification_wait_seconds_count")
    assert ran == waited == verifier.count > 3 * CORES


def test_a_session_detects_what_a_detector_does(
    registry: ModelRegistry, verified: TwoStageModel
) -> None:
    session = registry.open_session(["alexa", "computer"], RATE)
    expected = Detector(verified, threshold=0.0)
    samples = (SPEECH * 32767).astype(np.int16)
    assert session.feed(samples) == expected.feed(samples) != []
    assert session.flush() == expected.flush()
    assert metric(registry.metrics, "wakeword_verification_seconds_count") > 0


def test_a_stream_that_waits_for_its_verifier_frees_its_core(
    verified: TwoStageModel,
) -> None:
    threads = ServerThreads(ServerMetrics(), cores=1)
    entered = threading.Event()

    def compute() -> None:
        with threads.computing():
            entered.set()

    def verify(samples: Samples) -> Logits:
        assert entered.wait(verifiers.TIMEOUT_S)
        return samples[None]

    verified.__dict__["verify"] = verify
    with threads.computing():
        other = threading.Thread(target=compute)
        other.start()
        logits = threads.verify(verified, np.ones(3, np.float32))
    other.join()
    assert logits.tolist() == [[1.0, 1.0, 1.0]]


def test_no_more_threads_compute_at_once_than_there_are_cores() -> None:
    threads = ServerThreads(ServerMetrics(), CORES)
    computing = most = 0
    lock = threading.Lock()

    def compute(_: int) -> None:
        nonlocal computing, most
        with threads.computing():
            with lock:
                computing += 1
                most = max(most, computing)
            time.sleep(0.01)
            with lock:
                computing -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(compute, range(16)))
    assert 1 <= most <= CORES


def test_the_processor_time_of_verifiers_is_counted(verified: TwoStageModel) -> None:
    metrics = ServerMetrics()
    threads = ServerThreads(metrics, CORES)

    def verify(samples: Samples) -> Logits:
        start_s = time.thread_time()
        while time.thread_time() < start_s + 0.02:
            pass
        return samples[None]

    verified.__dict__["verify"] = verify
    with threads.computing():
        threads.verify(verified, np.ones(3, np.float32))
    assert metric(metrics, "wakeword_busy_seconds_total") >= 0.02
    assert metric(metrics, "wakeword_verification_seconds_sum") >= 0.02


def test_an_error_of_a_verifier_reaches_its_stream_alone(verified: TwoStageModel) -> None:
    threads = ServerThreads(ServerMetrics(), cores=1)

    def fail(samples: Samples) -> Logits:
        raise MemoryError("no memory for the window")

    verified.__dict__["verify"] = fail
    with threads.computing(), pytest.raises(MemoryError, match="no memory for the window"):
        threads.verify(verified, np.ones(3, np.float32))
    verified.__dict__["verify"] = lambda samples: samples[None]
    with threads.computing():
        assert threads.verify(verified, np.ones(3, np.float32)).shape == (1, 3)
