"""What a server hears: the keywords of several models, each loaded once for all clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.detection.streaming import StreamDetector
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError, WakewordError, unknown_name_message
from wakeword.serve.metrics import ServerMetrics

RATES_HZ = (8000, 192000)

DetectorFactory = Callable[[int], StreamDetector]
"""A new detector for sound of so many samples a second."""


class ClientError(WakewordError):
    """A client sent what it may not: it is told so and let go."""


def decode_pcm(payload: bytes, channels: int = 1) -> npt.NDArray[np.int16]:
    """(n,) of little-endian PCM, the mean of its channels. Raises ClientError."""
    if len(payload) % (2 * channels):
        raise ClientError(f"{len(payload)} bytes of sound: not whole samples")
    sound = np.frombuffer(payload, dtype="<i2").reshape(-1, channels)
    return sound[:, 0] if channels == 1 else sound.mean(axis=1).astype(np.int16)


class ModelRegistry:
    """The keywords that are served, and the models that know them.

    Args:
        models: by file, what makes detectors over the model in it.

    Raises:
        ConfigError: two models for one keyword: a client could not say which of them it means.
    """

    def __init__(self, models: Mapping[Path, DetectorFactory]) -> None:
        self.metrics = ServerMetrics()
        self._models = dict(models)
        self._by_word: dict[str, Path] = {}
        for file, make in models.items():
            for word in make(SAMPLE_RATE).model.keywords:
                if word in self._by_word:
                    raise ConfigError(
                        f"{file}: hears '{word}', as {self._by_word[word]} does. "
                        "Serve one of the two, or each on a port of its own."
                    )
                self._by_word[word] = file
                self.metrics.detections.labels(word)

    @property
    def names(self) -> list[str]:
        return list(self._by_word)

    def check(self, asked: object) -> list[str] | None:
        """The names that a client asks for; None, as an empty list, is all. Raises ClientError."""
        if not asked:
            return None
        if not isinstance(asked, list):
            raise ClientError("expected a list of names")
        for word in asked:
            if not isinstance(word, str) or word not in self._by_word:
                raise ClientError(unknown_name_message("keyword", str(word), self._by_word))
        return asked

    def ears(self, asked: Collection[str] | None, rate: object) -> StreamSession:
        """For one stream: all words, or those that `check` let pass. Raises ClientError."""
        if type(rate) is not int or not RATES_HZ[0] <= rate <= RATES_HZ[1]:
            raise ClientError(f"a rate of {rate}: expected {RATES_HZ[0]} to {RATES_HZ[1]} Hz")
        wanted = frozenset(self.names if asked is None else asked)
        files = dict.fromkeys(file for word, file in self._by_word.items() if word in wanted)
        return StreamSession(
            [self._models[file](rate) for file in files], wanted, self.metrics, rate
        )


class StreamSession:
    """The detectors of one stream."""

    def __init__(
        self,
        detectors: Iterable[StreamDetector],
        wanted: frozenset[str],
        metrics: ServerMetrics,
        rate: int,
    ) -> None:
        self._detectors = list(detectors)
        self._wanted, self._metrics, self._rate = wanted, metrics, rate

    def feed(self, samples: npt.NDArray[np.int16]) -> list[Detection]:
        """(n,) samples → what was heard up to here, in order."""
        self._metrics.sound_s.inc(len(samples) / self._rate)
        return self._heard(lambda detector: detector.feed(samples))

    def flush(self) -> list[Detection]:
        """The stream has ended."""
        return self._heard(lambda detector: detector.flush())

    @property
    def scores(self) -> dict[str, float]:
        """The latest of each word, for a meter."""
        every = [pair for detector in self._detectors for pair in detector.scores.items()]
        return {word: score for word, score in every if word in self._wanted}

    def _heard(self, step: Callable[[StreamDetector], list[Detection]]) -> list[Detection]:
        began = time.thread_time()
        found = [each for detector in self._detectors for each in step(detector)]
        self._metrics.busy_s.inc(time.thread_time() - began)
        found = sorted((d for d in found if d.keyword in self._wanted), key=lambda d: d.time)
        for detection in found:
            self._metrics.detections.labels(detection.keyword).inc()
        return found
