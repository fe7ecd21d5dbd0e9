"""Long work: how it reports its progress, and how it shares the cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much (0: not known)."""


class Counted:
    """A progress that several threads tell of together: how much more of it each has done."""

    def __init__(self, what: str, total: int, progress: Progress | None) -> None:
        self._what, self._total, self._progress = what, total, progress
        self._done, self._lock = 0, Lock()

    def __call__(self, more: int) -> None:
        with self._lock:
            self._done += more
            if self._progress:
                self._progress(self._what, self._done, self._total)


def cores() -> int:
    """Cores for this process: those that it may use, shared with those that train with it."""
    if hasattr(os, "sched_getaffinity"):
        found = len(os.sched_getaffinity(0))
    else:
        found = os.cpu_count() or 1
    return max(1, found // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))  # torchrun's processes


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Within, torch uses one thread in this thread and in every one that is started from it.

    Networks this small are fastest side by side on one thread each.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
