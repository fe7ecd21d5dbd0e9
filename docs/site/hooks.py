"""MkDocs hooks: pages of the site whose text lives elsewhere in the repository.

The results pages are the recipes' own README files, the changelog and the contributing guide lie
at the root, the tutorial page is the notebook's cells, and the command reference is what click
knows of each command. Nothing is copied by hand, so nothing can drift apart.
"""

from __future__ import annotations

import inspect
import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
NOTEBOOK = "docs/tutorial.ipynb"
COMMANDS = "reference/cli.md"
PAGES = {
    "recipes/README.md": "results/recipes.md",
    "recipes/benchmark/README.md": "results/benchmark.md",
    "recipes/depth/README.md": "results/depth.md",
    "recipes/pretrain/README.md": "results/pretrain.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
}
"""File of the repository → page of the site."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages whose source is outside `docs/`, and the pictures that they show."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        for picture in _pictures(source, text):
            if files.get_file_from_path(picture) is None:
                files.append(File.generated(config, picture, abs_src_path=str(ROOT / picture)))
        files.append(File.generated(config, page, content=relink(text, source, page)))
    cells = json.loads((ROOT / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    page = "tutorial/notebook.md"
    text = relink(notebook_page(cells), NOTEBOOK, page)
    files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links of ordinary pages at the site's copy of a file outside `docs/`."""
    source = page.file.src_uri
    if source == COMMANDS:
        return "\n\n".join([markdown, *command_reference()])
    if source in {*PAGES.values(), "tutorial/notebook.md"}:
        return markdown  # relinked when it was added
    return relink(markdown, f"docs/{source}", source)


def relink(text: str, source: str, page: str) -> str:
    """Rewrite relative links of a file of the repository for its page on the site.

    Args:
        text: Markdown.
        source: path of the file in the repository.
        page: path of the page in the site.

    Returns:
        The Markdown with links to other pages of the site and to pictures; a link to any other
        file of the repository becomes that file's path, because the site does not hold it.
    """

    def replace(match: re.Match[str]) -> str:
        bang, label, target, anchor = match.groups()
        path = _inside(Path(source).parent / target)
        if path in PAGES:
            target_page = PAGES[path]
        elif bang and not path.startswith("docs/"):
            target_page = path
        elif path == NOTEBOOK:
            target_page = "tutorial/notebook.md"
        elif path.startswith("docs/"):
            target_page = path.removeprefix("docs/")
        else:
            return f"{label} (`{path}`)" if label.strip("`") != path else f"`{path}`"
        return f"{bang}[{label}]({_relative(target_page, page)}{anchor or ''})"

    return _LINK.sub(replace, text)


def _relative(target: str, page: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(page))


def _inside(path: Path) -> str:
    """A path of the repository with its `..` resolved."""
    return (ROOT / path).resolve().relative_to(ROOT).as_posix()


def _pictures(source: str, text: str) -> list[str]:
    """The pictures that a page outside `docs/` shows, as paths of the repository."""
    shown = [match[3] for match in _LINK.finditer(text) if match[1]]
    return [_inside(Path(source).parent / path) for path in shown]


def notebook_page(cells: list[dict[str, object]]) -> str:
    """The cells of a notebook as Markdown: text as it is, code in fenced blocks."""
    parts = []
    for cell in cells:
        text = "".join(cell["source"])  # type: ignore[arg-type]
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    note = (
        "!!! note\n    This page is the notebook `docs/tutorial.ipynb`. "
        "It makes its own clips and runs offline."
    )
    return "\n\n".join([parts[0], note, *parts[1:]]) + "\n"


def command_reference() -> Iterator[str]:
    """Each command of the command line as Markdown: usage, description, examples, options."""
    from wakeword.cli import main

    context = click.Context(main, info_name="wakeword")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if command is not None and not command.hidden:
            yield from command_section(command, click.Context(command, context, name))


def command_section(command: click.Command, context: click.Context) -> Iterator[str]:
    """One command, and the commands of a group below it.

    A paragraph that click prints as it is becomes a block of shell commands.
    """
    _, *names = context.command_path.split()
    yield f"{'#' * (1 + len(names))} {' '.join(names)}"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"```text\n{usage}\n```"
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "")):
        title, _, lines = paragraph.partition("\n")
        if title.strip() != "\b":
            yield paragraph
            continue
        title, _, lines = lines.partition("\n")
        block = "\n".join(map(str.strip, lines.splitlines()))
        yield f"{title.strip()}\n\n```sh\n{block}\n```"
    options = [each for each in command.params if isinstance(each, click.Option)]
    records = [option.get_help_record(context) for option in options]
    rows = [f"| `{spelling}` | {_cell(text)} |" for spelling, text in filter(None, records)]
    if rows:
        yield "\n".join(["| option | meaning |", "|---|---|", *rows])
    for name, member in command.commands.items() if isinstance(command, click.Group) else ():
        yield from command_section(member, click.Context(member, context, name))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
