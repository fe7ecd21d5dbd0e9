"""Progress as lines of text, for output that is no terminal: pipes and the logs of servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread

EVERY_S = 20.0
"""Seconds between two lines, at most."""


@dataclass
class _Stage:
    """What is known of a stage.

    Attributes:
        name: of the stage.
        done: units done.
        total: units in total; 0 is not known.
        first: units done when it was first reported.
        start_s: time of its first report.
        last_s: time of its last report.
        detail: numbers that belong to it, such as the loss.
    """

    name: str
    done: int
    total: int
    first: int
    start_s: float
    last_s: float
    detail: str = ""

    @property
    def finished(self) -> bool:
        return bool(self.total) and self.done >= self.total

    def line(self, now_s: float) -> str:
        """Describe the stage: percent, time left and detail."""
        if self.finished:
            text = f"{self.name}: 100 %, still working after {format_seconds(now_s - self.last_s)}"
        elif self.total:
            percent = 100 * self.done // self.total
            text = f"{self.name}: {percent} % ({self.done:,} of {self.total:,})"
            if (steps := self.done - self.first) > 0:
                left_s = (self.last_s - self.start_s) / steps * (self.total - self.done)
                text += f", about {format_seconds(left_s)} left"
        else:
            text = f"{self.name}: {format_seconds(now_s - self.start_s)} so far"
        return f"{text}, {self.detail}" if self.detail else text


class ProgressLines:
    """A progress callback that prints a line for each stage, and one every `every_s` seconds.

    May be called from any thread.

    Args:
        write: prints a line.
        every_s: seconds between two lines, at most, while `ticking`.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._every_s, self._clock = write, every_s, clock
        now_s = clock()
        self._current = _Stage("starting", 0, 0, 0, now_s, now_s)
        self._stages: dict[str, _Stage] = {}
        self._printed_s = now_s
        self._lock = Lock()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take the progress of a stage; a stage that starts again counts as a new one."""
        with self._lock:
            now_s = self._clock()
            known = self._stages.get(stage)
            if known is None or done < known.done or total != known.total:
                self._stages[stage] = known = _Stage(stage, done, total, done, now_s, now_s)
                self._print(f"{stage} ({total:,})" if total else stage, now_s)
            known.done, known.last_s = done, now_s
            # of stages side by side, one that goes on is shown
            if not known.finished or self._current.finished or not self._current.total:
                self._current = known
            self._print_if_due(now_s)

    def detail(self, text: str) -> None:
        """Take numbers that belong to the current stage."""
        with self._lock:
            self._current.detail = text

    def tick(self) -> None:
        """Print a line if the last one is too long ago."""
        with self._lock:
            self._print_if_due(self._clock())

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """Print lines during a `with` block even where nothing reports progress."""
        ended = Event()

        def run() -> None:
            while not ended.wait(min(1.0, self._every_s)):
                self.tick()

        thread = Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _print_if_due(self, now_s: float) -> None:
        if now_s - self._printed_s >= self._every_s:
            self._print(self._current.line(now_s), now_s)

    def _print(self, line: str, now_s: float) -> None:
        self._printed_s = now_s
        self._write(line)


def format_seconds(seconds: float) -> str:
    """Return a duration in the unit that suits it: "40 s", "12 min", "2.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
