"""`wakeword data`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from wakeword.cli import options
from wakeword.cli.choices import OneOf
from wakeword.cli.console import print_results, progress_display
from wakeword.evaluation.report.format import format_file_size

if TYPE_CHECKING:
    from wakeword.data.corpora.catalogue import Corpus


def _names() -> Iterable[str]:
    from wakeword.data.corpora.catalogue import CORPORA

    return CORPORA


_names_argument = click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", type=OneOf("corpus", _names)
)


@click.group()
def data() -> None:
    """List, download or delete public corpora of other speech, noise and rooms.

    They are kept in the cache (`wakeword cache`). The option --negatives of `train`, `calibrate`,
    `eval` and `enroll`, and the recordings of `mine`, take a downloaded corpus by its name.

    \b
    Examples:
      wakeword data list
      wakeword data get librispeech-dev-clean demand
      wakeword train recordings/ -o alexa.wakeword --negatives librispeech-dev-clean
      wakeword data remove demand
    """


@data.command(name="list")
@options.as_json
def list_(as_json: bool) -> None:
    """List the corpora with size, hours and licence, and say which are here.

    \b
    Examples:
      wakeword data list
      wakeword data list --json
    """
    from wakeword.data.corpora.catalogue import CORPORA

    if as_json:
        click.echo(json.dumps([_as_dict(corpus) for corpus in CORPORA.values()], indent=2))
    else:
        print_results(_table(CORPORA.values()))


@data.command()
@_names_argument
@options.option(
    "--mirror",
    metavar="URL",
    envvar="WAKEWORD_CORPORA_MIRROR",
    help="Address of a folder with the same archives, instead of their publishers'; also the "
    "variable WAKEWORD_CORPORA_MIRROR.",
)
def get(names: tuple[str, ...], mirror: str | None) -> None:
    """Download corpora, verify and unpack them.

    An interrupted download goes on where it stopped when the same command is given again. The
    recordings keep their publisher's licence, which `wakeword info` shows for a model that was
    trained on them.

    \b
    Examples:
      wakeword data get librispeech-dev-clean
      wakeword data get musan rirs-noises
      wakeword data get librispeech-dev-clean --mirror https://example.org/corpora
    """
    from wakeword.data.corpora.catalogue import find_corpus
    from wakeword.data.corpora.fetch import fetch_corpus

    for corpus in map(find_corpus, dict.fromkeys(names)):
        with progress_display() as progress:
            folder = fetch_corpus(corpus, mirror=mirror, progress=progress)
        print_results(f"{corpus.name}: {corpus.title}, {corpus.licence} ({corpus.home})")
        print_results(f"in {folder}")


@data.command()
@_names_argument
def remove(names: tuple[str, ...]) -> None:
    """Delete downloaded corpora, and what interrupted downloads left of them.

    \b
    Examples:
      wakeword data remove musan
    """
    from wakeword.data.corpora.catalogue import find_corpus
    from wakeword.data.corpora.fetch import remove_corpus

    for corpus in map(find_corpus, dict.fromkeys(names)):
        freed = remove_corpus(corpus)
        done = f"deleted, {format_file_size(freed)} freed" if freed else "not here"
        print_results(f"{corpus.name}: {done}")


def _as_dict(corpus: Corpus) -> dict[str, Any]:
    from wakeword.data.corpora.fetch import is_downloaded, unpacked_folder

    return {
        "name": corpus.name,
        "title": corpus.title,
        "kind": corpus.kind,
        "bytes": corpus.size_bytes,
        "hours": corpus.hours,
        "licence": corpus.licence,
        "home": corpus.home,
        "folder": str(unpacked_folder(corpus)) if is_downloaded(corpus) else None,
    }


def _table(corpora: Iterable[Corpus]) -> Table:
    from wakeword.data.corpora.fetch import is_downloaded

    table = Table()
    table.add_column("name", no_wrap=True)
    table.add_column("what")
    for heading in ("size", "hours"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    table.add_column("here")
    for corpus in corpora:
        table.add_row(
            corpus.name,
            corpus.kind,
            format_file_size(corpus.size_bytes),
            "-" if corpus.hours is None else f"{corpus.hours:g}",
            corpus.licence,
            "yes" if is_downloaded(corpus) else "no",
        )
    return table
