"""Progress callbacks of long operations."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

ProgressCallback = Callable[[str, int, int], None]
"""Called as `progress(stage, done, total)`; a total of 0 means that it is not known."""


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
