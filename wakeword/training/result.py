"""What training returns, and what a comparison with random weights shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wakeword.evaluation import metrics
from wakeword.model.two_stage import AnyModel, TwoStageModel
from wakeword.training.strategy import Strategy


@dataclass(frozen=True)
class EpochResult:
    """The course of one epoch.

    Attributes:
        epoch: number of the epoch, from 0.
        loss: mean training loss.
        miss: mean miss rate on the held-out clips over several rates of false accepts.
    """

    epoch: int
    loss: float
    miss: float


_ONE_STANDARD_ERROR = 0.6827  # confidence of an interval of one standard error to either side


def best_epoch(misses: Sequence[float], clips: int) -> int:
    """Return the index of the last epoch within one standard error of the lowest miss rate.

    Of a few held-out clips, the lowest rate is often that of an early epoch by chance. The weights
    of later epochs separate keywords from other sound by a wider margin.

    Source: the one-standard-error rule of Breiman et al. 1984, "Classification and Regression
    Trees", with Wilson's interval.

    Args:
        misses: miss rate after each epoch, of one at least.
        clips: number of held-out keyword clips that each of them rests on.
    """
    lowest = min(misses)
    highest = metrics.wilson(round(lowest * clips), clips, _ONE_STANDARD_ERROR).high
    limit = max(lowest, highest)
    return max(i for i, miss in enumerate(misses) if miss <= limit)


@dataclass(frozen=True)
class TrainResult:
    """A trained model and the record of its training.

    Attributes:
        model: with its operating point, in evaluation mode.
        stripped: what loading removed from the pretrained recogniser, in one sentence.
        strategy: how much of the network was trained.
        notes: remarks on the data for the user.
        history: each epoch that was trained.
        held_out: number of keyword clips that the miss rates rest on.
        verifier: the course of its second stage's training; None for a single stage.
    """

    model: AnyModel
    stripped: str
    strategy: Strategy
    notes: tuple[str, ...]
    history: tuple[EpochResult, ...]
    held_out: int
    verifier: TrainedVerifier | None = None


@dataclass(frozen=True)
class TrainedVerifier:
    """A model of two stages, and the course of its second training.

    Attributes:
        model: gate and verifier, with the operating point of both.
        stripped: what loading the verifier's encoder removed, in one sentence.
        history: each epoch of the verifier.
    """

    model: TwoStageModel
    stripped: str
    history: tuple[EpochResult, ...]


@dataclass(frozen=True)
class TransferGain:
    """Comparison of a pretrained encoder with the same network trained from random weights.

    Attributes:
        pretrained: miss rate on the held-out speakers: the mean over several rates of false
            accepts, of clean clips and clips at 10 and 0 dB together.
        scratch: the same of the network trained from random weights.
        clips: number of held-out clips that the rates rest on.
    """

    pretrained: float
    scratch: float
    clips: int

    @classmethod
    def of(cls, pretrained: TrainResult, scratch: TrainResult) -> TransferGain:
        """Compare two training runs on the same data."""
        kept = []
        for result in (pretrained, scratch):
            misses = [epoch.miss for epoch in result.history]
            kept.append(misses[best_epoch(misses, result.held_out)])
        return cls(kept[0], kept[1], pretrained.held_out)

    @property
    def is_significant(self) -> bool:
        """Whether the Wilson intervals (95 %) do not overlap and the pretrained one is lower."""
        pretrained, scratch = (
            metrics.wilson(round(rate * self.clips), self.clips)
            for rate in (self.pretrained, self.scratch)
        )
        return pretrained.high < scratch.low

    def __str__(self) -> str:
        rates = (
            f"miss rate on {self.clips} held-out clips: {self.pretrained:.1%} with the pretrained "
            f"encoder, {self.scratch:.1%} from random weights. "
        )
        if self.is_significant:
            return rates + "Transfer pays here."
        if self.pretrained < self.scratch:
            return rates + "The difference may be due to chance: more speakers would show."
        return rates + "Transfer does not pay here: the data is enough by itself."
