"""Targets around the end of a keyword, and the losses over them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wakeword.data.clip import KeywordSegment
from wakeword.errors import ConfigError
from wakeword.training.losses import (
    IGNORED,
    IGNORED_S,
    LOSSES,
    POSITIVE_S,
    frame_bce,
    frame_targets,
    loss_by_name,
    max_pooling,
)

FRAME_S = 0.04
EVERY = pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))


def targets_of(values: list[float]) -> torch.Tensor:
    return torch.tensor(values)[None, :, None]


@given(st.floats(1.0, 3.0), st.integers(0, 1))
def test_targets_lie_around_the_end_of_the_keyword(end_s: float, keyword: int) -> None:
    keywords = ("alexa", "computer")
    spoken = [(KeywordSegment(keywords[keyword], end_s - 0.5, end_s),), ()]
    targets = frame_targets(spoken, 120, keywords, FRAME_S)
    assert targets.shape == (2, 120, 2)
    assert (targets[1] == 0).all() and (targets[0, :, 1 - keyword] == 0).all()
    for i, value in enumerate(targets[0, :, keyword].tolist()):
        after = (i + 1) * FRAME_S - end_s
        if min(abs(after - edge) for edge in (*POSITIVE_S, *IGNORED_S)) < 1e-4:
            continue  # on an edge: rounding decides
        due = POSITIVE_S[0] < after < POSITIVE_S[1]
        near = IGNORED_S[0] < after < IGNORED_S[1]
        assert value == (1.0 if due else IGNORED if near else 0.0)


def test_a_keyword_near_another_keeps_its_target() -> None:
    spoken = (KeywordSegment("alexa", 1.1, 1.6), KeywordSegment("alexa", 0.5, 1.0))
    due = frame_targets([spoken], 80, ["alexa"], FRAME_S)[0, :, 0] > 0
    assert due[round(1.0 / FRAME_S)] and due[round(1.6 / FRAME_S)]


def test_bce_by_hand() -> None:
    logits = torch.tensor([[[0.0], [2.0], [-1.0]]])
    targets = targets_of([0.0, 1.0, IGNORED])
    expected = (math.log(2) + 4 * math.log(1 + math.exp(-2))) / 5
    assert float(frame_bce(logits, targets)) == pytest.approx(expected)


def test_max_pooling_by_hand() -> None:
    logits = torch.tensor([[[0.0], [2.0], [1.0], [-1.0]], [[-3.0], [0.5], [9.0], [-1.0]]])
    targets = torch.stack([targets_of([0, 1, 1, IGNORED])[0], targets_of([0, 0, IGNORED, 0])[0]])
    word = math.log(1 + math.exp(-2.0))
    worst = math.log(1 + math.exp(0.0)) + math.log(1 + math.exp(0.5))
    assert float(max_pooling(logits, targets)) == pytest.approx((word + worst) / 3)


@EVERY
def test_ignored_frames_do_not_count(loss) -> None:
    targets = targets_of([0.0, 1.0, IGNORED, 0.0])
    logits = torch.tensor([[[0.5], [-0.3], [1.0], [-2.0]]], requires_grad=True)
    other = logits.detach().clone()
    other[0, 2] = 50.0
    cost = loss(logits, targets)
    torch.testing.assert_close(cost, loss(other, targets))
    cost.backward()
    assert logits.grad[0, 2, 0] == 0
    assert logits.grad[0, 1, 0] < 0 < logits.grad[0].max()


@EVERY
def test_a_better_model_has_a_lower_loss(loss) -> None:
    targets = targets_of([0.0, 1.0, 1.0, 0.0])
    sign = targets * 2 - 1
    costs = [float(loss(sign * strength, targets)) for strength in (-3.0, 0.0, 3.0, 30.0)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(0.0, abs=1e-6)


@EVERY
@pytest.mark.parametrize("value", [IGNORED, 0.0, 1.0])
def test_batches_of_one_kind_are_finite(loss, value: float) -> None:
    logits = torch.zeros(2, 5, 3, requires_grad=True)
    cost = loss(logits, torch.full((2, 5, 3), value))
    cost.backward()
    assert torch.isfinite(cost) and torch.isfinite(logits.grad).all()


def test_losses_have_names() -> None:
    assert loss_by_name("bce") is frame_bce
    with pytest.raises(ConfigError, match="Did you mean 'max-pooling'"):
        loss_by_name("max-poling")
