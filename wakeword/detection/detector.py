"""The live detector: a stream of samples in, detections out, whichever library runs the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.blocks import AudioPiece, Block, BlockBuffer, Gap
from wakeword.detection.trigger import (
    Detection,
    Scores,
    StreamModel,
    StreamTrigger,
    Trigger,
    TwoStageStreamModel,
)
from wakeword.errors import ConfigError

Verifier = Callable[[Samples], bool]
"""Second stage: keeps a detection if it returns True for (samples,) at 16 kHz, up to the last two
seconds before the detection."""

RunVerifier = Callable[[TwoStageStreamModel, Samples], Scores]
"""Returns `model.verify(samples)`, computed on any thread."""

MAX_KEEP_S = 3600.0
"""Seconds of audio that a detector keeps, at most."""
_VERIFIED_S = 2.0
_SILENCE_LOGIT = -20.0


class Detector:
    """Detects the keywords of one live stream; any number of detectors share a model.

    Samples are collected into the model's own blocks, so that the pieces in which they come do not
    change the detections, to the last bit.

    Args:
        model: from `wakeword.load`, or of an exported file from `wakeword.runtime.load`.
        threshold: for every keyword, or by keyword; None takes those of the model; 0 detects every
            local peak of the score.
        rate: of the samples, in Hz; they are resampled to 16 kHz.
        gate: while it is closed nothing is computed or detected; None computes everything.
        verify: second stage, called at each detection; those that it rejects are dropped.
        keep_s: seconds of audio before each detection that `audio` can return; 0 keeps none.

    Attributes:
        thresholds: by keyword.
        trigger: smoothing, thresholds and refractory time in frames.
        run_verifier: runs the verifier of a two-stage model; None, the default, runs it within
            `feed`. A server sets it, to run verifiers on threads of their own.

    Raises:
        ConfigError: no model, an unknown keyword, a threshold that is not 0 to 1, or a `keep_s`
            that is not 0 to `MAX_KEEP_S`.
        AudioError: a sample rate that no device has.
    """

    def __init__(
        self,
        model: StreamModel,
        *,
        threshold: float | Mapping[str, float] | None = None,
        rate: int = SAMPLE_RATE,
        gate: SilenceGate | None = None,
        verify: Verifier | None = None,
        keep_s: float = 0.0,
    ) -> None:
        check_model(model, type(self).__name__)
        if not 0.0 <= keep_s <= MAX_KEEP_S:
            raise ConfigError(f"keep_s={keep_s}: expected 0 to {MAX_KEEP_S:.0f} seconds.")
        self.model = model
        self.rate = rate
        self.gate = gate
        self.verify = verify
        self.keep_s = keep_s
        self.run_verifier: RunVerifier | None = None
        self._two_stage = model if isinstance(model, TwoStageStreamModel) else None
        self._trigger = StreamTrigger(model, threshold)
        self.reset()

    def reset(self) -> None:
        """Start a new stream: what follows gives the detections of a new detector."""
        self._blocks = BlockBuffer(self.model, self.rate, self.keep_s)
        self._state: Any = None
        self._recent: Samples = np.zeros(0, dtype=np.float32)  # the last samples, for `verify`
        self._trigger.reset()
        self._rejected: set[Detection] = set()
        self._peaks: dict[Detection, float] = {}
        if self.gate:
            self.gate.reset()

    def feed(self, samples: AudioPiece) -> list[Detection]:
        """Take the next samples of the stream.

        Args:
            samples: (n,) of one channel, float32 in [-1, 1] or int16, of any length.

        Returns:
            The detections up to the end of these samples, in order of time.

        Raises:
            ConfigError: samples of several channels, or of another type than float or int16.
        """
        self._peaks = {}
        if not self.gate:
            self._blocks.push(samples)
            return self._run()
        detections: list[Detection] = []
        for item in self._blocks.push_gated(samples, self.gate):
            detections += self._skip(item) if isinstance(item, Gap) else self._detect(item)
        return detections

    def flush(self) -> list[Detection]:
        """End the stream: return what still waits for audio, as if silence followed."""
        self._peaks = {}
        detections: list[Detection] = []
        if not self._blocks.in_silence:
            self._blocks.finish(self.gate)
            detections = self._run()
        self._trigger.finish()
        self._collect_peaks()
        return detections

    def audio(self, start_s: float, end_s: float | None = None) -> Samples:
        """Return the audio between two times of the stream, such as those of a `Detection`.

        When `feed` returns a detection, the `keep_s` seconds before its time are there, and all
        that follows them. They are counted in samples at 16 kHz and are the same however the
        stream is cut into pieces. While a silence gate is closed, audio is kept as usual: there is
        no gap in it. At another rate than 16 kHz, the last milliseconds wait in the resampling
        filter until more is fed. `flush` appends the silence that it assumes.

        Args:
            start_s: in seconds since the start of the stream.
            end_s: in seconds since the start of the stream; None is the end of what is there.

        Returns:
            (samples,) float32 in [-1, 1] at 16 kHz.

        Raises:
            AudioError: the audio is not there any more or not yet, or none is kept.
        """
        return self._blocks.history.between(start_s, end_s)

    def logits(self, samples: AudioPiece) -> Scores:
        """Return raw logits of shape (frames, keywords); the trigger is not applied.

        For evaluation. A stream is read with either this method or `feed`; no gate is applied here.

        Args:
            samples: as for `feed`.
        """
        self._blocks.push(samples)
        none = np.zeros((0, len(self.model.keywords)))
        return np.concatenate([none, *map(self._step, self._blocks.pop_all())])

    @property
    def thresholds(self) -> dict[str, float]:
        """Threshold of each keyword."""
        return self._trigger.thresholds

    @property
    def trigger(self) -> Trigger:
        """Smoothing, thresholds and refractory time in frames."""
        return self._trigger.trigger

    @property
    def scores(self) -> dict[str, float]:
        """The latest score of each keyword, for a level meter."""
        return self._trigger.scores

    @property
    def peaks(self) -> dict[Detection, float]:
        """Highest score of each detection that ended in the last call of `feed` or `flush`.

        A detection is returned at once, with the score at that time. It ends when the keyword can
        be detected again: after the refractory time, when the score is below the threshold.
        """
        return self._peaks

    @property
    def unfinished_peaks(self) -> dict[str, float]:
        """Highest score so far of each detection that has not ended, by keyword; see `peaks`."""
        return self._trigger.unfinished_peaks

    def describe(self) -> str:
        """Return the thresholds in words, and where they come from."""
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.thresholds.items())
        point = self.model.operating_point
        own = self.thresholds == dict(point.thresholds)
        return f"{values} ({point.provenance})" if own else values

    def _run(self) -> list[Detection]:
        """Run the model and the trigger on every complete block."""
        return [found for block in self._blocks.pop_all() for found in self._detect(block)]

    def _step(self, block: Block) -> Scores:
        """Run the model on the next block: (frames, keywords) logits."""
        state = None if block.is_first else self._state
        if self._two_stage is None or self.run_verifier is None:
            logits, self._state = self.model.step(block.samples, state)
            return logits
        started = self._two_stage.begin(block.samples, state)
        verifier = self.run_verifier(self._two_stage, started.window) if started.call else None
        logits, self._state = self._two_stage.cascade.finish(started, verifier)
        return logits

    def _detect(self, block: Block) -> list[Detection]:
        if self.verify:
            kept = round(_VERIFIED_S * SAMPLE_RATE)
            self._recent = np.concatenate([self._recent, block.samples])[-kept:]
        return self._verified(self._trigger.run(self._step(block)))

    def _skip(self, gap: Gap) -> list[Detection]:
        """Give the trigger silence in place of the frames that are not computed."""
        self._recent = self._recent[:0]
        frames = gap.end // round(self.model.frame_s * SAMPLE_RATE) - self._trigger.frames
        silence = np.full((frames, len(self.model.keywords)), _SILENCE_LOGIT)
        return self._verified(self._trigger.run(silence))

    def _verified(self, detections: list[Detection]) -> list[Detection]:
        """Return the detections that the second stage accepts, and collect the peaks."""
        kept = [each for each in detections if not self.verify or self.verify(self._recent)]
        self._rejected.update(each for each in detections if each not in kept)
        self._collect_peaks()
        return kept

    def _collect_peaks(self) -> None:
        for detection, peak in self._trigger.peaks.items():
            if detection in self._rejected:
                self._rejected.remove(detection)
            else:
                self._peaks[detection] = peak


def check_model(model: object, taker: str) -> None:
    """Check that a model is one, and not the path of its file.

    Args:
        model: what was given.
        taker: name of the class that takes it, for the message.

    Raises:
        ConfigError: a path, or anything else that is no model.
    """
    if isinstance(model, (str, os.PathLike)):
        module = "wakeword.runtime" if str(model).endswith(".onnx") else "wakeword"
        raise ConfigError(
            f"a {taker} takes a model, not the path of its file. Load it first: "
            f"{taker}({module}.load({str(model)!r}))."
        )
    if not callable(getattr(model, "step", None)):
        raise ConfigError(
            f"a {taker} takes a model, not {type(model).__name__}. Load one with wakeword.load, "
            "or an exported one with wakeword.runtime.load."
        )
