"""Progress callbacks of long operations."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol, runtime_checkable

ProgressCallback = Callable[[str, int, int], None]
"""Called as `progress(stage, done, total)`; a total of 0 means that it is not known."""


@runtime_checkable
class DetailedProgress(Protocol):
    """A progress callback that also takes numbers that belong to the current stage."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take the progress of a stage."""
        ...

    def detail(self, text: str) -> None:
        """Take numbers in words, such as "loss 0.01, held-out miss 4.0 %"."""
        ...


def report_detail(progress: ProgressCallback | None, text: str) -> None:
    """Hand numbers that belong to the current stage to a callback that takes them."""
    if isinstance(progress, DetailedProgress):
        progress.detail(text)


def with_prefix(progress: ProgressCallback | None, prefix: str) -> ProgressCallback | None:
    """Return a callback that reports the stage "training" as "gate: training"."""
    return _Prefixed(progress, prefix) if progress else None


class _Prefixed:
    def __init__(self, progress: ProgressCallback, prefix: str) -> None:
        self._progress, self._prefix = progress, prefix

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._progress(f"{self._prefix}: {stage}", done, total)

    def detail(self, text: str) -> None:
        report_detail(self._progress, text)


class ProgressCounter:
    """Adds up the progress of several threads and reports the sum.

    Args:
        stage: name of the operation, passed on to `progress`.
        total: number of steps of all threads together.
        progress: called after every step; None reports nothing.
    """

    def __init__(self, stage: str, total: int, progress: ProgressCallback | None) -> None:
        self._stage, self._total, self._progress = stage, total, progress
        self._done, self._lock = 0, Lock()

    def __call__(self, steps: int) -> None:
        """Count `steps` more steps; may be called from any thread."""
        with self._lock:
            self._done += steps
            if self._progress:
                self._progress(self._stage, self._done, self._total)
