"""The models that a server offers, each loaded once for all clients, and the streams on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wakeword import storage
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError, WakewordError, unknown_name_message
from wakeword.model.languages import languages_of
from wakeword.serve.client_log import ClientLog
from wakeword.serve.metrics import ServerMetrics
from wakeword.serve.threads import ServerThreads

RATES_HZ = (8000, 192000)
_VERSION_DIGITS = 12

DetectorFactory = Callable[[int], Detector]
"""Sample rate in Hz → a new detector for one stream."""


class ClientError(WakewordError):
    """A client sent something invalid: the server answers with this message and disconnects it."""


def decode_pcm(payload: bytes, channels: int = 1) -> npt.NDArray[np.int16]:
    """Decode interleaved 16-bit little-endian PCM to (n,), the mean of its channels.

    Raises:
        ClientError: the payload ends within a frame.
    """
    if len(payload) % (2 * channels):
        raise ClientError(
            f"{len(payload)} bytes of audio are not whole samples: expected a multiple of "
            f"{2 * channels}"
        )
    frames = np.frombuffer(payload, dtype="<i2").reshape(-1, channels)
    return frames[:, 0] if channels == 1 else frames.mean(axis=1).astype(np.int16)


@dataclass(frozen=True)
class ServedModel:
    """What clients learn of a model.

    Attributes:
        languages: of its keywords, as BCP 47 tags; [] where none are recorded.
        version: the first digits of the SHA-256 of its file; None where there is no file.
    """

    languages: list[str]
    version: str | None


class ModelRegistry:
    """The keywords that are served, and the model that detects each of them.

    Args:
        models: by file, the factory of detectors on the model in it.

    Raises:
        ConfigError: two models have the same keyword, so that a client could not choose.
    """

    def __init__(self, models: Mapping[Path, DetectorFactory]) -> None:
        self.metrics = ServerMetrics()
        self._threads = ServerThreads(self.metrics)
        self._models = dict(models)
        self._file_of: dict[str, Path] = {}
        self._thresholds: dict[str, float] = {}
        self._descriptions: dict[str, ServedModel] = {}
        for file, make_detector in models.items():
            detector = make_detector(SAMPLE_RATE)
            version = storage.sha256(file)[:_VERSION_DIGITS] if file.is_file() else None
            description = ServedModel(languages_of(detector.model), version)
            for keyword in detector.model.keywords:
                if keyword in self._file_of:
                    raise ConfigError(
                        f"{file}: detects '{keyword}', and so does {self._file_of[keyword]}. "
                        "Serve one of the two, or each on a port of its own."
                    )
                self._file_of[keyword] = file
                self._thresholds[keyword] = detector.thresholds[keyword]
                self._descriptions[keyword] = description
                self.metrics.detections.labels(keyword)

    @property
    def keywords(self) -> list[str]:
        """The keywords of all models."""
        return list(self._file_of)

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of each keyword."""
        return dict(self._thresholds)

    def describe(self, keyword: str) -> ServedModel:
        """Return the description of the model that detects a keyword."""
        return self._descriptions[keyword]

    def check_keywords(self, requested: object) -> list[str] | None:
        """Check the keywords in a client's request.

        Returns:
            The keywords; None, also for an empty list, means all.

        Raises:
            ClientError: the request is not a list, or a keyword is not served.
        """
        if not requested:
            return None
        if not isinstance(requested, list):
            raise ClientError("expected a list of keywords")
        for keyword in requested:
            if not isinstance(keyword, str) or keyword not in self._file_of:
                raise ClientError(unknown_name_message("keyword", str(keyword), self._file_of))
        return requested

    def open_session(
        self, requested: Collection[str] | None, rate: object, log: ClientLog | None = None
    ) -> StreamSession:
        """Start a stream.

        Args:
            requested: keywords that `check_keywords` accepted; None is all.
            rate: of the samples, in Hz, as the client states it.
            log: of the client; None logs nothing.

        Raises:
            ClientError: the rate is not an integer within `RATES_HZ`.
        """
        if type(rate) is not int or not RATES_HZ[0] <= rate <= RATES_HZ[1]:
            raise ClientError(f"a rate of {rate}: expected {RATES_HZ[0]} to {RATES_HZ[1]} Hz")
        keywords = frozenset(self.keywords if requested is None else requested)
        files = dict.fromkeys(file for each, file in self._file_of.items() if each in keywords)
        detectors = [self._models[file](rate) for file in files]
        for detector in detectors:
            detector.run_verifier = self._threads.verify
        if log is not None:
            log.listening([each for each in self._file_of if each in keywords], rate)
        return StreamSession(detectors, keywords, self.metrics, self._threads, rate, log)


class StreamSession:
    """The detectors of one stream.

    Args:
        detectors: one for each model.
        keywords: to report; detections of others are dropped.
        metrics: of the server.
        threads: of the server; `feed` and `flush` wait for a free core.
        rate: of the samples, in Hz.
        log: of the client; None logs nothing.

    Attributes:
        highest_scores: by keyword, the highest score of its latest detection so far.
    """

    def __init__(
        self,
        detectors: Iterable[Detector],
        keywords: frozenset[str],
        metrics: ServerMetrics,
        threads: ServerThreads,
        rate: int,
        log: ClientLog | None = None,
    ) -> None:
        self._detectors = list(detectors)
        self._keywords, self._metrics = keywords, metrics
        self._threads, self._rate, self._log = threads, rate, log
        self.highest_scores: dict[str, float] = {}

    def feed(self, samples: npt.NDArray[np.int16]) -> list[Detection]:
        """Process the next (n,) samples; returns new detections in order of time."""
        self._metrics.audio_s.inc(len(samples) / self._rate)
        return self._detect(lambda detector: detector.feed(samples))

    def flush(self) -> list[Detection]:
        """End the stream; returns the last detections in order of time."""
        return self._detect(lambda detector: detector.flush())

    @property
    def scores(self) -> dict[str, float]:
        """The latest score of each keyword."""
        scores = [pair for detector in self._detectors for pair in detector.scores.items()]
        return {keyword: score for keyword, score in scores if keyword in self._keywords}

    def _detect(self, step: Callable[[Detector], list[Detection]]) -> list[Detection]:
        with self._threads.computing():
            start_s = time.thread_time()
            detections = [each for detector in self._detectors for each in step(detector)]
            self._metrics.compute_s.inc(time.thread_time() - start_s)
        wanted = (each for each in detections if each.keyword in self._keywords)
        detections = sorted(wanted, key=lambda each: each.time)
        for detection in detections:
            self.highest_scores[detection.keyword] = detection.score
            self._metrics.detections.labels(detection.keyword).inc()
            if self._log is not None:
                self._log.detected(detection)
        for detector in self._detectors:
            for keyword, score in detector.unfinished_peaks.items():
                if keyword in self.highest_scores:
                    self.highest_scores[keyword] = max(score, self.highest_scores[keyword])
        return detections
