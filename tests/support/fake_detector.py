"""A stand-in for model and detector, for tests of the audio path: it detects where it gets loud."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Detection:
    keyword: str
    score: float
    time: float
    start: float
    end: float


class Detector:
    """One detection each time the peak of 10 ms rises over the threshold after 0.5 s of quiet."""

    def __init__(self, model, *, threshold=None, rate=16_000, verify=None, keep_s=0.0):
        self.stream = np.zeros(0, np.float32)
        self.keep_s = keep_s
        self.thresholds = {"loud": 0.05 if threshold is None else threshold}
        self.scores = {"loud": 0.0}
        self.rate = rate
        self.rest = np.zeros(0, np.float32)
        self.seconds, self.quiet_s = 0.0, 1.0

    def feed(self, samples):
        self.stream = np.concatenate([self.stream, samples]) if self.keep_s else self.stream
        self.rest = np.concatenate([self.rest, samples])
        size = self.rate // 100
        found = []
        while len(self.rest) >= size:
            found += self._step(float(np.abs(self.rest[:size]).max()))
            self.rest = self.rest[size:]
        return found

    def audio(self, start_s, end_s=None):
        assert self.keep_s and self.rate == 16_000
        end = len(self.stream) if end_s is None else round(end_s * 16_000)
        return self.stream[round(start_s * 16_000) : end]

    def describe(self):
        return f"loud {self.thresholds['loud']:g}"

    def flush(self):
        return self.feed(np.zeros(self.rate // 100, np.float32)) if len(self.rest) else []

    def _step(self, peak):
        self.seconds += 0.01
        self.scores["loud"] = peak
        loud = peak > self.thresholds["loud"]
        is_detected = loud and self.quiet_s >= 0.5
        self.quiet_s = 0.0 if loud else self.quiet_s + 0.01
        s = self.seconds
        return [Detection("loud", peak, s, s - 0.01, s)] if is_detected else []


def open_detector(file, threshold, rate=16_000, gate=None, verify=None, keep_s=0.0):
    """Stands for `wakeword.cli.detector_factory.open_detector`; reads no file."""
    return Detector(file, threshold=threshold, rate=rate, verify=verify, keep_s=keep_s)


def python_path(folder: Path) -> str:
    """Return a PYTHONPATH with which every Python process has the stand-in from its start."""
    here = Path(__file__).parent
    (folder / "sitecustomize.py").write_text(
        "import signal, fake_detector\n"
        "from wakeword.cli import listen\n"
        "listen.open_detector = fake_detector.open_detector\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    )
    return (";" if sys.platform == "win32" else ":").join(map(str, (folder, here, here.parents[1])))
