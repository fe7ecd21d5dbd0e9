"""Exported files and commands in processes of their own, where little is imported or installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

import wakeword
from wakeword.audio.samples import Samples

HEAVY = ("torch", "torchaudio", "soundfile", "soxr", "scipy", "librosa", "click", "rich", "onnx")
"""Packages that the runtime does without."""


ROOT = Path(wakeword.__file__).parents[1]


def detect(
    path: Path, samples: Samples, folder: Path, root: Path = ROOT
) -> tuple[list[tuple[str, float]], list[str]]:
    """Run the detector of a file; return its detections, and which of `HEAVY` were imported.

    Args:
        path: of the exported model.
        samples: (n,) at 16 kHz.
        folder: for a file with the samples.
        root: the folder that wakeword is imported from.
    """
    np.save(folder / "sound.npy", samples)
    program = f"""
import json, sys
import numpy as np
from wakeword import runtime
detector = runtime.Detector(runtime.load({str(path)!r}))
found = detector.feed(np.load({str(folder / "sound.npy")!r})) + detector.flush()
print(json.dumps([[each.keyword, each.time] for each in found]))
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        cwd=folder,
        env=environment,
    )
    found, heavy = map(json.loads, done.stdout.splitlines())
    return [(keyword, time_s) for keyword, time_s in found], heavy


def command(
    arguments: Sequence[str],
    hidden: Collection[str],
    folder: Path,
    stdin: bytes = b"",
    root: Path = ROOT,
) -> subprocess.CompletedProcess[str]:
    """Run `wakeword` where some packages are not installed.

    Args:
        arguments: after `wakeword`.
        hidden: names of packages that cannot be found.
        folder: to run in.
        stdin: its standard input.
        root: the folder that wakeword is imported from.
    """
    program = f"""
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
def find_all_but_hidden(name, path=None, target=None):
    hidden = name.partition(".")[0] in {sorted(hidden)!r}
    return None if hidden else find(name, path, target)
PathFinder.find_spec = find_all_but_hidden
from wakeword.cli import main
main(sys.argv[1:], prog_name="wakeword")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=120,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
