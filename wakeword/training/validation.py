"""Validation on held-out clips: the miss rate of an epoch, and the threshold of the model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank
from wakeword.evaluation import metrics
from wakeword.evaluation.calibrate import calibrate_scores
from wakeword.evaluation.conditions import CLEAN, noisy
from wakeword.evaluation.evaluator import det_curve
from wakeword.evaluation.test_streams import negative_stream, positive_stream
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.parallel import available_cores, single_threaded
from wakeword.progress import ProgressCallback
from wakeword.training.distributed import ProcessGroup
from wakeword.training.feature_cache import EncodedStream, FeatureCache

_CONDITIONS = (CLEAN, noisy(10.0), noisy(0.0))
_FALSE_ACCEPT_RATES = (0.5, 1, 2, 4, 8, 16, 32)  # per hour


@dataclass(frozen=True)
class ValidationSet:
    """The held-out clips as encoded test streams.

    Attributes:
        positives: keyword clips, clean, at 10 dB and at 0 dB.
        negatives: everything else.
    """

    positives: tuple[EncodedStream, ...]
    negatives: EncodedStream

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
        streams = [*(positive_stream(data, c) for c in _CONDITIONS), negative_stream(data)]
        with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
            for part in (group.shard(streams), streams):  # the second pass reads all of them
                encoded = list(pool.map(lambda each: cache.stream(each, bank, progress), part))
                group.barrier()
        return cls(tuple(encoded[:-1]), encoded[-1])

    @property
    def clips(self) -> int:
        """Number of held-out keyword clips."""
        return len(self.positives[0].segments)

    def miss_rate(self, model: WakeWordModel) -> float:
        """Return the mean miss rate over conditions, keywords and rates of false accepts."""
        positives = [stream.score(model) for stream in self.positives]
        negatives = self.negatives.score(model)
        rates = []
        for k in range(len(model.keywords)):
            curves = [det_curve(model, k, stream, negatives) for stream in positives]
            curve = metrics.merge_curves(curves)
            for per_hour in _FALSE_ACCEPT_RATES:
                point = metrics.at_false_accepts(curve, per_hour)
                rates.append(point.miss_rate if point else 1.0)
        return sum(rates) / len(rates)

    def calibrate(self, model: WakeWordModel, per_hour: float) -> OperatingPoint:
        """Return the operating point for a rate of false accepts per hour."""
        clean, noisy_10db = (stream.score(model) for stream in self.positives[:2])
        calibration = calibrate_scores(
            model,
            self.negatives.score(model),
            per_hour=per_hour,
            cap=[clean, noisy_10db],
            source="held-out negatives",
        )
        return calibration.operating_point
