"""Imports point one way; the checker that says so is itself shown to notice."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

import wakeword

PACKAGE = Path(wakeword.__file__).parent
FLOORS = (
    *("errors", "legacy", "storage", "progress", "download", "parallel", "devices"),
    *(
        "audio",
        "data",
        "simulate",
        "encoders",
        "heads",
        "ready_models",
        "model",
        "detection",
        "runtime",
    ),
    *("evaluation", "training", "exporting", "tts", "synthetic", "serve", "integrations"),
    *("demo", "cli"),
)
"""Parts of the package, lowest first: a module imports from its own part or from lower ones."""
ENTRIES = ("", "__main__")
"""The public face, which imports any part and is imported by `cli` alone, and `python -m`."""

Graph = Mapping[str, set[str]]  # module → modules of ours that it imports


def name_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(name: str, source: str, modules: set[str]) -> set[str]:
    """The modules of ours that `source` imports anywhere, also within functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: a relative import"
            base = node.module or ""
            whole = {f"{base}.{alias.name}" for alias in node.names} & modules
            found |= whole
            if len(whole) < len(node.names):
                found.add(base)
    return {each for each in found if each.split(".")[0] == "wakeword"} - {name}


@cache
def graph() -> Graph:
    sources = {name_of(file): file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py")}
    return {name: imports(name, text, set(sources)) for name, text in sources.items()}


def part(module: str) -> str:
    """ "encoders" for wakeword.encoders.window."""
    return [*module.split("."), ""][1]


def wrong_imports(modules: Graph) -> list[str]:
    """Imports of a higher part by a lower one, and of the entries by anything but `cli`."""
    wrong = []
    for module, imported in modules.items():
        mine = part(module)
        for other in (part(each) for each in imported):
            if mine in ENTRIES:
                continue
            upwards = other in FLOORS and FLOORS.index(other) > FLOORS.index(mine)
            entry = other in ENTRIES and mine != "cli"
            if upwards or entry:
                wrong.append(f"{module} imports {other or 'wakeword'}")
    return wrong


def cycle(modules: Graph) -> list[str]:
    """Modules that import each other in a ring; empty where there is none."""
    done: set[str] = set()

    def search(path: list[str]) -> list[str]:
        for other in sorted(modules.get(path[-1], ())):
            if other in path:
                return path[path.index(other) :]
            if other not in done and (found := search([*path, other])):
                return found
        done.add(path[-1])
        return []

    for module in modules:
        if found := search([module]):
            return found
    return []


def test_every_module_has_a_floor() -> None:
    assert {part(module) for module in graph()} == {*FLOORS, *ENTRIES}


def test_imports_point_one_way() -> None:
    assert sum(map(len, graph().values())) > 50
    assert wrong_imports(graph()) == []


def test_no_import_cycle() -> None:
    assert cycle(graph()) == []


def test_any_import_turned_round_is_noticed() -> None:
    """Reversing one import, whichever it is, violates the order or closes a cycle."""
    turned = 0
    for module, imported in graph().items():
        for other in imported & graph().keys():
            if part(module) in ENTRIES or part(other) in ENTRIES:
                continue
            changed = {**graph(), other: graph()[other] | {module}}
            if part(module) != part(other):  # across parts the reversed import alone is wrong
                changed[module] = graph()[module] - {other}
                assert wrong_imports(changed), f"{other} imports {module}"
            else:
                assert cycle(changed), f"{other} imports {module}"
            turned += 1
    assert turned > 200


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("wakeword.heads", "wakeword.model.network"),
        ("wakeword.audio.microphone", "wakeword.detection.detector"),
        ("wakeword.model.network", "wakeword.training.train"),
        ("wakeword.detection.capture", "wakeword.evaluation.mine"),
        ("wakeword.evaluation.test_streams", "wakeword.training.examples"),
        ("wakeword.training.train", "wakeword.cli.console"),
        ("wakeword.audio.files", "wakeword"),
        ("wakeword.training.train", "wakeword"),
    ],
)
def test_the_checker_notices(module: str, imported: str) -> None:
    modules = {**graph()}
    modules[module] = modules[module] | {imported}
    assert wrong_imports(modules)


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c"]),
        ({"a": {"a"}}, ["a"]),
        ({"x": set(), "a": {"b"}, "b": {"c"}, "c": {"a"}}, ["a", "b", "c"]),
    ],
)
def test_the_search_finds_cycles(modules: Graph, expected: list[str]) -> None:
    assert cycle(modules) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy\nfrom pathlib import Path", set()),
        ("import wakeword.audio", {"wakeword.audio"}),
        ("from wakeword import audio", {"wakeword.audio"}),
        ("from wakeword import audio, load", {"wakeword.audio", "wakeword"}),
        ("from wakeword.audio import load", {"wakeword.audio"}),
        ("def late():\n    from wakeword import audio", {"wakeword.audio"}),
        ("if 1:\n    import wakeword.audio as a", {"wakeword.audio"}),
    ],
)
def test_imports_are_found_anywhere(source: str, expected: set[str]) -> None:
    assert imports("wakeword.some", source, {"wakeword", "wakeword.audio"}) == expected


def test_recipes_are_imported_by_nobody() -> None:
    for file in PACKAGE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "recipes" for name in names), file


def test_soundfile_has_one_importer() -> None:
    importers = {
        name_of(file)
        for file in PACKAGE.rglob("*.py")
        if any(
            isinstance(node, (ast.Import, ast.ImportFrom)) and "soundfile" in ast.unparse(node)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        )
    }
    assert importers == {"wakeword.audio.files"}


def test_no_drawer_for_odds_and_ends() -> None:
    names = {file.stem for file in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "misc", "common"}


def test_what_the_makefile_imports_is_there() -> None:
    text = (PACKAGE.parent / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"from (wakeword[.\w]*) import (\w+)", text)
    assert found and all(hasattr(importlib.import_module(home), name) for home, name in found)
