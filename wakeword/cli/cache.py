"""`wakeword cache`."""

from __future__ import annotations

import json

import click
from rich.table import Table

from wakeword import storage
from wakeword.cli import options
from wakeword.cli.console import print_results
from wakeword.errors import ConfigError
from wakeword.evaluation.report.format import format_file_size


@click.command()
@options.option("--clear", is_flag=True, help="Delete what is listed, after a question.")
@options.option("--yes", is_flag=True, help="With --clear: do not ask.")
@options.as_json
def cache(clear: bool, yes: bool, as_json: bool) -> None:
    """Show where downloads and computed features are kept, and how much space they take.

    Nothing in the cache is lost for good: weights are downloaded and features are computed again
    when they are needed. Do not clear it during a training run. The environment variable
    WAKEWORD_CACHE chooses another folder.

    \b
    Examples:
      wakeword cache
      wakeword cache --clear
      wakeword cache --clear --yes
    """
    if yes and not clear:
        raise ConfigError("--yes answers the question of --clear. Give both.")
    usage = storage.cache_usage()
    size = sum(each.size_bytes for each in usage)
    if as_json:
        kinds = {each.kind: {"files": each.files, "bytes": each.size_bytes} for each in usage}
        about = {"folder": str(storage.cache_dir()), "bytes": size, "kinds": kinds}
        click.echo(json.dumps(about, indent=1))
    else:
        print_results(str(storage.cache_dir()), _table(usage))
    if not clear:
        return
    if not any(each.paths for each in usage):
        click.echo("nothing to delete", err=True)
    elif yes or _confirmed(size):
        storage.clear_cache()
        click.echo(f"deleted {format_file_size(size)}", err=True)
    else:
        click.echo("nothing deleted", err=True)


def _confirmed(size: int) -> bool:
    """Ask on stderr. Raises ConfigError where nobody can answer."""
    try:
        return click.confirm(f"Delete {format_file_size(size)}?", err=True)
    except click.Abort:
        raise ConfigError(
            "nothing deleted, because there was no answer. --yes deletes without a question."
        ) from None


def _table(usage: list[storage.CacheUsage]) -> Table:
    table = Table("kind")
    for heading in ("files", "size"):
        table.add_column(heading, justify="right")
    for each in usage:
        table.add_row(each.kind, str(each.files), format_file_size(each.size_bytes))
    table.add_section()
    total = sum(each.size_bytes for each in usage)
    table.add_row("total", str(sum(each.files for each in usage)), format_file_size(total))
    return table
