"""Terminal output of the commands: errors, logging, progress and notes on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from wakeword.cli.missing import missing_package_message
from wakeword.errors import WakewordError
from wakeword.progress import ProgressCallback

_log = logging.getLogger(__name__)
_PIPE_WIDTH = 160


class TeachingCommand(click.Command):
    """A command that reports its errors as one message on stderr, with exit code 2.

    Its errors are each `WakewordError`, and a package that is not installed.
    """

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except WakewordError as error:
            _exit_with_message(str(error))
        except ModuleNotFoundError as error:
            what = f"`wakeword {context.invoked_subcommand}`"
            if message := missing_package_message(error, what):
                _exit_with_message(message)
            raise


def _exit_with_message(message: str) -> NoReturn:
    """Report the error that is being handled, and exit with code 2."""
    _log.debug("traceback of the error", exc_info=True)
    click.echo(f"Error: {message}", err=True)
    sys.exit(2)


@contextmanager
def log_to_stderr(verbose: int, quiet: bool) -> Iterator[None]:
    """Send the log of the package to stderr while a command runs.

    Args:
        verbose: 0 logs warnings, 1 also what is done (INFO), 2 also details (DEBUG).
        quiet: log errors alone.
    """
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    logger = logging.getLogger("wakeword")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level_before = logger.level
    logger.setLevel(logging.ERROR if quiet else levels[min(verbose, 2)])
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level_before)


def log_activity() -> None:
    """Log also what the current command does (INFO), unless `--quiet` is given.

    For commands that run until they are stopped.
    """
    if not is_quiet():
        logger = logging.getLogger("wakeword")
        logger.setLevel(min(logger.level, logging.INFO))


def is_quiet() -> bool:
    """Return whether `wakeword --quiet` runs the current command."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().params.get("quiet"))


def print_note(text: str) -> None:
    """Print a note to stderr, unless `--quiet` is given."""
    if not is_quiet():
        Console(stderr=True).print(
            f"[yellow]note:[/yellow] {escape(text)}", highlight=False, soft_wrap=True
        )


@contextmanager
def progress_display() -> Iterator[ProgressCallback]:
    """Show progress on stderr: bars on a terminal, one line per stage elsewhere.

    Yields:
        A callback (what is done, units done, units in total).
    """
    if is_quiet():
        yield lambda what, done, total: None
        return
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        shown: set[str] = set()

        def print_line(what: str, done: int, total: int) -> None:
            if what not in shown:
                shown.add(what)
                console.print(f"{what} ({total})" if total else what, highlight=False)

        yield print_line
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
    """Return a console for standard output: as wide as the terminal, wider in a pipe."""
    return Console(width=None if _is_terminal() else _PIPE_WIDTH)


def print_results(*renderables: Any) -> None:
    """Print tables and lines to standard output as they are, without highlighting or markup.

    Lines are wrapped to the width of a terminal; in a pipe each stays one line.
    """
    console = stdout_console()
    for each in renderables:
        is_line = isinstance(each, (str, Text))
        wrapped = _is_terminal() or not is_line
        console.print(each, highlight=False, markup=False, soft_wrap=not wrapped)


def _is_terminal() -> bool:
    return sys.stdout.isatty()
