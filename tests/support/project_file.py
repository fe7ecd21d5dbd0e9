"""What pyproject.toml states: dependencies, extras, the group `runtime`; and what is imported."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # a dependency of pytest

ROOT = Path(__file__).parents[2]


def read() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements() -> list[str]:
    """The requirements of the package and of its extras."""
    project = read()["project"]
    extras = project["optional-dependencies"].values()
    return [*project["dependencies"], *(each for extra in extras for each in extra)]


def runtime_requirements() -> list[str]:
    """What an environment for exported models holds."""
    return list(read()["dependency-groups"]["runtime"])


def module_of(requirement: str) -> str:
    """ "prometheus_client" for "prometheus-client>=0.20"."""
    return re.split(r"[^\w.-]", requirement)[0].replace("-", "_")


def imported_packages() -> set[str]:
    """The packages of others that the modules of wakeword import, anywhere."""
    found = set()
    for file in (ROOT / "wakeword").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - {*sys.stdlib_module_names, "wakeword"}


def packages_not_in_runtime() -> set[str]:
    """What an environment for exported models lacks, of all that wakeword may import."""
    needed = {*imported_packages(), *map(module_of, requirements())}
    return needed - set(map(module_of, runtime_requirements()))
