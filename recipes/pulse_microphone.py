"""Test the complete microphone path on a machine without a microphone (Linux, PulseAudio).

    python recipes/pulse_microphone.py MODEL RECORDING

Plays RECORDING into a virtual device and lets `wakeword listen MODEL` capture it like a real
microphone: PulseAudio -> ALSA -> PortAudio -> resampling -> model -> detection. The PulseAudio
daemon is private and lives in a temporary folder; a running daemon and its settings stay untouched.

Needs: apt-get install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2
       pip install "wakeword[mic]"
Duration: that of the recording and about 10 seconds, most of them to start.
Exit code: 0 the keyword was detected, 1 it was not (or listening failed), 2 something is missing.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click
import numpy as np

from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples

PADDING_S = 2  # of silence before the recording, to start the stream, and after it: look-ahead
START_S = 120  # the slowest start to wait for: a large model on a small board
ALSA_FOLDERS = ("/usr/lib/*/alsa-lib", "/usr/lib/alsa-lib", "/usr/lib64/alsa-lib")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
def main(model: Path, recording: Path) -> None:
    """Play RECORDING, in any format, to `wakeword listen MODEL`."""
    absent = missing()
    if absent:
        print(f"missing: {'; '.join(absent)}", file=sys.stderr)
        sys.exit(2)
    # A process started in the background ignores Ctrl-C, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    samples = load_audio(recording)
    with tempfile.TemporaryDirectory(prefix="wakeword-") as name, ExitStack() as processes:
        folder = Path(name)
        start_pulse(folder, processes)
        environment = microphone_environment(folder)
        listener = start_listening(model, folder, environment, processes)
        play(samples, folder, environment)
        detections = folder / "detections.txt"
        wait_for(lambda: detections.stat().st_size > 0, listener, seconds=5)
        listener.send_signal(signal.SIGINT)
        listener.wait(timeout=30)
        print((folder / "listen.log").read_text(), end="", file=sys.stderr)
        print(detections.read_text() or "not detected\n", end="")
        is_detected = detections.stat().st_size > 0
    sys.exit(0 if is_detected else 1)


def missing() -> list[str]:
    """Return what must be installed first, and how."""
    plugins = [p for f in ALSA_FOLDERS for p in Path("/").glob(f[1:] + "/*_pcm_pulse.so")]
    present = {
        "the daemon: apt-get install pulseaudio": shutil.which("pulseaudio"),
        "paplay: apt-get install pulseaudio-utils": shutil.which("paplay"),
        "ALSA's pulse plugin: apt-get install libasound2-plugins": plugins,
        "PortAudio: apt-get install libportaudio2": ctypes.util.find_library("portaudio"),
        'sounddevice: pip install "wakeword[mic]"': importlib.util.find_spec("sounddevice"),
    }
    return [name for name, where in present.items() if not where]


def start_pulse(folder: Path, processes: ExitStack) -> None:
    """Start a daemon whose only output is a null sink, whose monitor is the default microphone."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PULSE_")}
    # A home of its own keeps cookies and state here, and lets it start for root too.
    environment |= dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"), str(folder))
    options = ["-n", "--system=no", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
    options += ["--realtime=no", "--high-priority=no", "--disable-shm=yes"]
    options += ["-L", f"module-native-protocol-unix socket={folder}/native"]
    options += ["-L", "module-null-sink sink_name=room rate=48000"]
    daemon = start(["pulseaudio", *options], folder / "pulse.log", environment, processes)
    if not wait_for((folder / "native").exists, daemon, seconds=20):
        raise SystemExit(f"PulseAudio did not start:\n{(folder / 'pulse.log').read_text()}")


def microphone_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which PortAudio, by ALSA, sees only the private daemon's device."""
    server = f"unix:{folder}/native"
    config = folder / "alsa.conf"
    config.write_text(f'pcm.default {{ type pulse server "{server}" device "room.monitor" }}\n')
    return {
        **os.environ,
        "ALSA_CONFIG_PATH": str(config),
        "PULSE_SERVER": server,
        "PULSE_COOKIE": str(folder / "cookie"),
        "PULSE_RUNTIME_PATH": str(folder),  # otherwise files are left in the user's home
        "PULSE_STATE_PATH": str(folder),
    }


def start_listening(
    model: Path, folder: Path, environment: dict[str, str], processes: ExitStack
) -> subprocess.Popen[bytes]:
    """Start `wakeword listen MODEL` and wait until it captures; its output goes into files."""
    command = [sys.executable, "-m", "wakeword", "listen", str(model)]
    log = folder / "listen.log"
    listener = start(command, log, environment, processes, output=folder / "detections.txt")
    if not wait_for(lambda: "listening to" in log.read_text(), listener, seconds=START_S):
        raise SystemExit(f"`wakeword listen` did not start:\n{log.read_text()}")
    return listener


def play(samples: Samples, folder: Path, environment: dict[str, str]) -> None:
    """Play samples into the null sink, in real time, with silence before and after."""
    save_audio(folder / "played.wav", np.pad(samples, PADDING_S * SAMPLE_RATE))
    subprocess.run(["paplay", str(folder / "played.wav")], env=environment, check=True)


def start(
    command: list[str],
    log: Path,
    environment: dict[str, str],
    processes: ExitStack,
    output: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process that does not outlive the recipe."""
    with log.open("ab") as errors, (output or log).open("ab") as lines:
        process = subprocess.Popen(command, env=environment, stdout=lines, stderr=errors)
    processes.callback(process.wait)
    processes.callback(process.kill)
    return process


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float
) -> bool:
    """Return whether the condition became true before the process or the time ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


if __name__ == "__main__":
    main()
