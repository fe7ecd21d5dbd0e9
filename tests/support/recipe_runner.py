"""Run the scripts under recipes/ as `python recipes/x.py` does, and import their modules."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "recipes"


def run_recipe(name: str, *arguments: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run recipes/NAME with arguments, in this process; fail where it exits with an error."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    with imports_from((RECIPES / name).parent):
        try:
            runpy.run_path(str(RECIPES / name), run_name="__main__")
        except SystemExit as end:
            assert not end.code


@contextmanager
def imports_from(folder: Path) -> Iterator[None]:
    """Let the modules of a folder of recipes be imported by name, each anew.

    Modules of recipes are removed from `sys.modules` before and afterwards, so that what one test
    patches is not bound in the modules of the next, and folders may use the same names.
    """
    _forget_recipes()
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        _forget_recipes()


def _forget_recipes() -> None:
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name != "__main__" and file and Path(file).is_relative_to(RECIPES):
            del sys.modules[name]
