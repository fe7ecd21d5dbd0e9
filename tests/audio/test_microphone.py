"""From the microphone or stdin to lines on stdout, with a fake PortAudio and a fake detector."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import fake_detector
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from wakeword.audio.files import save_audio
from wakeword.audio.microphone import Device, Microphone, list_devices
from wakeword.audio.pcm import RawPcm
from wakeword.cli.listen import Meter, Session, listen
from wakeword.errors import AudioError, ConfigError

RECIPE = Path(__file__).parents[2] / "recipes" / "pulse_microphone.py"


# --- a fake PortAudio ----------------------------------------------------------------------------


class FakePortAudioError(Exception):
    pass


class FakeStream:
    def __init__(self, sd, **options):
        sd.asked.append(options["channels"])
        if options["channels"] in sd.refused_channels:
            raise FakePortAudioError("Invalid number of channels", -9998)
        if options["samplerate"] in sd.refused_rates:
            raise FakePortAudioError("Invalid sample rate", -9997)
        self.options = options
        self.active = self.closed = False
        self.on_start = sd.on_start
        sd.streams.append(self)

    def start(self):
        self.active = True
        self.on_start(self)

    def close(self):
        self.active, self.closed = False, True

    def deliver(self, block, overflow=False):
        self.options["callback"](block, len(block), None, SimpleNamespace(input_overflow=overflow))


def device(name, channels, rate=48_000.0, hostapi=0):
    return {
        "name": name,
        "max_input_channels": channels,
        "default_samplerate": rate,
        "hostapi": hostapi,
    }


DEVICES = [
    device("Speakers", 0),
    device("USB Mic Pro", 2, 44_100.0),
    device("Headset", 1, hostapi=1),
    device("USB Mic Pro", 2, hostapi=1),
    device("pulse", 32),
]


@pytest.fixture
def sd(monkeypatch):
    """A sound system with four inputs; the first USB microphone is its default."""
    fake = ModuleType("sounddevice")
    fake.__dict__.update(
        PortAudioError=FakePortAudioError,
        devices=list(DEVICES),
        default=SimpleNamespace(device=[1, 0]),
        streams=[],
        asked=[],
        refused_channels=set(),
        refused_rates=set(),
        on_start=lambda stream: None,
        query_devices=lambda: fake.devices,
        query_hostapis=lambda: ({"name": "ALSA"}, {"name": "JACK"}),
        InputStream=lambda **options: FakeStream(fake, **options),
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


# --- devices -------------------------------------------------------------------------------------


def test_only_inputs_are_listed(sd):
    devices = list_devices()
    assert [d.index for d in devices] == [1, 2, 3, 4]
    assert devices[0] == Device(1, "USB Mic Pro", 2, 44_100, "ALSA", default=True)
    assert str(devices[0]) == "1: USB Mic Pro (ALSA, 2 channels, 44100 Hz, the default)"
    assert str(devices[1]) == "2: Headset (JACK, 1 channel, 48000 Hz)"


@pytest.mark.parametrize(
    ("wanted", "index"), [(None, 1), (2, 2), ("headset", 2), ("head", 2), ("usb mic pro", 1)]
)
def test_a_device_is_found_by_index_name_or_part_of_it(sd, wanted, index):
    assert Microphone(wanted).device.index == index


def test_an_unknown_name_suggests_the_nearest(sd):
    with pytest.raises(ConfigError, match="Did you mean 'Headset'"):
        Microphone("Haedset")


def test_an_ambiguous_name_asks_for_the_index(sd):
    sd.default.device[0] = 2
    with pytest.raises(ConfigError, match=r"matches 2 microphones.*1: USB Mic Pro.*3: USB Mic Pro"):
        Microphone("usb")


def test_an_index_that_is_no_input_lists_the_inputs(sd):
    with pytest.raises(AudioError, match=r"no microphone has the index 0.*2: Headset"):
        Microphone(0)


def test_without_a_default_the_error_lists_the_inputs(sd):
    sd.default.device[0] = -1
    with pytest.raises(AudioError, match=r"has no default microphone.*2: Headset"):
        Microphone()


@pytest.mark.parametrize(
    ("devices", "said"), [([], "no audio device at all"), (DEVICES[:1], "only outputs: Speakers")]
)
def test_without_a_microphone_the_error_lists_the_outputs(sd, devices, said):
    sd.devices = devices
    with pytest.raises(AudioError, match=f"no microphone found.*{said}.*listen FILE -"):
        Microphone()


def test_a_sound_system_that_does_not_answer_is_an_audio_error(sd):
    def broken():
        raise FakePortAudioError("no")

    sd.query_devices = broken
    with pytest.raises(AudioError, match="does not list its devices"):
        list_devices()


def test_without_the_package_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigError, match="pip install sounddevice"):
        Microphone()


def test_without_portaudio_the_error_names_the_system_package(monkeypatch, tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="apt-get install libportaudio2"):
        list_devices()


# --- the microphone ------------------------------------------------------------------------------


def test_blocks_come_at_the_devices_own_rate_and_are_copies(sd):
    with Microphone() as microphone:
        assert microphone.rate == 44_100
        assert sd.streams[0].options["samplerate"] == 44_100
        buffer = np.full((4, 1), 0.25, np.float32)
        sd.streams[0].deliver(buffer)
        buffer[:] = 0  # PortAudio uses its buffer again
        block = next(iter(microphone))
    assert block.dtype == np.float32
    np.testing.assert_array_equal(block, np.full(4, 0.25, np.float32))
    assert sd.streams[0].closed


@pytest.mark.parametrize(
    ("name", "channel", "asked"),
    [("Headset", None, 1), ("USB", None, 1), ("USB", 0, 2), ("pulse", 0, 2), ("pulse", 5, 6)],
)
def test_as_many_channels_are_opened_as_keep_them_apart(sd, name, channel, asked):
    """A sound server would mix all its channels into one, were it asked for one."""
    with Microphone(name, channel):
        assert sd.asked == [asked]


def test_the_requested_channel_is_delivered(sd):
    with Microphone(channel=1) as microphone:
        sd.streams[0].deliver(np.array([[0.1, 0.2], [0.3, 0.4]], np.float32))
        np.testing.assert_array_equal(next(iter(microphone)), np.float32([0.2, 0.4]))


def test_a_driver_that_refuses_one_channel_is_opened_with_all_and_mixed(sd):
    sd.refused_channels = {1}
    with Microphone() as microphone:
        assert sd.asked == [1, 2]
        sd.streams[0].deliver(np.array([[0.5, 0.25]], np.float32))
        np.testing.assert_array_equal(next(iter(microphone)), np.float32([0.375]))


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_channel_out_of_range_is_named(sd, channel):
    with pytest.raises(AudioError, match=rf"has 2 channel\(s\), channel {channel}.*0 to 1"):
        Microphone(channel=channel)


def test_a_refused_rate_is_an_error_that_names_the_devices_own(sd):
    sd.refused_rates = {16_000}
    with pytest.raises(AudioError, match=r"cannot be opened at 16000 Hz.*own rate is 44100 Hz"):
        Microphone(rate=16_000).__enter__()


def test_blocks_that_are_not_read_in_time_are_dropped_and_counted(sd):
    with Microphone() as microphone:
        for number in range(260):
            sd.streams[0].deliver(np.full((1, 1), number, np.float32))
        sd.streams[0].active = False
        kept = []
        with pytest.raises(AudioError):
            for block in microphone:
                kept.append(int(block[0]))
        assert kept == list(range(250))
        assert microphone.overflows == 10
    with Microphone() as microphone:
        sd.streams[1].deliver(np.zeros((1, 1), np.float32), overflow=True)
        assert microphone.overflows == 1


def test_an_unplugged_device_delivers_its_last_blocks_and_then_an_error(sd):
    received = []
    with Microphone() as microphone:
        sd.streams[0].deliver(np.ones((3, 1), np.float32))
        sd.streams[0].active = False
        with pytest.raises(AudioError, match=r"'USB Mic Pro' stopped delivering.*unplugged"):
            for block in microphone:
                received.append(block.size)
    assert received == [3]


def test_a_device_that_delivers_nothing_is_an_error(sd):
    with (
        Microphone(timeout_s=0.1) as microphone,
        pytest.raises(AudioError, match=r"delivered no audio for 0\.1 s"),
    ):
        next(iter(microphone))


def test_a_stream_with_an_invalid_pointer_counts_as_disconnected(sd, monkeypatch):
    def raises(self):
        raise FakePortAudioError("Invalid stream pointer")

    with Microphone() as microphone:
        monkeypatch.setattr(FakeStream, "active", property(raises), raising=False)
        with pytest.raises(AudioError, match="stopped delivering"):
            next(iter(microphone))
        monkeypatch.delattr(FakeStream, "active")


def test_closing_ends_the_loop_and_a_closed_microphone_gives_nothing(sd):
    with Microphone() as microphone:
        sd.streams[0].deliver(np.ones((1, 1), np.float32))
        for _ in microphone:
            microphone.close()
    assert list(microphone) == []


def test_iterating_an_unopened_microphone_is_an_error_that_says_how(sd):
    with pytest.raises(RuntimeError, match="with Microphone"):
        next(iter(Microphone()))


# --- the command ---------------------------------------------------------------------------------


def pcm(*parts, rate=16_000, channels=1):
    """Seconds of quiet and of loud noise, in turn, as bytes."""
    generator = np.random.default_rng(0)
    pieces = [
        generator.uniform(-0.5, 0.5, (round(s * rate), channels)) * (n % 2)
        for n, s in enumerate(parts)
    ]
    return (np.concatenate(pieces) * 32767).astype("<i2").tobytes()


@pytest.fixture
def detector(monkeypatch):
    monkeypatch.setattr("wakeword.cli.listen.open_detector", fake_detector.open_detector)


def invoke(*arguments, data=b""):
    return CliRunner().invoke(listen, list(arguments), input=data, catch_exceptions=False)


def test_each_detection_is_a_line(detector):
    result = invoke("m.wakeword", "-", data=pcm(1, 0.5, 1, 0.5, 0.1))
    assert result.exit_code == 0
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    assert [line[:2] for line in lines] == [["1.01 s", "loud"], ["2.51 s", "loud"]]
    assert "listening to stdin at 16000 Hz; threshold: loud 0.05. Ctrl-C ends." in result.stderr
    assert "listened for 3.1 s, 2 detection(s): loud 2" in result.stderr


def test_json_lines_rate_channels_and_threshold_reach_the_detector(detector):
    data = pcm(1, 0.5, rate=8_000, channels=2)
    options = ["--rate", "8000", "--channels", "2", "--channel", "1", "--threshold", "0.4"]
    result = invoke("m", "-", "--json", *options, data=data)
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert found.keys() == {"keyword", "score", "time", "start", "end"}
    assert (found["keyword"], found["time"], found["start"]) == ("loud", 1.01, 1.0)
    assert 0.4 < found["score"] <= 0.5
    assert "at 8000 Hz, channel 1; threshold: loud 0.4" in result.stderr


def test_the_last_sound_before_the_end_counts(detector):
    result = invoke("m", "-", data=pcm(1, 0.005))  # less than the detector takes at once
    assert "loud" in result.stdout


def test_nothing_heard_is_no_error(detector):
    result = invoke("m", "-", data=pcm(0.3))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 detection(s)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["song.wav"], "expected '-'"),
        (["-", "--device", "0"], "Leave one out"),
        (["--channels", "2"], "describes audio on stdin"),
        (["-", "--exec", "'"], "cannot be split"),
        (["-", "--exec", " "], "--exec is empty"),
        (["-", "--then", "'"], "--then.*cannot be split"),
        (["-", "--then", " "], "--then is empty"),
    ],
)
def test_options_that_do_not_fit_teach(detector, sd, arguments, said):
    with pytest.raises(ConfigError, match=said):
        invoke("m", *arguments)


def test_a_terminal_on_stdin_is_not_sound(detector, monkeypatch):
    from wakeword.cli import listen
    from wakeword.cli.listen import open_source

    monkeypatch.setattr(
        listen, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True), stdout=None)
    )
    with pytest.raises(ConfigError, match="nothing is piped"):
        open_source("-", None, None, None, None)


def test_the_devices_are_printed_without_a_model(sd):
    result = invoke("--list-devices")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1] == "2: Headset (JACK, 1 channel, 48000 Hz)"
    sd.devices = DEVICES[:1]
    result = invoke("--list-devices")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no microphone found" in result.stderr


def test_a_microphone_is_heard_until_it_is_unplugged(detector, sd, monkeypatch):
    samples = np.frombuffer(pcm(6, 0.2, rate=48_000), "<i2").astype(np.float32) / 32768

    def play(stream):
        for block in np.array_split(samples, 100):
            stream.deliver(block[:, None])
        stream.active = False

    sd.on_start = play
    said = CliRunner().invoke(listen, ["m", "--device", "2", "--json"])
    assert isinstance(said.exception, AudioError)
    assert json.loads(said.stdout)["time"] == pytest.approx(6.01)
    assert "listening to microphone Headset at 48000 Hz" in said.stderr
    assert said.stderr.count("only digital silence so far") == 1
    assert "listened for 6.2 s, 1 detection(s): loud 1" in said.stderr


def test_lost_sound_is_in_the_summary(detector, sd):
    def play(stream):
        stream.deliver(np.ones((1, 1), np.float32), overflow=True)
        stream.active = False

    sd.on_start = play
    assert "1 buffer overflow(s)" in CliRunner().invoke(listen, ["m"]).stderr


def python(code):
    return f'"{Path(sys.executable).as_posix()}" -c "{code}"'


def test_exec_runs_with_the_detection_in_its_environment(detector, tmp_path):
    script, told = tmp_path / "tell.py", tmp_path / "told"
    script.write_text(
        "import os, sys\n"
        "names = 'KEYWORD', 'SCORE', 'TIME'\n"
        "line = ' '.join(os.environ['WAKEWORD_' + n] for n in names)\n"
        "open(sys.argv[1], 'a').write(line + '\\n')\n"
    )
    command = f'"{Path(sys.executable).as_posix()}" "{script.as_posix()}" "{told.as_posix()}"'
    result = invoke("m", "-", "--exec", command, data=pcm(1, 0.1))
    keyword, score, seconds = told.read_text().split()
    assert (keyword, seconds) == ("loud", "1.010")
    assert 0.05 < float(score) <= 0.5
    assert "exec" not in result.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-command-at-all", "--exec could not run"),
        (python("raise SystemExit(3)"), "ended with 3"),
    ],
)
def test_a_command_that_fails_is_a_message(detector, command, said):
    result = invoke("m", "-", "--exec", command, data=pcm(1, 0.1, 1, 0.1))
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.count(said) == 2


def test_exec_does_not_hold_up_the_sound_or_print_into_the_detections(detector, capfd):
    command = python("import time; print('from the command', flush=True); time.sleep(1)")
    times = []

    class Sound(RawPcm):
        def __iter__(self):
            for block in super().__iter__():
                times.append(time.monotonic())
                yield block

    from wakeword.cli.listen import Runner

    console = Console(stderr=True)
    source = Sound(io.BytesIO(pcm(1, 0.1, 1, 0.1, 1, 0.1)))
    start = time.monotonic()
    Session(
        fake_detector.Detector(None), source, console, Runner(command, console), as_json=True
    ).run()
    assert times[-1] - start < 0.9
    out, err = capfd.readouterr()
    assert len([json.loads(line) for line in out.splitlines()]) == 3
    assert err.count("from the command") == 3


@pytest.mark.parametrize("wav", ["sys.stdin.buffer", "sys.argv[1]"])
def test_then_gets_what_is_said_after_the_keyword(detector, tmp_path, wav):
    script, told = tmp_path / "tell.py", tmp_path / "told"
    script.write_text(
        "import os, sys, wave\n"
        f"with wave.open({wav}) as file:\n"
        "    told = [file.getframerate(), file.getnchannels(), file.getnframes()]\n"
        f"path = sys.argv[1] if 'argv' in {wav!r} else ''\n"
        f"print(os.environ['WAKEWORD_KEYWORD'], *told, path, file=open({str(told)!r}, 'a'))\n"
    )
    command = f'"{Path(sys.executable).as_posix()}" "{script.as_posix()}"'
    if "argv" in wav:
        command += " {wav}"
    result = invoke("m", "-", "--then", command, data=pcm(1, 1.5, 1.2, 0.9))
    assert result.exit_code == 0 and "--then" not in result.stderr
    lines = sorted(told.read_text().splitlines(), key=lambda line: int(line.split()[3]))
    cut_short, ended = (line.split() for line in lines)
    assert ended[:3] == cut_short[:3] == ["loud", "16000", "1"]
    assert int(ended[3]) == pytest.approx((0.2 + 1.49 + 0.3) * 16_000, abs=640)
    assert int(cut_short[3]) == pytest.approx((0.2 + 0.89) * 16_000, abs=640)
    assert not any(Path(path).exists() for path in ended[4:] + cut_short[4:])


def test_then_is_no_shell_and_a_command_that_fails_is_a_message(detector, tmp_path):
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(' '.join(sys.argv[2:]))"
    told = (tmp_path / "told").as_posix()
    speech = pcm(1, 1.5, 1)
    invoke("m", "-", "--then", f"{python(code)} {told} $HOME; echo `id` > x", data=speech)
    assert Path(told).read_text() == "$HOME; echo `id` > x"
    for command, said in (
        ("no-such-command-at-all {wav}", "--then could not run"),
        (python("raise SystemExit(3)"), "--then .* ended with 3"),
    ):
        result = invoke("m", "-", "--then", command, data=pcm(1, 1.5, 1, 1.5, 1))
        assert result.exit_code == 0 and len(result.stdout.splitlines()) == 2
        assert len(re.findall(said, result.stderr)) == 2


def test_then_does_not_run_where_nothing_is_said(detector, tmp_path):
    told = (tmp_path / "told").as_posix()
    command = python(f"open('{told}', 'w')")
    result = invoke("m", "-", "--then", command, data=pcm(1, 0.2, 6))
    assert "nothing was said after 'loud' at 1.01 s; --then did not run" in result.stderr
    assert not Path(told).exists()


def test_the_meter_shows_level_and_best_score():
    meter = Meter(SimpleNamespace(scores={"alexa": 0.125, "computer": 0.75}))
    meter.level_db = -31.6
    console = Console(file=io.StringIO(), width=80)
    console.print(meter.render())
    assert " -32 dBFS" in console.file.getvalue()
    assert "computer 0.75" in console.file.getvalue()


def test_a_terminal_gets_the_meter_and_a_pipe_keeps_its_lines(capsys):
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    source = RawPcm(io.BytesIO(pcm(1, 0.1)))
    Session(fake_detector.Detector(None), source, console, None, as_json=False).run()
    assert "dBFS" in console.file.getvalue()
    assert capsys.readouterr().out.startswith("1.01 s  loud  0.")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a single process")
def test_ctrl_c_ends_with_a_summary_and_lines_come_at_once(tmp_path):
    environment = {**os.environ, "PYTHONPATH": fake_detector.python_path(tmp_path)}
    command = [sys.executable, "-c", "from wakeword.cli.listen import listen; listen()", "m", "-"]
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert b"listening to stdin" in process.stderr.readline()
        process.stdin.write(pcm(1, 0.1))
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"1.01 s  loud  0.")  # the pipe is still open
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, b"")
    assert re.search(rb"listened for 1\.\d s, 1 detection\(s\): loud 1\n", err)
    assert b"Traceback" not in err


# --- the recipe ----------------------------------------------------------------------------------


def run_recipe(model, recording, python_path=None, **environment):
    environment = {**os.environ, **environment}
    if python_path:
        environment["PYTHONPATH"] = python_path
    return subprocess.run(
        [sys.executable, str(RECIPE), str(model), str(recording)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )


def missing_for_recipe():
    spec = importlib.util.spec_from_file_location("pulse_microphone", RECIPE)
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    return recipe.missing()


def test_the_recipe_names_the_packages_it_misses(tmp_path):
    path = os.pathsep.join(map(str, [tmp_path, RECIPE.parents[1]]))
    result = run_recipe("m", "r.wav", path, PATH=str(tmp_path))
    assert result.returncode == 2
    assert "apt-get install pulseaudio;" in result.stderr
    assert "apt-get install pulseaudio-utils" in result.stderr


@pytest.mark.skipif(shutil.which("pulseaudio") is None, reason="pulseaudio is not installed")
@pytest.mark.parametrize(("loud_s", "code"), [(0.5, 0), (0.0, 1)])
def test_the_recipe_hears_what_is_played_into_the_room(tmp_path, loud_s, code):
    absent = missing_for_recipe()
    if absent:
        pytest.skip("; ".join(absent))
    samples = np.frombuffer(pcm(0.5, loud_s, 0.5), "<i2").astype(np.float32) / 32768
    save_audio(tmp_path / "sound.wav", samples)
    stand_in = fake_detector.python_path(tmp_path)
    temporary = tmp_path / "t"
    temporary.mkdir()
    sound_path = tmp_path / "sound.wav"
    result = run_recipe("m.wakeword", sound_path, stand_in, TMPDIR=str(temporary))
    assert result.returncode == code, result.stderr
    assert "listening to microphone default at 44100 Hz" in result.stderr
    assert ("loud  0." in result.stdout) == (code == 0)
    assert list(temporary.iterdir()) == []
