"""Which epoch is kept, and what a comparison with random weights shows."""

from __future__ import annotations

import pytest
import tiny as tiny_family

from wakeword.encoders.spec import EncoderSpec
from wakeword.training.result import EpochResult, TrainResult, TransferGain, best_epoch
from wakeword.training.strategy import Strategy


def history_of(*misses: float) -> tuple[EpochResult, ...]:
    return tuple(EpochResult(epoch, 1.0, miss) for epoch, miss in enumerate(misses))


@pytest.mark.parametrize(
    ("misses", "clips", "kept"),
    [
        ([0.3], 10, 0),
        ([0.3, 0.2, 0.1], 1000, 2),
        ([0.3, 0.1, 0.2], 1000, 1),  # clearly worse than before
        ([0.3, 0.1, 0.2], 10, 2),  # one clip more
        ([0.1, 0.11, 0.5, 0.12, 0.5], 100, 3),  # the last one of those that are as good
        ([0.012, 0.0, 0.0, 0.008], 30, 3),  # no clip was missed: no proof that none ever is
        ([0.0, 0.0, 0.2], 30, 1),
        ([0.4, 0.9], 0, 1),
    ],
)
def test_the_last_epoch_within_one_standard_error_of_the_lowest_is_kept(
    misses: list[float], clips: int, kept: int
) -> None:
    assert best_epoch(misses, clips) == kept


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
        return TrainResult(model, "", strategy, (), history_of(*misses), 12)

    assert TransferGain.of(result(0.5, 0.1, 0.3), result(0.9, 0.4)) == TransferGain(0.1, 0.4, 12)
