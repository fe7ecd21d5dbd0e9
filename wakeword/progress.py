"""TODO."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

ProgressCallback = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much (0: not known)."""


class ProgressCounter:
    """A progress that several threads tell of together: how much more of it each has done."""

    def __init__(self, what: str, total: int, progress: ProgressCallback | None) -> None:
        self._what, self._total, self._progress = what, total, progress
        self._done, self._lock = 0, Lock()

    def __call__(self, more: int) -> None:
        with self._lock:
            self._done += more
            if self._progress:
                self._progress(self._what, self._done, self._total)
