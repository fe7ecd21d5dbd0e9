"""What is heard over the network is what is heard at home, whatever else others send."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny as tiny_family
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

import wakeword
from wakeword.cli import main
from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.model.file import save_model
from wakeword.serve.limits import ClientLimits
from wakeword.serve.registry import ClientError, ModelRegistry
from wakeword.serve.wyoming import WyomingServer, WyomingSession, read_event

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
RATE = 16_000
CHUNK = 1024  # samples, as Home Assistant's satellites send them


@pytest.fixture
def words(tiny: EncoderSpec) -> ModelRegistry:
    """Two models; every peak of theirs is a detection."""
    files = {}
    for seed, keywords in enumerate((("alexa", "computer"), ("jarvis",))):
        model = tiny_family.model(keywords=keywords, seed=seed)
        files[Path(f"{seed}.wakeword")] = lambda rate, of=model: Detector(
            of, threshold=0.0, rate=rate
        )
    return ModelRegistry(files)


def at_home(
    words: ModelRegistry, asked: list[str] | None, pcm: np.ndarray
) -> list[tuple[str, int]]:
    ears = words.ears(asked, RATE)
    found = [*ears.feed(pcm), *ears.flush()]
    return [(each.keyword, round(1000 * each.time)) for each in found]


def pcm(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    return (tiny_family.sound(seconds, seed) * 32767).astype("<i2")


def chunks(sound: np.ndarray, start_ms: int = 0) -> Iterator[Event]:
    for at in range(0, len(sound), CHUNK):
        part = sound[at : at + CHUNK].tobytes()
        yield AudioChunk(RATE, 2, 1, part, start_ms + at * 1000 // RATE).event()


def on_server(
    words: ModelRegistry, use: Callable[[int], Awaitable[Any]], limits: ClientLimits | None = None
) -> Any:
    """What `use` of a server's port gives."""

    async def run() -> Any:
        server = WyomingServer(words, LOOPBACK, limits)
        listening = await server.start("127.0.0.1", 0)
        try:
            return await asyncio.wait_for(use(listening.sockets[0].getsockname()[1]), 60)
        finally:
            await server.stop(listening)

    return asyncio.run(run())


async def heard(port: int, sound: np.ndarray, asked: list[str] | None = None) -> list[Event]:
    """A stream from its beginning to its end, as satellites send it: everything that comes."""
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(Detect(names=asked).event())
        await client.write_event(AudioStart(RATE, 2, 1, 5000).event())
        for chunk in chunks(sound, 5000):
            await client.write_event(chunk)
        await client.write_event(AudioStop(6000).event())
        await client.write_event(Ping("end").event())
        found: list[Event] = []
        while event := await client.read_event():
            if Pong.is_type(event.type):
                return found
            found.append(event)
    raise AssertionError(f"the server went after {found}")


def told(events: list[Event]) -> list[tuple[str | None, int | None]]:
    found = [Detection.from_event(event) for event in events]
    return [(each.name, each.timestamp) for each in found]


def test_describe_names_every_keyword(words: ModelRegistry) -> None:
    async def ask(port: int) -> Event | None:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Describe().event())
            return await client.read_event()

    program = Info.from_event(on_server(words, ask)).wake[0]
    assert program.installed and program.version == wakeword.__version__
    assert [model.name for model in program.models] == ["alexa", "computer", "jarvis"]
    assert all(model.installed and model.phrase == model.name for model in program.models)


@pytest.mark.parametrize("asked", [None, [], ["jarvis"], ["jarvis", "computer"]])
def test_a_stream_over_the_network_is_heard_as_at_home(
    words: ModelRegistry, asked: list[str] | None
) -> None:
    expected = [(word, 5000 + ms) for word, ms in at_home(words, asked or None, pcm())]
    assert len(expected) > 3
    found = told(on_server(words, lambda port: heard(port, pcm(), asked)))
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_home_assistant_asks_for_one_word_and_hangs_up_when_it_comes(words: ModelRegistry) -> None:
    """Its order: describe on one connection; on another, for every turn, detect, audio-start
    without a time, chunks with times, no stop; it reads while it sends and leaves in the middle."""
    sound, begins_ms = pcm(4.0), 70_000
    first = next(ms for word, ms in at_home(words, ["jarvis"], sound))

    async def turn(port: int) -> Detection:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Detect(names=["jarvis"]).event())
            await client.write_event(AudioStart(rate=RATE, width=2, channels=1).event())
            coming = asyncio.create_task(client.read_event())
            for chunk in chunks(sound, begins_ms):
                await client.write_event(chunk)
                done, _ = await asyncio.wait([coming], timeout=0.01)
                if done:
                    break
            event = await coming
            assert event is not None and Detection.is_type(event.type)
            return Detection.from_event(event)

    async def turns(port: int) -> list[Detection]:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Describe().event())
            assert await client.read_event() is not None
        return [await turn(port) for _ in range(3)]

    found = on_server(words, turns)
    assert [(each.name, each.timestamp) for each in found] == 3 * [("jarvis", begins_ms + first)]


def test_a_stream_without_the_word_ends_with_not_detected(words: ModelRegistry) -> None:
    silence = np.zeros(4096, dtype="<i2")
    quiet = ModelRegistry(
        {Path("a"): lambda rate: Detector(tiny_family.model(threshold=1.0), rate=rate)}
    )
    events = on_server(quiet, lambda port: heard(port, silence))
    assert [event.type for event in events] == [NotDetected().event().type]


def test_many_clients_hear_what_each_would_alone(words: ModelRegistry) -> None:
    async def all_at_once(port: int) -> list[list[Event]]:
        return await asyncio.gather(*(heard(port, pcm(1.0, seed)) for seed in range(50)))

    for seed, events in enumerate(on_server(words, all_at_once)):
        alone = [(word, 5000 + ms) for word, ms in at_home(words, None, pcm(1.0, seed))]
        assert sorted(told(events), key=str) == sorted(alone, key=str)


def test_stereo_and_other_rates_are_taken_as_they_come(words: ModelRegistry) -> None:
    sound = (tiny_family.sound(1.0, rate=48_000) * 32767).astype("<i2")
    ears = words.ears(None, 48_000)
    expected = [*ears.feed(sound), *ears.flush()]
    session = WyomingSession(words)
    both = np.repeat(sound, 2)  # the same left and right
    answers = session.answer(AudioChunk(48_000, 2, 2, both.tobytes()).event())
    answers += session.answer(AudioStop().event())
    assert [name for name, _ in told(answers)] == [each.keyword for each in expected]


def test_a_keyword_that_two_models_hear_is_refused(tiny: EncoderSpec) -> None:
    def make(rate: int) -> Detector:
        return Detector(tiny_family.model(), rate=rate)

    with pytest.raises(ConfigError, match=r"b\.wakeword: hears 'alexa', as a\.wakeword does"):
        ModelRegistry({Path("a.wakeword"): make, Path("b.wakeword"): make})


WRONG = {
    "no JSON": (b"GET / HTTP/1.1\r\n\r\n", "not an event"),
    "no object": (b"[1, 2]\n", "JSON object"),
    "nested": (b"[" * 60_000 + b"\n", "not an event"),
    "no type": (b"{}\n", "without a type"),
    "too long a line": (b"x" * 100_000, "not an event"),
    "too much data": (b'{"type": "detect", "data_length": 99999999}\n', "data_length"),
    "too much sound": (b'{"type": "audio-chunk", "payload_length": 99999999999}\n', "payload"),
    "a negative length": (b'{"type": "audio-chunk", "payload_length": -1}\n', "payload_length"),
    "names of another kind": (b'{"type": "detect", "data": {"names": "alexa"}}\n', "a list of"),
    "an unknown name": (b'{"type": "detect", "data": {"names": ["alex"]}}\n', "Did you mean"),
    "8 bits": (
        b'{"type": "audio-start", "data": {"rate": 16000, "width": 1, "channels": 1}}\n',
        "16-bit",
    ),
    "a rate of nothing": (
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


@pytest.mark.parametrize("name", WRONG)
def test_who_sends_nonsense_is_told_and_let_go_and_others_hear_on(
    words: ModelRegistry, name: str
) -> None:
    sent, expected = WRONG[name]

    async def beside(port: int) -> tuple[bytes, list[Event]]:
        async def wrong() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            answer = await reader.read()
            writer.close()
            return answer

        return tuple(await asyncio.gather(wrong(), heard(port, pcm())))  # type: ignore[return-value]

    answer, events = on_server(words, beside)
    line, _, data = answer.partition(b"\n")
    assert json.loads(line)["type"] == "error"
    assert expected in json.loads(data)["text"]
    assert len(events) == len(at_home(words, None, pcm()))


def test_the_form_of_the_sound_may_not_change(words: ModelRegistry) -> None:
    session = WyomingSession(words)
    session.answer(AudioStart(RATE, 2, 1).event())
    with pytest.raises(ClientError, match="changed in the middle"):
        session.answer(AudioChunk(8000, 2, 1, b"").event())


def test_who_is_silent_or_one_too_many_goes(words: ModelRegistry) -> None:
    async def silent(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'{"type": "audio-chunk", "payload_len')  # and never the rest
        answer = await reader.read()
        writer.close()
        return answer

    assert on_server(words, silent, ClientLimits(idle_s=0.2)) == b""

    async def two(port: int) -> bytes:
        _, first = await asyncio.open_connection("127.0.0.1", port)
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        answer = await reader.read()
        for writer in (first, second):
            writer.close()
        return answer

    assert b"1 clients are connected" in on_server(words, two, ClientLimits(clients=1))


def test_strangers_are_refused(words: ModelRegistry) -> None:
    async def run() -> bytes:
        server = WyomingServer(words, [ipaddress.ip_network("192.0.2.0/24")])
        listening = await server.start("127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = await reader.read()
        writer.close()
        await server.stop(listening)
        return answer

    assert b"127.0.0.1 may not listen here" in asyncio.run(run())


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
def test_any_events_are_answered_or_refused(words: ModelRegistry, events: list[Event]) -> None:
    session = WyomingSession(words)
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
def test_any_bytes_end_in_an_error_or_nothing(words: ModelRegistry, sent: list[bytes]) -> None:
    async def send() -> None:
        reader = asyncio.StreamReader(limit=1 << 10)
        reader.feed_data(b"".join(sent))
        reader.feed_eof()
        session = WyomingSession(words)
        while event := await read_event(reader, ClientLimits()):
            session.answer(event)

    try:
        asyncio.run(send())
    except ClientError as error:
        assert str(error)


def test_the_command_serves_until_it_is_told_to_stop(tiny: EncoderSpec, tmp_path: Path) -> None:
    file = tmp_path / "two.wakeword"
    save_model(tiny_family.model(), file)
    command = (
        "import tiny, wakeword.encoders.registry as r; r._SPECS['tiny'] = tiny.spec(); "
        f"from wakeword.cli import main; main(['serve', {str(file)!r}, '--port', '0'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(tiny_family.__file__).parent)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("hearing alexa, computer at tcp://127.0.0.1:")
    port = int(line.split(":")[2].split(";")[0])
    events = asyncio.run(heard(port, pcm()))
    assert events
    if sys.platform != "win32":
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    process.kill()
    process.stdout.close()


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (["--host", "0.0.0.0"], "--allow 192.168.1.20"),
        (["--allow", "everyone"], "expected an address or a network"),
        (["--host", "no.such.host.invalid", "--allow", "10.0.0.0/8"], "cannot be listened at"),
    ],
)
def test_what_cannot_be_served_teaches(
    tiny: EncoderSpec, tmp_path: Path, given_: list[str], expected: str
) -> None:
    file = tmp_path / "one.wakeword"
    save_model(tiny_family.model(), file)
    result = CliRunner().invoke(main, ["serve", str(file), *given_])
    assert result.exit_code == 2
    assert expected in " ".join(result.output.split())
