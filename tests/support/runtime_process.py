"""An exported file in a process of its own, where nothing else has been imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from wakeword.audio.samples import Samples

HEAVY = ("torch", "torchaudio", "soundfile", "soxr", "scipy", "librosa", "click", "rich", "onnx")
"""Packages that the runtime does without."""


def detect(path: Path, samples: Samples, folder: Path) -> tuple[list[tuple[str, float]], list[str]]:
    """Run the detector of a file; return its detections, and which of `HEAVY` were imported."""
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
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    found, heavy = map(json.loads, done.stdout.splitlines())
    return [(keyword, time_s) for keyword, time_s in found], heavy
