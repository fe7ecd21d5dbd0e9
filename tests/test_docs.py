"""Every command on the pages is one that there is, with options that it has."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from wakeword.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *ROOT.glob("recipes/**/*.md")]
PYTHON = {"python", "python3"}


def commands() -> list[tuple[str, str]]:
    """(page, line) of everything in a block of shell commands."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(str(page.relative_to(ROOT)), line) for line in lines if line.strip()]
    return found


def check(line: str) -> str:
    """Parse a line as its command would; says what kind it was."""
    name, *given = shlex.split(line, comments=True)
    if name == "wakeword":
        context = click.Context(main, info_name="wakeword")
        command = main.get_command(context, given[0])  # type: ignore[attr-defined]
        assert command is not None, f"no command {given[0]}"
        parse(command, given[1:])
        return "wakeword"
    if name in PYTHON and given[0].startswith("recipes/"):
        recipe = ROOT / given[0]
        assert recipe.is_file(), f"no {given[0]}"
        command = module(recipe).get("main")
        if isinstance(command, click.Command):
            parse(command, given[1:])
        return "recipe"
    return "other"


def module(recipe: Path) -> dict[str, Any]:
    """What a script holds; its own folder is where it imports from, as when it is run."""
    sys.path.insert(0, str(recipe.parent))
    try:
        return runpy.run_path(str(recipe))
    finally:
        sys.path.remove(str(recipe.parent))


def parse(command: click.Command, arguments: list[str]) -> None:
    """Raises click.UsageError where the command would."""
    command.make_context(command.name or "", list(arguments))


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_on_a_page_can_be_given(page: str, line: str) -> None:
    kind = check(line)
    assert kind != "other" or re.match(r"(pip|arecord|torchrun|apt-get|make|\w+ =) ?", line), line


def test_the_check_notices() -> None:
    assert len(commands()) > 40
    for line in ("wakeword lisen a", "wakeword listen a --loud", "python recipes/none.py"):
        with pytest.raises((AssertionError, click.UsageError)):
            check(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
