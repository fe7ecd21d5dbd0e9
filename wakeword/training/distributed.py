"""Several processes that train one model together, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, overload

import torch
import torch.distributed
from torch import Tensor, nn

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that share a training, each doing its part of every step; by default one.

    Every process holds the whole model and takes the same steps, so all of them end with the same
    one. What is computed once and kept is kept in a folder that all of them see.

    Attributes:
        rank: which one this is, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the one that reports and writes."""
        return self.rank == 0

    @overload
    def shard(self, items: Tensor) -> Tensor: ...
    @overload
    def shard(self, items: Sequence[_Item]) -> Sequence[_Item]: ...
    def shard(self, items: Tensor | Sequence[_Item]) -> Tensor | Sequence[_Item]:
        """This process's part of something."""
        return items[self.rank :: self.size]

    def barrier(self) -> None:
        """For all of them to come here."""
        if self.size > 1:
            torch.distributed.barrier()

    def all_reduce_sum(self, value: float) -> float:
        """The sum of what each brings."""
        if self.size == 1:
            return value
        total = torch.tensor([value], dtype=torch.float64)
        torch.distributed.all_reduce(total)
        return float(total)

    def all_reduce_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """The sum of every process's gradients in each; none is a zero."""
        if self.size == 1:
            return
        learning = [p for p in parameters if p.requires_grad]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in learning]
        flat = torch.cat([each.flatten() for each in gradients])
        torch.distributed.all_reduce(flat)
        pieces = torch.split(flat, [each.numel() for each in gradients])
        for parameter, piece in zip(learning, pieces, strict=True):
            parameter.grad = piece.view_as(parameter).clone()


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """The team that `torchrun` has started this process for; of one where it has not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ProcessGroup()
        return
    torch.distributed.init_process_group("gloo")
    try:
        yield ProcessGroup(torch.distributed.get_rank(), size)
    finally:
        torch.distributed.destroy_process_group()
