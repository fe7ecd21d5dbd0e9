"""The live detector: one stream, or many through one model."""

from __future__ import annotations

import torch

from wakeword.audio.samples import Samples
from wakeword.detection.streaming import StreamDetector
from wakeword.detection.trigger import Scores
from wakeword.model.network import WakeWordModel


class Detector(StreamDetector):
    """A live stream in, detections out; any number of detectors share one model.

    Args:
        model: from `wakeword.load`.
        threshold: for every keyword; None takes what the model file holds; 0 gives every peak.
        rate: of the samples that `feed` gets, in Hz; they are resampled to 16 kHz.

    Samples are collected into the model's own blocks, so that the pieces in which they come
    change nothing, to the last bit.
    """

    model: WakeWordModel

    def _logits(self, block: Samples) -> Scores:
        with torch.inference_mode():
            logits, self._state = self.model(torch.from_numpy(block)[None], self._state)
        scores: Scores = logits[0].double().numpy()
        return scores
