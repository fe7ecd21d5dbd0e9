"""Try the whole microphone path on a machine without a microphone (Linux, PulseAudio).

Plays RECORDING into a virtual room and lets `wakeword listen MODEL` hear it as it hears a real
microphone: PulseAudio -> ALSA -> PortAudio -> resampling -> model -> detection. The PulseAudio
daemon is private, lives in a temporary folder, and leaves a running one and its settings alone.

    python recipes/pulse_microphone.py MODEL RECORDING

Needs: apt-get install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2
       pip install "wakeword[mic]"
Takes: the length of the recording and about 10 seconds, most of it starting up.
Exits: 0 the wake word was heard, 1 it was not (or listening failed), 2 something is missing.
"""

from __future__ import annotations

import argparse
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

import numpy as np

from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples

QUIET_S = 2  # before the recording: the stream gets going; after it: the model's look-ahead
START_S = 120  # the slowest start that we wait for: a large model on a small board
ALSA_FOLDERS = ("/usr/lib/*/alsa-lib", "/usr/lib/alsa-lib", "/usr/lib64/alsa-lib")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="what `wakeword train` wrote")
    parser.add_argument("recording", help="a recording with the wake word in it, any format")
    arguments = parser.parse_args()
    absent = missing()
    if absent:
        print(f"missing: {'; '.join(absent)}", file=sys.stderr)
        return 2
    # started in the background, a process ignores Ctrl-C, and so would what it starts
    signal.signal(signal.SIGINT, signal.default_int_handler)
    samples = load_audio(arguments.recording)
    with tempfile.TemporaryDirectory(prefix="wakeword-") as name, ExitStack() as processes:
        folder = Path(name)
        start_pulse(folder, processes)
        environment = microphone_environment(folder)
        listener = start_listening(arguments.model, folder, environment, processes)
        play(samples, folder, environment)
        heard = folder / "heard.txt"
        wait_for(lambda: heard.stat().st_size > 0, listener, seconds=5)
        listener.send_signal(signal.SIGINT)
        listener.wait(timeout=30)
        print((folder / "listen.log").read_text(), end="", file=sys.stderr)
        print(heard.read_text() or "not heard\n", end="")
        return 0 if heard.stat().st_size else 1


def missing() -> list[str]:
    """What has to be installed first, and how."""
    plugins = [p for f in ALSA_FOLDERS for p in Path("/").glob(f[1:] + "/*_pcm_pulse.so")]
    there = {
        "the daemon: apt-get install pulseaudio": shutil.which("pulseaudio"),
        "paplay: apt-get install pulseaudio-utils": shutil.which("paplay"),
        "ALSA's pulse plugin: apt-get install libasound2-plugins": plugins,
        "PortAudio: apt-get install libportaudio2": ctypes.util.find_library("portaudio"),
        'sounddevice: pip install "wakeword[mic]"': importlib.util.find_spec("sounddevice"),
    }
    return [what for what, found in there.items() if not found]


def start_pulse(folder: Path, processes: ExitStack) -> None:
    """A daemon whose only output is a null sink; the sink's monitor is the default microphone."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PULSE_")}
    # Its own home keeps cookies and state here, and makes it start for root as for anyone.
    environment |= dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"), str(folder))
    options = ["-n", "--system=no", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
    options += ["--realtime=no", "--high-priority=no", "--disable-shm=yes"]
    options += ["-L", f"module-native-protocol-unix socket={folder}/native"]
    options += ["-L", "module-null-sink sink_name=room rate=48000"]
    daemon = start(["pulseaudio", *options], folder / "pulse.log", environment, processes)
    if not wait_for((folder / "native").exists, daemon, seconds=20):
        raise SystemExit(f"PulseAudio did not start:\n{(folder / 'pulse.log').read_text()}")


def microphone_environment(folder: Path) -> dict[str, str]:
    """PortAudio speaks ALSA here: show it one device, the private daemon's."""
    server = f"unix:{folder}/native"
    config = folder / "alsa.conf"
    config.write_text(f'pcm.default {{ type pulse server "{server}" device "room.monitor" }}\n')
    return {
        **os.environ,
        "ALSA_CONFIG_PATH": str(config),
        "PULSE_SERVER": server,
        "PULSE_COOKIE": str(folder / "cookie"),
        "PULSE_RUNTIME_PATH": str(folder),  # else traces are left in the user's home
        "PULSE_STATE_PATH": str(folder),
    }


def start_listening(
    model: str, folder: Path, environment: dict[str, str], processes: ExitStack
) -> subprocess.Popen[bytes]:
    """`wakeword listen MODEL`, running and hearing; its output goes into files."""
    command = [sys.executable, "-m", "wakeword", "listen", model]
    log = folder / "listen.log"
    listener = start(command, log, environment, processes, output=folder / "heard.txt")
    if not wait_for(lambda: "listening to" in log.read_text(), listener, seconds=START_S):
        raise SystemExit(f"`wakeword listen` did not start:\n{log.read_text()}")
    return listener


def play(samples: Samples, folder: Path, environment: dict[str, str]) -> None:
    """Into the room, in real time, with quiet around it."""
    save_audio(folder / "played.wav", np.pad(samples, QUIET_S * SAMPLE_RATE))
    subprocess.run(["paplay", str(folder / "played.wav")], env=environment, check=True)


def start(
    command: list[str],
    log: Path,
    environment: dict[str, str],
    processes: ExitStack,
    output: Path | None = None,
) -> subprocess.Popen[bytes]:
    """A process that does not outlive the recipe."""
    with log.open("ab") as errors, (output or log).open("ab") as lines:
        process = subprocess.Popen(command, env=environment, stdout=lines, stderr=errors)
    processes.callback(process.wait)
    processes.callback(process.kill)
    return process


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float
) -> bool:
    """Whether the condition came true before the process or the time ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


if __name__ == "__main__":
    raise SystemExit(main())
