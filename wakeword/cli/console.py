"""What the commands share in showing things: errors, progress on stderr, numbers in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from wakeword.errors import WakewordError
from wakeword.progress import ProgressCallback


class TeachingCommand(click.Command):
    """A command whose errors are a message and exit code 2, where the toolkit can name a remedy."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except WakewordError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(2)


@contextmanager
def progress_display() -> Iterator[ProgressCallback]:
    """A `(what, done, total)` callback: bars on a terminal, a line per stage elsewhere."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def line(what: str, done: int, total: int) -> None:
            if what not in seen:
                seen.add(what)
                console.print(f"{what} ({total})", highlight=False)

        yield line
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield update


def stdout_console() -> Console:
    """Standard output for tables: as wide as the terminal; wide in a pipe, where nothing wraps."""
    return Console(width=None if sys.stdout.isatty() else 160)


def format_percent(share: float) -> str:
    """0.0123 → "1.2 %"."""
    return f"{100 * share:.1f} %"
