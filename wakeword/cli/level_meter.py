"""Level meter: a level in dBFS with a moving bar on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from wakeword.audio.levels import level_db
from wakeword.audio.samples import Samples

LOWEST_DB = -90.0


def level_line(db: float, text: str = "") -> Table:
    """Return a level in dBFS as number and bar, followed by a text."""
    row = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=-LOWEST_DB, completed=db - LOWEST_DB, width=30)
    row.add_row(f"{db:4.0f} dBFS", bar, text)
    return row


def with_level_meter(blocks: Iterable[Samples], console: Console) -> Iterator[Samples]:
    """Yield (n,) blocks unchanged; on a terminal, show the level of the last one."""
    if not console.is_terminal:
        yield from blocks
        return
    with Live(console=console, transient=True, refresh_per_second=10) as live:
        for block in blocks:
            live.update(level_line(level_db(block, LOWEST_DB)))
            yield block
