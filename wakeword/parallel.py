"""Long work: how it reports its progress, and how it shares the cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from wakeword.errors import ConfigError

Shared = TypeVar("Shared")
Job = TypeVar("Job")
Result = TypeVar("Result")
JobProgress = Callable[[int], None]
"""Told how much more of a job is done."""


@dataclass(frozen=True)
class JobBatch(Generic[Shared, Job, Result]):
    """`function(shared, job, tick)` of every job.

    Attributes:
        tick: called in this process with a job and how much more of it is done.
        size: what the ticks of a job add up to.
        failed: whether a result lacks what another machine may be able to read.
    """

    function: Callable[[Shared, Job, JobProgress], Result]
    shared: Shared
    jobs: Sequence[Job]
    tick: Callable[[Job, int], None]
    size: Callable[[Job], int] = lambda job: 1
    failed: Callable[[Result], bool] = lambda result: False


class Executor(Protocol):
    """A place to run jobs."""

    def run(self, task: JobBatch[Shared, Job, Result]) -> list[Result]:
        """The results, in the order of the jobs."""


class LocalExecutor:
    """Threads of this process, one a core."""

    def run(self, task: JobBatch[Shared, Job, Result]) -> list[Result]:
        def one(job: Job) -> Result:
            return task.function(task.shared, job, lambda more: task.tick(job, more))

        if len(task.jobs) == 1:  # to which all threads of torch are left
            return [one(job) for job in task.jobs]
        with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
            return list(pool.map(one, task.jobs))


@contextmanager
def executor_for(ray: str | None) -> Iterator[Executor]:
    """The cores of this machine for None, else a Ray cluster by its address ("": one made here)."""
    if ray is None:
        yield LocalExecutor()
        return
    cluster = RayExecutor(ray)
    try:
        yield cluster
    finally:
        cluster.close()


class RayExecutor:
    """Workers of a Ray cluster, which see the same files under the same names.

    Args:
        address: of a running cluster, "auto" for the one that this machine belongs to; "": a
            cluster of this machine alone, started here and stopped by `close`.

    A job whose worker dies is run again by Ray; one whose result `failed` is run once more.
    Raises ConfigError where Ray is missing or the cluster is not there.
    """

    def __init__(self, address: str = "") -> None:
        try:
            import ray
        except ImportError as error:
            raise ConfigError(
                f"Ray is not to be had here ({error}): pip install 'wakeword[ray]'."
            ) from error
        self._ray: Any = ray
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        alone: dict[str, Any] = {"num_cpus": available_cores(), "include_dashboard": False}
        try:
            ray.init(address=address or "local", **quiet, **({} if address else alone))
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"no Ray cluster at {address or 'this machine'} ({error}). Start one there by "
                "`ray start --head`, or leave the address out: then this machine is used."
            ) from error

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()

    def run(self, task: JobBatch[Shared, Job, Result]) -> list[Result]:
        there = self._ray.put((task.function, task.shared))
        remote = self._ray.remote(num_cpus=1, max_retries=2, scheduling_strategy="SPREAD")(_remote)
        results: dict[int, Result] = {}
        waiting = {remote.remote(there, job): (i, True) for i, job in enumerate(task.jobs)}
        while waiting:
            (done, *_), _ = self._ray.wait(list(waiting))
            i, first = waiting.pop(done)
            try:
                results[i] = self._ray.get(done)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None  # what the job itself raised
            if first and task.failed(results[i]):
                waiting[remote.remote(there, task.jobs[i])] = (i, False)
            else:
                task.tick(task.jobs[i], task.size(task.jobs[i]))
        return [results[i] for i in range(len(task.jobs))]


def _remote(there: tuple[Callable[[Any, Any, JobProgress], Any], Any], job: Any) -> Any:
    function, shared = there
    with single_threaded():
        return function(shared, job, lambda more: None)


def available_cores() -> int:
    """Cores for this process: those that it may use, shared with those that train with it."""
    if hasattr(os, "sched_getaffinity"):
        found = len(os.sched_getaffinity(0))
    else:
        found = os.cpu_count() or 1
    return max(1, found // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))  # torchrun's processes


@contextmanager
def single_threaded() -> Iterator[None]:
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
