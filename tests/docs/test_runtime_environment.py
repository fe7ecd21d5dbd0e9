"""The page for small devices, followed in a clean environment that `make runtime-venv` makes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import project_file
import pytest
import tiny as tiny_family

from wakeword import runtime
from wakeword.audio.files import load_audio, save_audio
from wakeword.encoders.spec import EncoderSpec
from wakeword.exporting.onnx import export_onnx

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "raspberry-pi.md"
MICROPHONE = "wakeword listen computer.onnx"
"""The line of the page that needs a microphone."""


def page_lines() -> list[str]:
    """The commands that the page gives for the device, without their comments."""
    _, _, text = PAGE.read_text("utf-8").partition("\n## On the Pi\n")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]


def make_recipe() -> list[str]:
    """The commands of `make runtime-venv`."""
    text = (ROOT / "Makefile").read_text("utf-8")
    _, _, recipe = text.partition("\nruntime-venv:")
    lines = recipe.partition("\n\n")[0].splitlines()[1:]
    return [line.strip().partition("  #")[0] for line in lines if not line.strip().startswith("@")]


def test_the_page_installs_what_make_installs() -> None:
    installs = [
        line.replace("$(PYTHON)", "python3")
        .replace("$(DIR)/bin/", "")
        .replace("$(DIR)", "~/wakeword-venv")
        for line in make_recipe()
    ]
    lines = page_lines()
    assert len(installs) == 3
    assert [lines[0], *lines[2:4]] == installs and lines[1] == ". ~/wakeword-venv/bin/activate"


def test_the_group_repeats_the_versions_of_dependencies_and_extras() -> None:
    runtime_group = project_file.runtime_requirements()
    assert set(runtime_group) <= set(project_file.requirements())
    names = set(map(project_file.module_of, runtime_group))
    assert {"numpy", "onnxruntime"} <= names and not names & {"torch", "torchaudio", "librosa"}


def test_the_package_itself_can_train() -> None:
    dependencies = project_file.read()["project"]["dependencies"]
    needed = {"torch", "torchaudio", "librosa", "soundfile", "click"}
    assert needed <= set(map(project_file.module_of, dependencies))


def skip_without_index(folder: Path) -> None:
    for program in ("make", "bash"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here")
    probe = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries", "0"]
    probe += ["--timeout", "15", "-q", "-d", str(folder), "hatchling"]
    done = subprocess.run(probe, capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:]
        pytest.skip(f"no package index can be reached: {reason}")


class Device:
    """A folder and an environment with nothing but what `make runtime-venv` installs."""

    def __init__(self, place: Path) -> None:
        self.home, self.bin = place / "home", place / "venv" / "bin"
        self.home.mkdir()
        hidden = ("PYTHONPATH", "VIRTUAL_ENV", "WAKEWORD_CACHE")
        self.environment = {k: v for k, v in os.environ.items() if k not in hidden}
        make = ["make", "runtime-venv", f"DIR={place / 'venv'}", f"PYTHON={sys.executable}"]
        done = subprocess.run(
            make, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stdout + done.stderr
        path = [str(place), str(self.bin), os.environ["PATH"]]
        self.environment["PATH"] = os.pathsep.join(path)

    def run(self, *command: str) -> str:
        """Run a command to its end; return its standard output."""
        done = subprocess.run(
            command,
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def serve(self, line: str) -> None:
        """Run a server until it says where it listens, then stop it."""
        command = [*shlex.split(line), "--port", "0"]
        with subprocess.Popen(
            command,
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as server:
            assert server.stdout is not None
            first = server.stdout.readline()
            server.send_signal(signal.SIGTERM)
            rest = server.stdout.read()
        assert first.startswith("serving computer at tcp://"), first + rest
        assert server.returncode == 0, rest


def write_files(home: Path) -> list[float]:
    """Write a model and a recording; return the times at which the model detects its keyword."""
    model = tiny_family.model(keywords=("computer",), threshold=0.1)
    export_onnx(model, home / "computer.onnx")
    save_audio(home / "evening.flac", tiny_family.synthetic_audio(4.0))
    samples = load_audio(home / "evening.flac")
    (home / "evening.raw").write_bytes(np.round(samples * 32768).astype("<i2").tobytes())
    np.save(home / "evening.npy", samples)
    detector = runtime.Detector(runtime.load(home / "computer.onnx"))
    return [each.time for each in detector.feed(samples) + detector.flush()]


def test_the_page_can_be_followed_on_a_device(tiny: EncoderSpec, tmp_path: Path) -> None:
    skip_without_index(tmp_path)
    device = Device(tmp_path)
    expected = write_files(device.home)
    assert expected
    installed = json.loads(device.run("pip", "list", "--format", "json"))
    assert not {"torch", "librosa", "scipy"} & {each["name"] for each in installed}
    microphone = tmp_path / "arecord"  # the program that the page pipes audio from
    microphone.write_text(f"#!/bin/sh\nexec cat {shlex.quote(str(device.home / 'evening.raw'))}\n")
    microphone.chmod(0o755)
    ran = set()
    for line in page_lines()[4:]:
        kind = line.partition("wakeword ")[2].partition(" ")[0]
        if line == MICROPHONE:
            continue
        if kind == "serve":
            device.serve(line)
        else:
            output = device.run("bash", "-c", line)
            times = [float(each) for each in re.findall(r"([\d.]+) s  computer", output)]
            assert times == pytest.approx(expected, abs=0.01), line
        ran.add(kind)
    assert ran == {"listen", "detect", "serve"}
    device.serve(f"python {ROOT / 'deploy' / 'run.py'} --models {device.home}")
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    read = "import numpy\npcm = numpy.load('evening.npy')\n"
    assert device.run("python", "-c", read + snippet).startswith("computer ")
