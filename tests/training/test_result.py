"""What a comparison with random weights shows."""

from __future__ import annotations

import pytest
import tiny as tiny_family

from wakeword.encoders.spec import EncoderSpec
from wakeword.training.result import EpochResult, TrainResult, TransferGain
from wakeword.training.strategy import Strategy


@pytest.mark.parametrize(
    ("pretrained", "scratch", "verdict"),
    [(0.02, 0.4, "Transfer pays"), (0.10, 0.15, "due to chance"), (0.1, 0.1, "does not pay")],
)
def test_the_gain_is_judged_by_its_intervals(
    pretrained: float, scratch: float, verdict: str
) -> None:
    gain = TransferGain(pretrained, scratch, 50)
    assert verdict in str(gain)
    assert gain.is_significant == (verdict == "Transfer pays")


def test_the_gain_compares_the_best_epochs(tiny: EncoderSpec) -> None:
    model, strategy = tiny_family.model(), Strategy("head", "requested", 3)

    def result(*misses: float) -> TrainResult:
        history = tuple(EpochResult(epoch, 1.0, miss) for epoch, miss in enumerate(misses))
        return TrainResult(model, "", strategy, (), history, 12)

    assert TransferGain.of(result(0.5, 0.1, 0.2), result(0.9, 0.4)) == TransferGain(0.1, 0.4, 12)
