"""One word for one thing: names that the glossary replaced do not come back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("wakeword", "recipes", "tests", "docs")

REPLACED = {
    "ProcessGroup": ("Team", "leads", "add_up", "add_up_gradients"),
    "ClipLoader or KeywordBank": ("Library",),
    "TrainingExample or KeywordSegment": ("Scene", "ScenePlan", "SceneConfig", "Spoken", "Said"),
    "EncodedStream, ScoredStream or StreamReader": ("Heard", "Track", "Listened"),
    "executor, LocalExecutor or on_progress": ("spread", "Spread", "Cores", "Tick"),
    "pipeline": ("story",),
    "samples": ("sound",),
    "StreamSession, ModelRegistry or WebServer": ("Ears", "ears", "Words", "Site"),
    "cap_extrapolated_threshold or threshold_provenance": ("within_reach", "evidence"),
    "rirs or coloured_noise": ("rooms", "hiss"),
    "output_layers, layer_groups or OfflineEncoder": ("taps", "stages", "Full"),
    "DetPoint, KeywordResult or Estimate": ("Point", "Row", "Rate"),
    "near-threshold score or confusable phrase": ("near_miss", "near_misses", "NearMisses"),
    "speakers": ("only_voices",),
    "misses, detected or false accept": ("missed", "heard", "set_off", "fires", "fired"),
}
REPLACED_DEFINITIONS = {
    "atomic_write": ("whole",),
    "detector_factory or console": ("opening", "show"),
    "extra_data": ("more",),
}
"""Ordinary words that may name a variable, but no function, class or module of the package."""

ALLOWED = {
    ("wakeword/audio/microphone.py", "Full"),  # queue.Full
}


def _table(replaced: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {old: new for new, names in replaced.items() for old in names}


def names(tree: ast.AST) -> Iterator[tuple[str, int, bool]]:
    """Yield every name of a module, its line, and whether it is defined there."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, line, True
        elif isinstance(node, ast.Name):
            yield node.id, line, False
        elif isinstance(node, ast.Attribute):
            yield node.attr, line, False
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            yield node.arg, line, False
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).rpartition(".")[2], line, False


def replaced_names(path: str, source: str) -> list[str]:
    everywhere, definitions = _table(REPLACED), _table(REPLACED_DEFINITIONS)
    in_package = path.startswith("wakeword/")
    return [
        f"{path}:{line}: {name}, say {everywhere.get(name) or definitions[name]}"
        for name, line, is_defined in names(ast.parse(source))
        if (name in everywhere or (is_defined and in_package and name in definitions))
        and (path, name) not in ALLOWED
    ]


def test_no_replaced_name_remains() -> None:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 200
    remaining = []
    for file in files:
        path = file.relative_to(ROOT).as_posix()
        remaining += replaced_names(path, file.read_text(encoding="utf-8"))
        if file.stem in {**_table(REPLACED), **_table(REPLACED_DEFINITIONS)}:
            remaining.append(f"{path}: the module's name")
    assert remaining == []


@pytest.mark.parametrize(
    "source",
    ["def whole(path): ...", "x = track.heard", "f(taps=1)", "class Team: ...", "import a.Row"],
)
def test_the_check_notices(source: str) -> None:
    assert replaced_names("wakeword/some.py", source)


@pytest.mark.parametrize(
    "source", ["from a import rows", "def detect(samples): return samples.sounds", "whole = 1"]
)
def test_ordinary_names_pass(source: str) -> None:
    assert replaced_names("wakeword/some.py", source) == []
