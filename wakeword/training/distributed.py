"""Data-parallel training by several processes, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed
from torch import Tensor, nn

_Items = TypeVar("_Items", bound="Tensor | Sequence[Any]")


@dataclass(frozen=True)
class ProcessGroup:
    """Data-parallel process group; by default a single process.

    Every process holds the whole model, computes the gradients of its share of each batch, and
    takes the same steps, so all of them end with the same model. Features that are computed once
    lie in a folder that all processes see.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> ProcessGroup:
        """Return the default group of `torch.distributed`, or a single process without one."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return cls(torch.distributed.get_rank(), torch.distributed.get_world_size())
        return cls()

    @property
    def is_main(self) -> bool:
        """Whether this is the process that reports progress and writes results."""
        return self.rank == 0

    def shard(self, items: _Items) -> _Items:
        """Return this process's share of some items: every `size`-th from `rank` on."""
        return cast(_Items, items[self.rank :: self.size])

    def barrier(self) -> None:
        """Wait until all processes reach this point."""
        if self.size > 1:
            torch.distributed.barrier()

    def all_reduce_sum(self, value: float) -> float:
        """Return the sum of the values of all processes."""
        if self.size == 1:
            return value
        total = torch.tensor([value], dtype=torch.float64)
        torch.distributed.all_reduce(total)
        return float(total)

    def all_reduce_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its sum over all processes; a missing gradient counts as 0."""
        if self.size == 1:
            return
        trainable = [p for p in parameters if p.requires_grad]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trainable]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        on_processor = flat.cpu()  # where gloo adds
        torch.distributed.all_reduce(on_processor)
        flat = on_processor.to(flat.device)
        sums = torch.split(flat, [gradient.numel() for gradient in gradients])
        for parameter, gradient in zip(trainable, sums, strict=True):
            parameter.grad = gradient.view_as(parameter).clone()


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """Join the processes that `torchrun` started for the time of a `with` block.

    Yields:
        The group of these processes; a single process where `torchrun` did not start this one.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ProcessGroup()
        return
    torch.distributed.init_process_group("gloo")
    try:
        yield ProcessGroup.current()
    finally:
        torch.distributed.destroy_process_group()
