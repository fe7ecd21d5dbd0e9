"""TODO."""

from __future__ import annotations

from dataclasses import dataclass

from wakeword.evaluation import metrics
from wakeword.model.network import WakeWordModel
from wakeword.training.strategy import Strategy


@dataclass(frozen=True)
class TrainResult:
    """What a training gives: the model, how it was made, and what was noticed on the way."""

    model: WakeWordModel
    stripped: str
    strategy: Strategy
    notes: tuple[str, ...]
    history: tuple[dict[str, float], ...]
    held_out: int  # clips that the miss rate in it rests on


@dataclass(frozen=True)
class TransferGain:
    """What the recogniser's knowledge is worth on some data: beside the same network without it.

    Attributes:
        pretrained, scratch: miss rate on the speakers held out of the training, in quiet, at 10 and
            at 0 dB together: the mean over several rates of false accepts.
        clips: of the held-out speakers: what the rates rest on.
    """

    pretrained: float
    scratch: float
    clips: int

    @classmethod
    def of(cls, pretrained: TrainResult, scratch: TrainResult) -> TransferGain:
        """Of two trainings on the same data."""
        best = [min(row["miss"] for row in each.history) for each in (pretrained, scratch)]
        return cls(best[0], best[1], pretrained.held_out)

    @property
    def certain(self) -> bool:
        """Whether the rates' intervals (Wilson, 95 %) lie apart, the pretrained one's below."""
        with_it, without = (
            metrics.wilson(round(rate * self.clips), self.clips)
            for rate in (self.pretrained, self.scratch)
        )
        return with_it.high < without.low

    def __str__(self) -> str:
        found = (
            f"missed of {self.clips} held-out clips: {self.pretrained:.1%} with the recogniser's "
            f"weights, {self.scratch:.1%} from random ones. "
        )
        if self.certain:
            return found + "Transfer pays here."
        if self.pretrained < self.scratch:
            return found + "That may be chance: more speakers would tell."
        return found + "Transfer does not pay here: the data is enough by itself."
