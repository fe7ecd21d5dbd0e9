"""The public face: which names it has, that they are documented and typed, and what it imports."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wakeword
from wakeword import encoders

PACKAGE = Path(wakeword.__file__).parent
REFERENCE = PACKAGE.parent / "docs" / "reference"
NAMES = (
    *("Detection", "Detector", "TrainConfig", "TwoStageModel", "WakeWordModel"),
    *(
        "assign_splits",
        "calibrate",
        "check",
        "enroll",
        "evaluate",
        "export",
        "list_encoders",
        "load",
        "load_encoder",
        "read_dataset",
        "save",
    ),
    "train",
)


def test_the_face_has_these_names_and_no_others() -> None:
    assert tuple(wakeword.__all__) == NAMES
    assert set(NAMES) <= set(dir(wakeword))
    with pytest.raises(AttributeError, match="no attribute 'Detektor'"):
        wakeword.Detektor  # noqa: B018


def test_type_checkers_see_what_is_there() -> None:
    """The imports for type checkers name the same definitions as the lazy ones."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.asname: f"{node.module}:{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    lazy = {name: f"wakeword.{where}" for name, where in wakeword._DEFINED_IN.items()}
    assert typed == lazy and set(lazy) == set(NAMES)
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name: str) -> None:
    public = getattr(wakeword, name)
    documentation = inspect.getdoc(public) or ""
    assert len(documentation) > 20
    if inspect.isfunction(public):
        parameters = inspect.signature(public).parameters.values()
        assert all(each.annotation is not inspect.Parameter.empty for each in parameters)
        if len(parameters) > 2:
            missing = [each.name for each in parameters if each.name not in documentation]
            assert not missing, f"{name}: parameters without a word: {missing}"


def test_names_of_encoders_are_imported_when_first_used() -> None:
    names = set(encoders.__all__)
    assert names == set(encoders._DEFINED_IN) and names <= set(dir(encoders))
    assert all(getattr(encoders, name).__name__ == name for name in names)
    tree = ast.parse((PACKAGE / "encoders" / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        node.names[0].name: node.module
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
    }
    assert typed == {
        name: f"wakeword.encoders.{home}" for name, home in encoders._DEFINED_IN.items()
    }
    with pytest.raises(AttributeError, match="no attribute 'Enkoder'"):
        encoders.Enkoder  # noqa: B018


@pytest.mark.parametrize(
    "use",
    [
        "wakeword",
        "dir(wakeword)",
        "wakeword.read_dataset",
        "import wakeword.encoders",
        "import wakeword.training.config",
        "import wakeword.cli.train",
    ],
)
def test_torch_is_imported_only_when_needed(use: str) -> None:
    code = f"import sys, wakeword; {use}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_public_module_is_documented() -> None:
    """A module is in the API reference, or its name begins with an underscore."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in REFERENCE.rglob("*.md"))
    documented = set(re.findall(r"^::: (wakeword[\w.]*)", pages, re.MULTILINE))
    public = {
        ".".join(("wakeword", *file.relative_to(PACKAGE).with_suffix("").parts))
        for file in PACKAGE.rglob("*.py")
        if not any(part.startswith("_") for part in file.relative_to(PACKAGE).parts)
        and file.relative_to(PACKAGE).parts[0]
        not in ("cli", "demo")  # commands have their own page
    }
    covered = {
        module
        for module in public
        if any(
            module == each or module.startswith(f"{each}.") for each in documented - {"wakeword"}
        )
    }
    assert public - covered == set()
