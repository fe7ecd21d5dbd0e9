"""What the project says of itself in several places: version, Pythons, environment variables."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import project_file
import pytest

import wakeword
from wakeword.cli.listen import Runner

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "environment.md"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# ---------------------------------------------------------------- version, systems


def test_the_version_has_one_source() -> None:
    project = project_file.read()
    assert "version" not in project["project"] and project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "wakeword/__init__.py"


def test_citation_and_changelog_have_the_version_and_its_date() -> None:
    unreleased, newest = re.findall(r"^## (.*)$", read("CHANGELOG.md"), re.MULTILINE)[:2]
    version, date = newest.split(" - ")
    assert unreleased == "Unreleased" and version == wakeword.__version__
    citation = read("CITATION.cff")
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [version]
    assert re.findall(r'^date-released: "(.*)"$', citation, re.MULTILINE) == [date]


def test_readme_and_classifiers_state_the_same_pythons_and_systems() -> None:
    project = project_file.read()["project"]
    classifiers = "\n".join(project["classifiers"])
    minors = [int(each) for each in re.findall(r"Python :: 3\.(\d+)", classifiers)]
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert project["requires-python"] == f">=3.{minors[0]}"
    stated = f"Python 3.{minors[0]} to 3.{minors[-1]} on Linux, macOS or Windows"
    assert stated in read("README.md")
    systems = re.findall(r"Operating System :: (.*)", classifiers)
    assert systems == ["MacOS", "Microsoft :: Windows", "POSIX :: Linux"]
    target = project_file.read()["tool"]["mypy"]["python_version"]
    assert target == f"3.{minors[0]}"


# ---------------------------------------------------------------- environment variables


def variables_read(source: str) -> Iterator[str]:
    """The environment variables that a module reads by name; those it sets are not among them."""
    for node in ast.walk(ast.parse(source)):
        name: ast.expr | None = None
        if isinstance(node, ast.Call) and re.search(
            r"(environ\.(get|pop)|getenv)$", ast.unparse(node.func)
        ):
            name = node.args[0]
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Load)
            and ast.unparse(node.value).endswith("environ")
        ):
            name = node.slice
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]).endswith("environ"):
            name = node.left
        elif isinstance(node, ast.keyword) and node.arg == "envvar":
            name = node.value
        if name is not None:
            assert isinstance(name, ast.Constant), f"not a literal name: {ast.unparse(node)}"
            yield name.value


def variables_on_the_page(section: str) -> list[str]:
    _, _, text = PAGE.read_text("utf-8").partition(f"## {section}\n")
    return re.findall(r"^\| `(\w+)`", text.partition("\n## ")[0], re.MULTILINE)


def variables_in(folder: str) -> set[str]:
    files = (ROOT / folder).rglob("*.py")
    return {name for file in files for name in variables_read(file.read_text("utf-8"))}


def test_the_page_lists_the_variables_that_the_package_reads() -> None:
    listed = variables_on_the_page("Read by wakeword")
    assert "WAKEWORD_CACHE" in listed and len(listed) == len(set(listed))
    assert set(listed) == variables_in("wakeword")


def test_the_page_lists_the_variables_that_the_tests_read() -> None:
    own = {name for name in variables_in("tests") if name.startswith("WAKEWORD_")}
    assert set(variables_on_the_page("Read by the tests")) == own


def test_the_page_lists_the_variables_that_a_command_is_given() -> None:
    source = Path(Runner.start.__code__.co_filename).read_text("utf-8")
    given = set(re.findall(r'"(WAKEWORD_\w+)":', source))
    assert set(variables_on_the_page("Set by wakeword")) == given and len(given) == 3


@pytest.mark.parametrize(
    "source",
    [
        "import os; os.environ.get('X')",
        "from os import environ; environ['X']",
        "import os; os.getenv('X', '1')",
        "import os; 'X' in os.environ",
        "import click; click.option('--token', envvar='X')",
    ],
)
def test_the_search_finds_every_way_to_read_a_variable(source: str) -> None:
    assert list(variables_read(source)) == ["X"]


def test_setting_a_variable_is_not_reading_it() -> None:
    assert list(variables_read("import os; os.environ['X'] = '1'; {**os.environ, 'X': '1'}")) == []
