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
BASE = ("errors", "storage", "work", "licence", "sound", "audio", "trigger", "gate", "stream")
ORDER = (
    *(*BASE, "runtime"),
    *("frontend", "convolution", "encoders", "heads", "model", "detector", "export"),
)
UPWARDS = (
    *(*BASE, "runtime", "mixing", "voices"),
    *("data", "evaluation", "training", "demo", "serve", "cli"),
)

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


def turned_round(modules: Graph) -> list[str]:
    """Imports of a later part by an earlier one, and of what nobody may import."""
    wrong = []
    for module, imported in modules.items():
        mine = part(module)
        for other in (part(each) for each in imported):
            later = any(
                mine in order and other in order and order.index(mine) < order.index(other)
                for order in (ORDER, UPWARDS)
            )
            outside = mine in ORDER and other not in (*ORDER, "_torchaudio")
            face = mine not in ("", "cli") and other == ""  # the public face is for users
            commands = other == "cli" and mine not in ("cli", "__main__")
            if later or outside or face or commands or module == "wakeword.evaluation.metrics":
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


def test_imports_point_one_way() -> None:
    modules = graph()
    assert {part(module) for module in modules} >= {*ORDER, *UPWARDS}
    assert sum(map(len, modules.values())) > 50
    assert turned_round(modules) == []


def test_no_import_cycle() -> None:
    assert cycle(graph()) == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("wakeword.frontend", "wakeword.encoders.whisper"),
        ("wakeword.heads", "wakeword.model"),
        ("wakeword.model", "wakeword.detector"),
        ("wakeword.model", "wakeword.training.train"),
        ("wakeword.encoders.whisper", "wakeword.data.task"),
        ("wakeword.evaluation.metrics", "wakeword.errors"),
        ("wakeword.training.train", "wakeword.cli.show"),
        ("wakeword.evaluation.streams", "wakeword.training.scenes"),
        ("wakeword.data.library", "wakeword.evaluation.streams"),
        ("wakeword.audio", "wakeword"),
        ("wakeword.training.train", "wakeword"),
    ],
)
def test_the_checker_notices(module: str, imported: str) -> None:
    modules = {**graph()}
    modules[module] = modules[module] | {imported}
    assert turned_round(modules)


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
    assert importers == {"wakeword.audio"}


def test_no_drawer_for_odds_and_ends() -> None:
    names = {file.stem for file in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "misc", "common"}


def test_the_public_face_is_short() -> None:
    lines = (PACKAGE / "__init__.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 25
    assert all(hasattr(wakeword, name) for name in wakeword.__all__)


def test_what_the_makefile_imports_is_there() -> None:
    text = (PACKAGE.parent / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"from (wakeword[.\w]*) import (\w+)", text)
    assert found and all(hasattr(importlib.import_module(home), name) for home, name in found)
