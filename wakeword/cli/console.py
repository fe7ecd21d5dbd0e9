"""Terminal output of the commands: errors, logging, progress and notes on stderr."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from wakeword.cli.missing import missing_package_message
from wakeword.cli.progress_lines import ProgressLines
from wakeword.errors import WakewordError
from wakeword.progress import DetailedProgress, ProgressCallback

_log = logging.getLogger(__name__)
_PIPE_WIDTH = 160
_INTERRUPTED = 130  # exit code after Ctrl-C, as of a shell
_RESUMING = ("data", "demo", "improve", "speak", "train")
"""Commands that continue where they stopped when they are given again."""


class TeachingCommand(click.Command):
    """A command that reports its errors as one message on stderr, with exit code 2.

    Its errors are each `WakewordError`, and a package that is not installed. Ctrl-C ends it with
    one line and exit code 130.
    """

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except WakewordError as error:
            _exit_with_message(str(error))
        except ModuleNotFoundError as error:
            name = context.invoked_subcommand  # None where the command itself cannot be imported
            what = f"`wakeword {name}`" if name else "this command"
            if message := missing_package_message(error, what):
                _exit_with_message(message)
            raise
        except KeyboardInterrupt:
            resumes = context.invoked_subcommand in _RESUMING
            goes_on = "; the same command goes on from here" if resumes else ""
            click.echo(f"stopped{goes_on}", err=True)
            sys.exit(_INTERRUPTED)


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


def print_line(console: Console, text: str) -> None:
    """Print a line as it is: without markup, colours or line breaks of its own."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_note(text: str) -> None:
    """Print a note to stderr, unless `--quiet` is given."""
    if not is_quiet():
        Console(stderr=True).print(
            f"[yellow]note:[/yellow] {escape(text)}", highlight=False, soft_wrap=True
        )


class _ProgressBars:
    """A progress callback that shows a bar for each stage on a terminal.

    Args:
        bars: that are shown.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._current: TaskID | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, detail="")
        self._current = self._tasks[stage]
        self._bars.update(self._current, completed=done, total=total)

    def detail(self, text: str) -> None:
        if self._current is not None:
            self._bars.update(self._current, detail=text)


@contextmanager
def progress_display() -> Iterator[ProgressCallback]:
    """Show progress on stderr: bars on a terminal; elsewhere lines, every 20 seconds at least.

    After Ctrl-C, threads that report progress end as well.

    Yields:
        A callback (what is done, units done, units in total), a `DetailedProgress`.
    """
    with _interruptible() as check:
        if is_quiet():
            yield _Checked(None, check)
            return
        console = Console(stderr=True)
        if not sys.stderr.isatty():
            lines = ProgressLines(
                partial(console.print, highlight=False, markup=False, soft_wrap=True)
            )
            with lines.ticking():
                yield _Checked(lines, check)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
        )
        with Progress(*columns, console=console) as bars:
            yield _Checked(_ProgressBars(bars), check)


class _Checked:
    """A progress callback that calls `check` first."""

    def __init__(self, show: DetailedProgress | None, check: Callable[[], None]) -> None:
        self._show, self._check = show, check

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._check()
        if self._show:
            self._show(stage, done, total)

    def detail(self, text: str) -> None:
        if self._show:
            self._show.detail(text)


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C end worker threads, for which the main thread would wait.

    Yields:
        A function for these threads to call; it raises KeyboardInterrupt after Ctrl-C.
    """
    stopped = threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise KeyboardInterrupt

    def stop(number: int, frame: Any) -> None:
        stopped.set()
        signal.default_int_handler(number, frame)

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, stop)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
