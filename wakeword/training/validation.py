"""Validation on held-out clips: the miss rate of an epoch, and the threshold of the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank
from wakeword.detection.trigger import StreamModel, in_frames
from wakeword.evaluation import metrics
from wakeword.evaluation.calibrate import best_scores, calibrate_scores
from wakeword.evaluation.conditions import CLEAN, ROOMS, TALKER, Condition, noisy
from wakeword.evaluation.evaluator import det_curve
from wakeword.evaluation.results import ScoredStream
from wakeword.evaluation.test_streams import (
    GAP_S,
    NEGATIVE_GAP_S,
    Stream,
    negative_stream,
    positive_stream,
)
from wakeword.evaluation.threshold import event_peaks, logit, sigmoid
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.parallel import available_cores, single_threaded
from wakeword.progress import ProgressCallback
from wakeword.simulate.rirs import rir_kind
from wakeword.training.config import VerifierConfig
from wakeword.training.distributed import ProcessGroup
from wakeword.training.feature_cache import EncodedStream, FeatureCache

_CONDITIONS = (CLEAN, noisy(10.0), noisy(0.0), TALKER)
_FALSE_ACCEPT_RATES = (0.5, 1, 2, 4, 8, 16, 32)  # per hour


class Validation(Protocol):
    """What decides after each epoch whether a model has become better."""

    @property
    def clips(self) -> int:
        """Number of held-out keyword clips."""
        ...

    def miss_rate(self, model: WakeWordModel) -> float:
        """Return the mean miss rate over conditions, keywords and rates of false accepts."""
        ...


@dataclass(frozen=True)
class ValidationSet:
    """The held-out clips as test streams.

    Attributes:
        streams: keyword clips, clean, at 10 and 0 dB, in a far room and with another talker, then
            everything else.
        encoded: each of them.
    """

    streams: tuple[Stream, ...]
    encoded: tuple[EncodedStream, ...]

    @classmethod
    def encode(
        cls,
        cache: FeatureCache,
        data: Dataset,
        bank: KeywordBank,
        progress: ProgressCallback | None = None,
    ) -> ValidationSet:
        """Encode the clips of a data set; the processes of a group share the work."""
        group = ProcessGroup.current()
        conditions = [*_CONDITIONS, *_far_room(data, bank)]
        streams = [*(positive_stream(data, c) for c in conditions), negative_stream(data)]
        with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
            for part in (group.shard(streams), streams):  # the second pass reads all of them
                encoded = list(pool.map(lambda each: cache.stream(each, bank, progress), part))
                group.barrier()
        return cls(tuple(streams), tuple(encoded))

    @property
    def clips(self) -> int:
        """Number of held-out keyword clips."""
        return len(self.encoded[0].segments)

    def miss_rate(self, model: WakeWordModel) -> float:
        """Return the mean miss rate over conditions, keywords and rates of false accepts."""
        *positives, negatives = (stream.score(model) for stream in self.encoded)
        return mean_miss_rate(model, positives, negatives)

    def calibrate(self, model: WakeWordModel, per_hour: float) -> OperatingPoint:
        """Return the operating point for a rate of false accepts per hour."""
        clean, noisy_10db = (stream.score(model) for stream in self.encoded[:2])
        calibration = calibrate_scores(
            model,
            self.encoded[-1].score(model),
            per_hour=per_hour,
            cap=[clean, noisy_10db],
            source="held-out negatives",
        )
        return calibration.operating_point

    def gate_thresholds(self, gate: WakeWordModel, config: VerifierConfig) -> dict[str, float]:
        """Return the score of a gate, by keyword, from which a verifier is called.

        It is the one with `candidates_per_hour` events per hour of held-out negatives or, where
        fewer than `gate_recall` of the held-out keyword clips would reach that, a lower one, with
        `max_candidates_per_hour` at most.
        """
        *positives, negatives = (stream.score(gate) for stream in self.encoded)
        smoothing, refractory = in_frames(gate.operating_point, gate.frame_s)
        thresholds = {}
        for k, keyword in enumerate(gate.keywords):
            peaks = event_peaks(negatives.logits[:, k], smoothing, refractory)[::-1]
            usual, lowest = (
                float(peaks[min(int(per_hour * negatives.hours), len(peaks) - 1)])
                if len(peaks)
                else default
                for per_hour, default in (
                    (config.candidates_per_hour, 0.0),
                    (config.max_candidates_per_hour, -math.inf),
                )
            )
            best = sorted(
                logit(score) for s in positives for score in best_scores(gate, k, s, smoothing)
            )
            reached = best[int((1 - config.gate_recall) * len(best))] if best else usual
            thresholds[keyword] = sigmoid(max(min(usual, reached), lowest))
        return thresholds


def held_out_seconds(data: Dataset) -> list[float]:
    """Return about how long the streams of a `ValidationSet` are, the negatives last."""
    positives_s = sum(GAP_S + clip.seconds() for clip in data.keywords)
    others = (*data.negatives, *data.noises)
    negatives_s = sum(NEGATIVE_GAP_S + clip.seconds() for clip in others)
    conditions = len(_CONDITIONS) + bool(data.rirs)
    return [*[positives_s] * conditions, negatives_s]


def mean_miss_rate(
    model: StreamModel, positives: Sequence[ScoredStream], negatives: ScoredStream
) -> float:
    """Return the mean miss rate over keywords and rates of false accepts, of all streams together.

    Args:
        model: that scored the streams.
        positives: streams of keyword clips.
        negatives: stream without a keyword.
    """
    rates = []
    for k in range(len(model.keywords)):
        curves = [det_curve(model, k, stream, negatives) for stream in positives]
        curve = metrics.merge_curves(curves)
        for per_hour in _FALSE_ACCEPT_RATES:
            point = metrics.at_false_accepts(curve, per_hour)
            rates.append(point.miss_rate if point else 1.0)
    return sum(rates) / len(rates)


def _far_room(data: Dataset, bank: KeywordBank) -> list[Condition]:
    """Return the condition of a far room where the data has a response of one."""
    far = next(room for room in ROOMS if room.room == "far")
    rirs = (bank.load(clip) for clip in data.rirs)
    return [far] if any(rir is not None and rir_kind(rir) == "far" for rir in rirs) else []
