"""Wyoming clients get the detections of a local detector, whatever other clients send."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny as tiny_family
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event, write_event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

import wakeword
from wakeword import storage
from wakeword.cli import main
from wakeword.cli.detector_factory import open_detector_factory
from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.model.file import save_model
from wakeword.model.languages import record_languages
from wakeword.serve.client_log import ClientLog
from wakeword.serve.limits import ClientLimits
from wakeword.serve.registry import ClientError, ModelRegistry, ServedModel
from wakeword.serve.wyoming import WyomingServer, WyomingSession, describe, read_event

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
RATE = 16_000
CHUNK = 1024  # samples, as Home Assistant's satellites send them


@pytest.fixture
def registry(tiny: EncoderSpec) -> ModelRegistry:
    """Two models; every peak of their scores is a detection."""
    factories = {}
    for seed, keywords in enumerate((("alexa", "computer"), ("jarvis",))):
        model = tiny_family.model(keywords=keywords, seed=seed)
        factories[Path(f"{seed}.wakeword")] = lambda rate, of=model: Detector(
            of, threshold=0.0, rate=rate
        )
    return ModelRegistry(factories)


def local_detections(
    registry: ModelRegistry, names: list[str] | None, samples: np.ndarray
) -> list[tuple[str, int]]:
    """(keyword, milliseconds) as detected without a network."""
    session = registry.open_session(names, RATE)
    detections = [*session.feed(samples), *session.flush()]
    return [(each.keyword, round(1000 * each.time)) for each in detections]


def pcm(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    return (tiny_family.synthetic_audio(seconds, seed) * 32767).astype("<i2")


def chunks(samples: np.ndarray, start_ms: int = 0) -> Iterator[Event]:
    for start in range(0, len(samples), CHUNK):
        payload = samples[start : start + CHUNK].tobytes()
        yield AudioChunk(RATE, 2, 1, payload, start_ms + start * 1000 // RATE).event()


def with_server(
    registry: ModelRegistry,
    use: Callable[[int], Awaitable[Any]],
    limits: ClientLimits | None = None,
) -> Any:
    """Run `use(port)` against a running server."""

    async def run() -> Any:
        server = WyomingServer(registry, LOOPBACK, limits)
        listening = await server.start("127.0.0.1", 0)
        try:
            return await asyncio.wait_for(use(listening.sockets[0].getsockname()[1]), 60)
        finally:
            await server.stop(listening)

    return asyncio.run(run())


async def stream(port: int, samples: np.ndarray, names: list[str] | None = None) -> list[Event]:
    """Send a whole stream as satellites do; returns all answers."""
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Detect(names=names).event())
        await client.write_event(AudioStart(RATE, 2, 1, 5000).event())
        for chunk in chunks(samples, 5000):
            await client.write_event(chunk)
        await client.write_event(AudioStop(6000).event())
        await client.write_event(Ping("end").event())
        answers: list[Event] = []
        while event := await client.read_event():
            if Pong.is_type(event.type):
                return answers
            answers.append(event)
    raise AssertionError(f"the server closed the connection after {answers}")


def parse_detections(events: list[Event]) -> list[tuple[str | None, int | None]]:
    """(keyword, milliseconds) of detection events."""
    detections = [Detection.from_event(event) for event in events]
    return [(each.name, each.timestamp) for each in detections]


def test_describe_names_every_keyword(registry: ModelRegistry) -> None:
    async def ask(port: int) -> Event | None:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Describe().event())
            return await client.read_event()

    program = Info.from_event(with_server(registry, ask)).wake[0]
    assert program.installed and program.version == wakeword.__version__
    assert [model.name for model in program.models] == ["alexa", "computer", "jarvis"]
    assert all(model.installed and model.phrase == model.name for model in program.models)


@pytest.mark.parametrize("names", [None, [], ["jarvis"], ["jarvis", "computer"]])
def test_a_stream_gets_the_detections_of_a_local_detector(
    registry: ModelRegistry, names: list[str] | None
) -> None:
    local = local_detections(registry, names or None, pcm())
    expected = [(keyword, 5000 + ms) for keyword, ms in local]
    assert len(expected) > 3
    detections = parse_detections(with_server(registry, lambda port: stream(port, pcm(), names)))
    assert sorted(detections, key=str) == sorted(expected, key=str)


def test_home_assistant_requests_one_keyword_and_disconnects_at_its_detection(
    registry: ModelRegistry,
) -> None:
    """It describes on one connection; on another, each time, it sends detect, audio-start without
    a timestamp, chunks with timestamps and no stop, reads while it sends, and disconnects."""
    samples, start_ms = pcm(4.0), 70_000
    first_ms = next(ms for _, ms in local_detections(registry, ["jarvis"], samples))

    async def listen_once(port: int) -> Detection:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Detect(names=["jarvis"]).event())
            await client.write_event(AudioStart(rate=RATE, width=2, channels=1).event())
            answer = asyncio.create_task(client.read_event())
            for chunk in chunks(samples, start_ms):
                await client.write_event(chunk)
                done, _ = await asyncio.wait([answer], timeout=0.01)
                if done:
                    break
            event = await answer
            assert event is not None and Detection.is_type(event.type)
            return Detection.from_event(event)

    async def listen_repeatedly(port: int) -> list[Detection]:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Describe().event())
            assert await client.read_event() is not None
        return [await listen_once(port) for _ in range(3)]

    detections = with_server(registry, listen_repeatedly)
    expected = 3 * [("jarvis", start_ms + first_ms)]
    assert [(each.name, each.timestamp) for each in detections] == expected


def test_home_assistant_shows_readable_names() -> None:
    """It shows the description, sends the name, and compares satellites by the phrase."""
    keywords = ["hey_computer", "OK Nabu", "你好百度", "_"]
    registry = SimpleNamespace(keywords=keywords, describe=lambda _: ServedModel([], None))
    (program,) = describe(registry).wake  # type: ignore[arg-type]
    shown = [(model.name, model.description, model.phrase) for model in program.models]
    assert shown == [
        ("hey_computer", "Hey computer", "hey computer"),
        ("OK Nabu", "OK Nabu", "OK Nabu"),
        ("你好百度", "你好百度", "你好百度"),
        ("_", "_", "_"),
    ]
    for each in (program, *program.models):
        assert each.installed and each.attribution.name and each.attribution.url
    assert program.version == wakeword.__version__


def test_describe_lists_the_languages_and_the_version_of_each_model(
    tiny: EncoderSpec, tmp_path: Path
) -> None:
    spoken = {"alexa": ["en", "pt-BR"], "jarvis": []}
    files = {keyword: tmp_path / f"{keyword}.wakeword" for keyword in spoken}
    for keyword, file in files.items():
        model = tiny_family.model(keywords=(keyword,))
        record_languages(model, spoken[keyword])
        save_model(model, file)
    registry = ModelRegistry({file: open_detector_factory(file, None) for file in files.values()})
    (program,) = describe(registry).wake
    assert {model.name: model.languages for model in program.models} == spoken
    digits = {model.name: model.version for model in program.models}
    assert digits == {keyword: storage.sha256(file)[:12] for keyword, file in files.items()}


def test_each_satellite_has_keywords_of_its_own(registry: ModelRegistry) -> None:
    choices = [["alexa"], ["jarvis"], ["alexa", "jarvis"]]

    async def all_at_once(port: int) -> list[list[Event]]:
        return await asyncio.gather(*(stream(port, pcm(), names) for names in choices))

    for names, events in zip(choices, with_server(registry, all_at_once), strict=True):
        expected = [(name, 5000 + ms) for name, ms in local_detections(registry, names, pcm())]
        assert sorted(parse_detections(events), key=str) == sorted(expected, key=str)
        assert {name for name, _ in expected} == set(names)


def test_a_satellite_sends_detect_again_after_a_command(registry: ModelRegistry) -> None:
    """It stays connected; its audio has a gap while it streams the command elsewhere."""
    first, second = pcm(1.0), pcm(2.0, seed=1)
    session = WyomingSession(registry)
    session.answer(Detect(names=["alexa"]).event())
    for chunk in chunks(first):
        session.answer(chunk)
    session.answer(Detect(names=["jarvis"]).event())
    answers = [answer for chunk in chunks(second, 9000) for answer in session.answer(chunk)]
    answers += session.answer(AudioStop().event())
    expected = [(name, 9000 + ms) for name, ms in local_detections(registry, ["jarvis"], second)]
    assert parse_detections(answers) == expected != []


def test_a_satellite_that_vanishes_can_connect_again(registry: ModelRegistry) -> None:
    async def vanish(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'{"type": "detect", "data": {"names": ["jarvis"]}}\n')
        writer.write(b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "chan')
        await writer.drain()
        writer.transport.abort()  # a reset, as of a satellite that loses its power

    async def run(port: int) -> list[Event]:
        for _ in range(3):
            await vanish(port)
        return await stream(port, pcm(), ["jarvis"])

    events = with_server(registry, run)
    assert len(events) == len(local_detections(registry, ["jarvis"], pcm())) > 0


def test_a_stream_without_the_keyword_ends_with_not_detected(registry: ModelRegistry) -> None:
    silence = np.zeros(4096, dtype="<i2")
    strict = ModelRegistry(
        {Path("a"): lambda rate: Detector(tiny_family.model(threshold=1.0), rate=rate)}
    )
    events = with_server(strict, lambda port: stream(port, silence))
    assert [event.type for event in events] == [NotDetected().event().type]


def test_clients_do_not_influence_each_other(registry: ModelRegistry) -> None:
    async def all_at_once(port: int) -> list[list[Event]]:
        return await asyncio.gather(*(stream(port, pcm(1.0, seed)) for seed in range(50)))

    for seed, events in enumerate(with_server(registry, all_at_once)):
        local = local_detections(registry, None, pcm(1.0, seed))
        alone = [(keyword, 5000 + ms) for keyword, ms in local]
        assert sorted(parse_detections(events), key=str) == sorted(alone, key=str)


def test_stereo_and_other_rates_are_accepted(registry: ModelRegistry) -> None:
    samples = (tiny_family.synthetic_audio(1.0, rate=48_000) * 32767).astype("<i2")
    local = registry.open_session(None, 48_000)
    expected = [*local.feed(samples), *local.flush()]
    session = WyomingSession(registry)
    stereo = np.repeat(samples, 2)  # the same left and right
    answers = session.answer(AudioChunk(48_000, 2, 2, stereo.tobytes()).event())
    answers += session.answer(AudioStop().event())
    assert [name for name, _ in parse_detections(answers)] == [each.keyword for each in expected]


def test_a_keyword_of_two_models_is_refused(tiny: EncoderSpec) -> None:
    def make_detector(rate: int) -> Detector:
        return Detector(tiny_family.model(), rate=rate)

    message = r"b\.wakeword: detects 'alexa', and so does a\.wakeword"
    with pytest.raises(ConfigError, match=message):
        ModelRegistry({Path("a.wakeword"): make_detector, Path("b.wakeword"): make_detector})


INVALID = {
    "no JSON": (b"GET / HTTP/1.1\r\n\r\n", "not an event"),
    "no object": (b"[1, 2]\n", "JSON object"),
    "nested": (b"[" * 60_000 + b"\n", "not an event"),
    "no type": (b"{}\n", "without a type"),
    "too long a line": (b"x" * 100_000, "not an event"),
    "too much data": (b'{"type": "detect", "data_length": 99999999}\n', "data_length"),
    "too much audio": (b'{"type": "audio-chunk", "payload_length": 99999999999}\n', "payload"),
    "a negative length": (b'{"type": "audio-chunk", "payload_length": -1}\n', "payload_length"),
    "names that are no list": (
        b'{"type": "detect", "data": {"names": "alexa"}}\n',
        "a list of keywords",
    ),
    "an unknown name": (b'{"type": "detect", "data": {"names": ["alex"]}}\n', "Did you mean"),
    "8 bits": (
        b'{"type": "audio-start", "data": {"rate": 16000, "width": 1, "channels": 1}}\n',
        "16-bit",
    ),
    "a rate of 0": (
        b'{"type": "audio-start", "data": {"rate": 0, "width": 2, "channels": 1}}\n',
        "rate of 0",
    ),
    "no channels": (
        b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 0}}\n',
        "0 channels",
    ),
    "half a sample": (
        b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "channels": 1}, '
        b'"payload_length": 3}\nabc',
        "not whole samples",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_data_ends_its_connection_and_no_other(registry: ModelRegistry, name: str) -> None:
    sent, expected = INVALID[name]

    async def at_once(port: int) -> tuple[bytes, list[Event]]:
        async def send_invalid() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            answer = await reader.read()
            writer.close()
            return answer

        return tuple(await asyncio.gather(send_invalid(), stream(port, pcm())))  # type: ignore[return-value]

    answer, events = with_server(registry, at_once)
    line, _, data = answer.partition(b"\n")
    assert json.loads(line)["type"] == "error"
    assert expected in json.loads(data)["text"]
    assert len(events) == len(local_detections(registry, None, pcm()))


def test_a_client_and_its_detections_are_logged(
    registry: ModelRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wakeword.serve")
    events = with_server(registry, lambda port: stream(port, pcm(), ["jarvis"]))
    lines = [re.sub(r"127\.0\.0\.1:\d+", "CLIENT", each) for each in caplog.messages]
    connected, listens, *detected, disconnected = lines
    assert connected == "CLIENT (wyoming) connected"
    assert listens == "CLIENT (wyoming) listens for jarvis at 16000 Hz"
    assert len(detected) == len(events) > 0
    assert all(each.startswith("detected 'jarvis' for CLIENT (wyoming): ") for each in detected)
    assert disconnected.startswith("CLIENT (wyoming) disconnected after ")


def test_refused_clients_are_logged(
    registry: ModelRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    async def send(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"[1, 2]\n")
        await reader.read()
        writer.close()

    with_server(registry, send)
    (message,) = [each for each in caplog.messages if "refused" in each]
    assert re.fullmatch(r"refused 127\.0\.0\.1:\d+ \(wyoming\): not an event .*", message)


def test_a_refused_client_that_still_sends_learns_why(registry: ModelRegistry) -> None:
    events = [Detect(names=["nobody"]).event(), *chunks(pcm(10.0))]

    def send(port: int) -> bytes:
        """Read only at the end, as a client does that blocks on sending."""
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            with client.makefile("wb") as writer:
                for event in events:
                    write_event(event, writer)
                    time.sleep(0.002)
            return client.recv(1 << 16)

    answer = with_server(registry, lambda port: asyncio.to_thread(send, port))
    assert b"unknown keyword 'nobody'" in answer


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        (("192.168.1.20", 5), "192.168.1.20:5 (wyoming)"),
        (("fe80::1", 5, 0, 0), "[fe80::1]:5 (wyoming)"),
        (None, "an unknown address (wyoming)"),
    ],
)
def test_the_log_names_a_client_by_its_address(
    caplog: pytest.LogCaptureFixture, peer: object, client: str
) -> None:
    ClientLog(peer, "wyoming").refused("too large")
    assert caplog.messages == [f"refused {client}: too large"]


def test_the_audio_format_may_not_change_within_a_stream(registry: ModelRegistry) -> None:
    session = WyomingSession(registry)
    session.answer(AudioStart(RATE, 2, 1).event())
    with pytest.raises(ClientError, match="changed within a stream"):
        session.answer(AudioChunk(8000, 2, 1, b"").event())


def test_idle_clients_and_clients_beyond_the_limit_are_disconnected(
    registry: ModelRegistry,
) -> None:
    async def idle(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'{"type": "audio-chunk", "payload_len')  # and never the rest
        answer = await reader.read()
        writer.close()
        return answer

    assert with_server(registry, idle, ClientLimits(idle_s=0.2)) == b""

    async def two(port: int) -> bytes:
        _, first = await asyncio.open_connection("127.0.0.1", port)
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        answer = await reader.read()
        for writer in (first, second):
            writer.close()
        return answer

    answer = with_server(registry, two, ClientLimits(clients=1))
    assert b"all 1 connections are in use" in answer


def test_clients_from_other_networks_are_refused(registry: ModelRegistry) -> None:
    async def run() -> bytes:
        server = WyomingServer(registry, [ipaddress.ip_network("192.0.2.0/24")])
        listening = await server.start("127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = await reader.read()
        writer.close()
        await server.stop(listening)
        return answer

    assert b"127.0.0.1 is not allowed to connect" in asyncio.run(run())


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
_kinds = st.sampled_from(
    ["describe", "detect", "audio-start", "audio-chunk", "audio-stop", "ping", "run-satellite"]
)
_known = st.fixed_dictionaries(
    {},
    optional={
        "rate": st.sampled_from([16000, 8000, 44100]) | _json,
        "width": st.just(2) | _json,
        "channels": st.sampled_from([1, 2]) | _json,
        "timestamp": st.integers() | _json,
        "names": st.just(["alexa"]) | _json,
        "text": _json,
    },
)


@settings(
    max_examples=int(os.environ.get("WAKEWORD_FUZZ", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.builds(Event, _kinds | st.text(max_size=8), _known, st.none() | st.binary(max_size=99)),
        max_size=6,
    )
)
def test_any_events_are_answered_or_refused(registry: ModelRegistry, events: list[Event]) -> None:
    session = WyomingSession(registry)
    for event in events:
        try:
            answers = session.answer(event)
        except ClientError:
            break
        assert all(isinstance(json.dumps(answer.to_dict()), str) for answer in answers)


@settings(
    max_examples=int(os.environ.get("WAKEWORD_FUZZ", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from(
            [b"\n", b'{"type": "audio-chunk", "data_length": 5}\n', b'{"type": "ping"}\n', b"{}"]
        ),
        max_size=5,
    )
)
def test_any_bytes_end_in_an_error_or_nothing(registry: ModelRegistry, sent: list[bytes]) -> None:
    async def send() -> None:
        reader = asyncio.StreamReader(limit=1 << 10)
        reader.feed_data(b"".join(sent))
        reader.feed_eof()
        session = WyomingSession(registry)
        while event := await read_event(reader, ClientLimits()):
            session.answer(event)

    try:
        asyncio.run(send())
    except ClientError as error:
        assert str(error)


@pytest.mark.parametrize("quiet", [False, True])
def test_the_command_serves_and_logs_until_sigterm(
    tiny: EncoderSpec, tmp_path: Path, quiet: bool
) -> None:
    file = tmp_path / "two.wakeword"
    save_model(tiny_family.model(), file)
    command = (
        "import tiny, wakeword.encoders.registry as r; r.register_encoder(tiny.spec()); "
        f"from wakeword.cli import main; main({['--quiet'] * quiet} + "
        f"['serve', {str(file)!r}, '--port', '0', '--threshold', '0'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(tiny_family.__file__).parent)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("serving alexa, computer at tcp://127.0.0.1:")
    port = int(line.split(":")[2].split(";")[0])
    assert asyncio.run(stream(port, pcm()))
    if sys.platform != "win32":
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    process.kill()
    _, log = process.communicate()
    assert (
        bool(re.search(r"^\d{4}-\d\d-\d\d .* INFO .*detected 'alexa' for 127", log, re.M)) != quiet
    )
    assert not (quiet and log)


def test_messages_are_logged_for_debugging(
    registry: ModelRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "wakeword.serve")
    with_server(registry, lambda port: stream(port, pcm(0.1)))
    sent = [each.rpartition(" sends ")[2] for each in caplog.messages if " sends " in each]
    assert sent == ["detect", "audio-start", "audio-stop", "ping"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--host", "0.0.0.0"], "--allow 192.168.1.20"),
        (["--allow", "everyone"], "expected an address or a network"),
        (["--host", "no.such.host.invalid", "--allow", "10.0.0.0/8"], "cannot listen on"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tiny: EncoderSpec, tmp_path: Path, options: list[str], expected: str
) -> None:
    file = tmp_path / "one.wakeword"
    save_model(tiny_family.model(), file)
    result = CliRunner().invoke(main, ["serve", str(file), *options])
    assert result.exit_code == 2
    assert expected in " ".join(result.output.split())
