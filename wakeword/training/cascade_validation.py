"""Validation of a verifier on the held-out moments that the gate lets through."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from wakeword.data.loader import ClipLoader
from wakeword.evaluation.calibrate import calibrate_scores
from wakeword.evaluation.results import HIT_TOLERANCE_S, ScoredStream
from wakeword.evaluation.test_streams import StreamReader
from wakeword.model.cascade import Call, Logits
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import TwoStageModel
from wakeword.progress import ProgressCallback
from wakeword.training.feature_cache import FeatureCache
from wakeword.training.fusion import LabelledCalls, fit_fusion
from wakeword.training.validation import ValidationSet, mean_miss_rate

_BATCH = 16  # windows that are computed at once


@dataclass(frozen=True)
class EncodedCalls:
    """The calls of the verifier in a test stream, with their windows at one depth of its encoder.

    Attributes:
        gate: the stream as the gate scored it.
        calls: in the stream.
        frames: (calls, U, dim) of each window, float16.
        depth: number of layer groups that the windows have passed.
    """

    gate: ScoredStream
    calls: tuple[Call, ...]
    frames: Tensor
    depth: int

    @torch.inference_mode()
    def verifier_logits(self, model: TwoStageModel) -> Logits:
        """Return the verifier's highest logits of each call: (calls, keywords)."""
        verifier = model.verifier
        highest = [np.zeros((0, len(model.keywords)))]
        for x in torch.split(self.frames, _BATCH) if len(self.frames) else ():
            x = x.to(verifier.device).float()
            if self.depth < verifier.encoder.depth:
                x, _ = verifier.encoder(x, None, start=self.depth)
            logits, _ = verifier.head(x)
            highest.append(model.cascade.highest(logits.cpu().double().numpy()))
        return np.concatenate(highest)

    def labelled(self, model: TwoStageModel) -> LabelledCalls:
        """Return the calls, each as one of every keyword.

        In a stream of keyword clips, calls at other moments than the keyword are left out.
        """
        gate = np.array([call.gate for call in self.calls]).reshape(-1, len(model.keywords))
        at_s = np.array([(call.frame + 1) * model.frame_s for call in self.calls])
        spoken = np.zeros(gate.shape, dtype=bool)
        for segment in self.gate.segments:
            at_keyword = (at_s >= segment.start_s) & (at_s <= segment.end_s + HIT_TOLERANCE_S)
            spoken[at_keyword, model.keywords.index(segment.keyword)] = True
        verifier = self.verifier_logits(model)
        counted = spoken if self.gate.segments else np.ones(gate.shape, dtype=bool)
        return LabelledCalls(gate[counted], verifier[counted], spoken[counted])

    def score(self, model: TwoStageModel) -> ScoredStream:
        """Return the stream with the final logits of both stages."""
        frames = len(self.gate.logits)
        logits = model.cascade.final_logits(frames, self.calls, self.verifier_logits(model))
        return replace(self.gate, logits=logits)


@dataclass(frozen=True)
class CascadeValidation:
    """The held-out clips as calls of the verifier.

    Attributes:
        model: gate, and the verifier that is being trained.
        positives: of keyword clips under each condition.
        negatives: of everything else.
    """

    model: TwoStageModel
    positives: tuple[EncodedCalls, ...]
    negatives: EncodedCalls

    @classmethod
    def encode(
        cls,
        model: TwoStageModel,
        cache: FeatureCache,
        validation: ValidationSet,
        loader: ClipLoader,
        progress: ProgressCallback | None = None,
    ) -> CascadeValidation:
        """Find the calls in the held-out streams, and encode their windows."""
        encoded = []
        streams = list(zip(validation.streams, validation.encoded, strict=True))
        for number, (stream, gate_encoded) in enumerate(streams):
            if progress:
                progress("encoding held-out calls", number, len(streams))
            scored = gate_encoded.score(model.gate)
            calls = model.calls(scored.logits)
            samples = np.concatenate(list(StreamReader(stream, loader)))
            windows = model.windows(samples, calls)
            frames = cache.encode(windows)
            encoded.append(EncodedCalls(scored, tuple(calls), frames, cache.depth))
        return cls(model, tuple(encoded[:-1]), encoded[-1])

    @property
    def clips(self) -> int:
        """Number of held-out keyword clips."""
        return len(self.positives[0].gate.segments)

    def miss_rate(self, verifier: WakeWordModel) -> float:
        """Return the mean miss rate of both stages, as `ValidationSet.miss_rate` does."""
        positives = [each.score(self.model) for each in self.positives]
        return mean_miss_rate(self.model, positives, self.negatives.score(self.model))

    def fit(self, per_hour: float) -> TwoStageModel:
        """Return the model with its weights and its operating point fitted to the held-out clips.

        Args:
            per_hour: false accepts per hour to aim at.
        """
        model = self.model
        labelled = [each.labelled(model) for each in (*self.positives, self.negatives)]
        config = fit_fusion(LabelledCalls.join(labelled), model.cascade.config)
        model = TwoStageModel(model.gate, model.verifier, config, model.operating_point)
        *positives, negatives = (e.score(model) for e in (*self.positives, self.negatives))
        calibration = calibrate_scores(
            model, negatives, per_hour=per_hour, cap=positives[:2], source="held-out negatives"
        )
        model.operating_point = calibration.operating_point
        return model
