"""Process groups: one process by default, and the arithmetic of shares."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed
from torch import nn

from wakeword.training.distributed import ProcessGroup, process_group


def test_shares_are_disjoint_and_complete() -> None:
    items = list(range(11))
    shares = [ProcessGroup(rank, 3).shard(items) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert torch.equal(ProcessGroup(1, 2).shard(torch.arange(5)), torch.tensor([1, 3]))


def test_a_single_process_needs_no_communication() -> None:
    group = ProcessGroup.current()
    assert group == ProcessGroup() and group.is_main
    parameter = nn.Parameter(torch.ones(2))
    parameter.grad = torch.tensor([1.0, 2.0])
    group.barrier()
    group.all_reduce_gradients([parameter])
    assert group.all_reduce_sum(0.5) == 0.5
    assert parameter.grad.tolist() == [1.0, 2.0]
    assert not ProcessGroup(1, 2).is_main


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group() as group:
        assert group == ProcessGroup() and not torch.distributed.is_initialized()


def test_the_current_group_is_that_of_torch(tmp_path: Path) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'rendezvous'}", rank=0, world_size=1
    )
    try:
        assert ProcessGroup.current() == ProcessGroup(0, 1)
    finally:
        torch.distributed.destroy_process_group()
    assert ProcessGroup.current() == ProcessGroup()
