"""Executors that run jobs on the cores of this machine or on a Ray cluster."""

from __future__ import annotations

import os
import sys
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
"""Called by a running job with the number of steps completed since the last call."""


@dataclass(frozen=True)
class JobBatch(Generic[Shared, Job, Result]):
    """Independent jobs, each of which calls `function(shared, job, progress)`.

    Attributes:
        function: for a Ray cluster, importable on its workers.
        shared: first argument of all jobs, sent to a cluster once.
        jobs: second argument of each job.
        on_progress: called in this process with a job and the number of its steps just completed.
        size: number of steps of a job.
        failed: whether a result is incomplete, so that another machine should try the job again.
    """

    function: Callable[[Shared, Job, JobProgress], Result]
    shared: Shared
    jobs: Sequence[Job]
    on_progress: Callable[[Job, int], None]
    size: Callable[[Job], int] = lambda job: 1
    failed: Callable[[Result], bool] = lambda result: False


class Executor(Protocol):
    """Runs batches of jobs."""

    def run(self, batch: JobBatch[Shared, Job, Result]) -> list[Result]:
        """Run all jobs and return their results in the order of the jobs."""


class LocalExecutor:
    """Runs jobs in threads of this process, one per core."""

    def run(self, batch: JobBatch[Shared, Job, Result]) -> list[Result]:
        """Run all jobs and return their results in the order of the jobs.

        A single job runs in the calling thread and may use all threads of torch.
        """

        def run_job(job: Job) -> Result:
            return batch.function(batch.shared, job, lambda steps: batch.on_progress(job, steps))

        if len(batch.jobs) == 1:
            return [run_job(job) for job in batch.jobs]
        with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
            return list(pool.map(run_job, batch.jobs))


@contextmanager
def executor_for(ray: str | None) -> Iterator[Executor]:
    """Yield the executor of an address and close it at the end.

    Args:
        ray: None for the cores of this machine, otherwise the address of a Ray cluster ("" starts
            one on this machine).

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
    """
    if ray is None:
        yield LocalExecutor()
        return
    cluster = RayExecutor(ray)
    try:
        yield cluster
    finally:
        cluster.close()


class RayExecutor:
    """Runs jobs on a Ray cluster, whose workers must see the same files under the same paths.

    Ray runs a job again if its worker dies; a job whose result counts as `failed` runs once more.

    Args:
        address: of a running cluster; "auto" for the cluster that this machine belongs to; "" for
            a cluster of this machine alone, which `close` stops.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str = "") -> None:
        try:
            import ray
        except ImportError as error:
            raise ConfigError(
                f"Ray is not installed ({error}): pip install 'wakeword[ray]'."
            ) from error
        self._ray: Any = ray
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        local: dict[str, Any] = {"num_cpus": available_cores(), "include_dashboard": False}
        try:
            ray.init(address=address or "local", **quiet, **({} if address else local))
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"no Ray cluster at {address or 'this machine'} ({error}). Start one with "
                "`ray start --head`, or omit the address to start one on this machine."
            ) from error

    def close(self) -> None:
        """Disconnect from the cluster; a cluster started by this executor stops."""
        self._ray.shutdown()

    def run(self, batch: JobBatch[Shared, Job, Result]) -> list[Result]:
        """Run all jobs and return their results in the order of the jobs."""
        common = self._ray.put((batch.function, batch.shared))
        remote = self._ray.remote(num_cpus=1, max_retries=2, scheduling_strategy="SPREAD")(
            _run_remote
        )
        results: dict[int, Result] = {}
        pending = {remote.remote(common, job): (i, True) for i, job in enumerate(batch.jobs)}
        while pending:
            (done, *_), _ = self._ray.wait(list(pending))
            i, first_attempt = pending.pop(done)
            try:
                results[i] = self._ray.get(done)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None  # the exception of the job itself
            if first_attempt and batch.failed(results[i]):
                pending[remote.remote(common, batch.jobs[i])] = (i, False)
            else:
                batch.on_progress(batch.jobs[i], batch.size(batch.jobs[i]))
        return [results[i] for i in range(len(batch.jobs))]


def _run_remote(common: tuple[Callable[[Any, Any, JobProgress], Any], Any], job: Any) -> Any:
    function, shared = common
    with single_threaded():
        return function(shared, job, lambda steps: None)


def available_cores() -> int:
    """Return the number of cores of this process: at least 1.

    They are the cores that the process is allowed to use, divided among the training processes
    that torchrun started on this machine.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit torch to one thread per calling thread, also in threads started inside the block.

    Small networks are fastest when they run in parallel, each on one thread.
    """
    torch = sys.modules.get("torch")
    if torch is None:  # an exported model, which runs on one thread
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
