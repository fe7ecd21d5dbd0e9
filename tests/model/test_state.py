"""State trees: joined, split and taken apart without a change."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from wakeword.model.state import (
    join_states,
    replace_tensors,
    split_state,
    state_structure,
    state_tensors,
)


class Layer(NamedTuple):
    keys: Tensor
    pending: Tensor | None


def state(value: float, batch: int = 1) -> Any:
    layer = Layer(torch.full((batch, 2, 3), value), None)
    return (layer, (torch.zeros(batch, 0, 4), True), torch.full((batch, 1), value))


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, tuple):
        pairs = zip(one, other, strict=True)
        return type(one) is type(other) and all(equal(a, b) for a, b in pairs)
    return bool(one == other)


def test_a_batch_is_joined_and_split() -> None:
    states = [state(1.0), state(2.0), state(3.0)]
    batch = join_states(states)
    assert state_structure(batch) == state_structure(state(0.0, batch=3))
    assert isinstance(batch[0], Layer)
    for i, alone in enumerate(states):
        assert equal(split_state(batch, i), alone)


def test_no_state_of_several_streams_is_no_state() -> None:
    assert join_states([None, None]) is None
    assert split_state(None, 1) is None


def test_tensors_are_replaced_in_order() -> None:
    tensors = state_tensors(state(1.0))
    assert [tuple(each.shape) for each in tensors] == [(1, 2, 3), (1, 1)]  # the empty one has none
    replaced = replace_tensors(state(1.0), iter(state_tensors(state(5.0))))
    assert equal(replaced, state(5.0))


@pytest.mark.parametrize(
    "other",
    [
        state(1.0, batch=2),
        (Layer(torch.zeros(1, 2, 3), torch.zeros(1)), *state(1.0)[1:]),
        (*state(1.0)[:1], (torch.zeros(1, 0, 4), False), *state(1.0)[2:]),
    ],
)
def test_structure_is_all_but_values(other: Any) -> None:
    assert state_structure(state(1.0)) == state_structure(state(7.0))
    assert state_structure(state(1.0)) != state_structure(other)
