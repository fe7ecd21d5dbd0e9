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
    from pathlib import Path

    from wakeword.data.corpora.catalogue import Corpus
    from wakeword.data.corpora.hugging_face import HubDataset


def _names() -> Iterable[str]:
    from wakeword.data.corpora.catalogue import CORPORA

    return (*CORPORA, "hf:ID")


_names_argument = click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", type=OneOf("corpus", _names)
)


@click.group()
def data() -> None:
    """List, download or delete public corpora of other speech, noise and rooms.

    They are kept in the cache (`wakeword cache`). `hf:ORG/NAME` names a data set with audio of the
    Hugging Face Hub. The option --negatives of `train`, `calibrate`, `eval` and `enroll`, and the
    recordings of `mine`, take a downloaded corpus by its name.

    \b
    Examples:
      wakeword data list
      wakeword data get librispeech-dev-clean demand
      wakeword data get hf:google/fleurs:de_de@validation --hours 2
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
    from wakeword.data.corpora.hugging_face import downloaded_datasets

    rows = [_corpus_row(corpus) for corpus in CORPORA.values()]
    rows += [_hub_row(each) for each in downloaded_datasets()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        print_results(_table(rows))


@data.command()
@_names_argument
@options.option(
    "--mirror",
    metavar="URL",
    envvar="WAKEWORD_CORPORA_MIRROR",
    help="Address of a folder with the same archives, instead of their publishers'; also the "
    "variable WAKEWORD_CORPORA_MIRROR.",
)
@options.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True),
    help="Hours to download of each data set of the Hugging Face Hub.  [default: 5]",
)
def get(names: tuple[str, ...], mirror: str | None, hours: float | None) -> None:
    """Download corpora, verify and unpack them.

    Of a data set of the Hugging Face Hub, `hf:ORG/NAME` with `:CONFIG` and `@SPLIT` where needed,
    the first hours are downloaded; this needs the package `datasets`.

    An interrupted download goes on where it stopped when the same command is given again. The
    recordings keep their publisher's licence, which `wakeword info` shows for a model that was
    trained on them.

    \b
    Examples:
      wakeword data get librispeech-dev-clean
      wakeword data get musan rirs-noises
      wakeword data get librispeech-dev-clean --mirror https://example.org/corpora
      wakeword data get hf:google/fleurs:de_de@validation --hours 2
    """
    for name in dict.fromkeys(names):
        folder, about = _fetch_from_hub(name, hours) if _on_hub(name) else _fetch(name, mirror)
        print_results(f"{name}: {about}")
        print_results(f"in {folder}")


def _on_hub(name: str) -> bool:
    return name.startswith("hf:")


def _fetch(name: str, mirror: str | None) -> tuple[Path, str]:
    from wakeword.data.corpora.catalogue import find_corpus
    from wakeword.data.corpora.fetch import fetch_corpus

    corpus = find_corpus(name)
    with progress_display() as progress:
        folder = fetch_corpus(corpus, mirror=mirror, progress=progress)
    return folder, f"{corpus.title}, {corpus.licence} ({corpus.home})"


def _fetch_from_hub(name: str, hours: float | None) -> tuple[Path, str]:
    from wakeword.data.corpora.hugging_face import HOURS, HubDataset, fetch_dataset

    chosen = HubDataset(name)
    with progress_display() as progress:
        folder = fetch_dataset(chosen, hours=hours or HOURS, progress=progress)
    about = chosen.about()
    broken = f", {about['broken']} broken recordings left out" if about["broken"] else ""
    return folder, f"{about['hours']} h, licence {about['licence']}{broken}"


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
    from wakeword.data.corpora.hugging_face import HubDataset, remove_dataset

    for name in dict.fromkeys(names):
        if _on_hub(name):
            freed = remove_dataset(HubDataset(name))
        else:
            freed = remove_corpus(find_corpus(name))
        done = f"deleted, {format_file_size(freed)} freed" if freed else "not here"
        print_results(f"{name}: {done}")


def _hub_row(chosen: HubDataset) -> dict[str, Any]:
    from wakeword.storage import file_sizes

    about, folder = chosen.about(), chosen.folder
    return {
        "name": chosen.name,
        "title": chosen.name,
        "kind": "speech",
        "bytes": sum(file_sizes(folder)),
        "hours": about["hours"],
        "licence": about["licence"],
        "home": f"https://huggingface.co/datasets/{chosen.repository}",
        "folder": str(folder),
    }


def _corpus_row(corpus: Corpus) -> dict[str, Any]:
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


def _table(rows: Iterable[dict[str, Any]]) -> Table:
    table = Table()
    table.add_column("name", no_wrap=True)
    table.add_column("what")
    for heading in ("size", "hours"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    table.add_column("here")
    for row in rows:
        table.add_row(
            row["name"],
            row["kind"],
            format_file_size(row["bytes"]),
            "-" if row["hours"] is None else f"{row['hours']:g}",
            row["licence"],
            "yes" if row["folder"] else "no",
        )
    return table
