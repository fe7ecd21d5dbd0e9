"""State trees: the state of a stream, or of a batch of streams, as nested tuples of tensors.

Every stage keeps the batch as the first axis of its tensors. What is no tensor (None, a number) is
the same for all streams of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

State = Any


def join_states(states: Sequence[State]) -> State:
    """Return the states of several streams as the state of a batch."""
    first = states[0]
    if isinstance(first, Tensor):
        return torch.cat(list(states))
    if isinstance(first, tuple):
        return _same_kind(first, (join_states(parts) for parts in zip(*states, strict=True)))
    return first


def split_state(state: State, index: int) -> State:
    """Return the state of one stream of a batch."""
    if isinstance(state, Tensor):
        return state[index : index + 1]
    if isinstance(state, tuple):
        return _same_kind(state, (split_state(part, index) for part in state))
    return state


def state_tensors(state: State) -> list[Tensor]:
    """Return the tensors of a state that hold any values, depth first."""
    if isinstance(state, tuple):
        return [tensor for part in state for tensor in state_tensors(part)]
    return [state] if isinstance(state, Tensor) and state.numel() else []


def replace_tensors(state: State, tensors: Iterator[Tensor]) -> State:
    """Return a state with other tensors in the places of its `state_tensors`."""
    if isinstance(state, tuple):
        return _same_kind(state, [replace_tensors(part, tensors) for part in state])
    return next(tensors) if state_tensors(state) else state


def state_structure(state: State) -> Any:
    """Return a state with the shape of each tensor in its place.

    Two states with equal structure differ in the values of their tensors alone.
    """
    if isinstance(state, tuple):
        return tuple(state_structure(part) for part in state)
    return state.shape if isinstance(state, Tensor) else state


def _same_kind(example: tuple[Any, ...], values: Iterable[Any]) -> tuple[Any, ...]:
    """Return a tuple of the values, of the same named type as the example."""
    return type(example)(*values) if hasattr(example, "_fields") else tuple(values)
