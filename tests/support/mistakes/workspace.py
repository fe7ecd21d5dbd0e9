"""Where a mistake happens, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import training

from wakeword.audio.files import save_audio


@dataclass
class Workspace:
    """What a mistake is made with.

    Attributes:
        place: a folder with `tiny.wakeword`, a model of the keywords "alexa" and "computer".
        patch: for what happens to the machine: no microphone, a full disk.
        until_end: closed after the command.
        stdin: what is piped into the command.
    """

    place: Path
    patch: pytest.MonkeyPatch
    until_end: ExitStack
    stdin: bytes = b""

    @property
    def model(self) -> Path:
        return self.place / "tiny.wakeword"

    @property
    def output(self) -> Path:
        """Where commands write; it does not exist yet."""
        return self.place / "out.wakeword"

    def wav(self, name: str = "a.wav", samples: object = None, rate: int = 16_000) -> Path:
        """A recording; None is one second of silence."""
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.zeros(rate) if samples is None else np.asarray(samples)
        soundfile.write(path, samples, rate, subtype="FLOAT")
        return path

    def text(self, name: str, content: str, encoding: str = "utf-8") -> Path:
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding=encoding)
        return path

    def manifest(self) -> Path:
        """A data set that `train` accepts."""
        return training.write_data(self.place / "data")

    def clips(self, *words: str, count: int = 3) -> Path:
        """A folder per word, with clips."""
        for word in words:
            for i in range(count):
                save_audio(self.place / "clips" / word / f"{i}.wav", training.word(i))
        return self.place / "clips"

    def detect(self, recording: Path) -> list[object]:
        return ["detect", self.model, recording]

    def train(self, data: Path, *options: object, output: Path | None = None) -> list[object]:
        """A training that takes seconds; the last of repeated options counts."""
        weights = training.write_weights(self.place / "weights")
        work = self.place / "work"
        return [*training.arguments(data, weights, output or self.output, work), *options]


Mistake = Callable[[Workspace], list[object]]
MISTAKES: dict[str, tuple[Mistake, str, str]] = {}


def mistake(cause: str, remedy: str) -> Callable[[Mistake], Mistake]:
    """Register a mistake: a function that makes it and returns the arguments of `wakeword`.

    Args:
        cause: what the message must contain about what is wrong; the name of the file, if one is.
        remedy: what it must contain about what to do.
    """

    def register(function: Mistake) -> Mistake:
        name = function.__name__.strip("_")
        assert name not in MISTAKES
        MISTAKES[name] = (function, cause, remedy)
        return function

    return register
