"""One word for one thing: names that the glossary replaced do not come back."""

from __future__ import annotations

import ast
import re
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

REPLACED_IN_TEXTS = {
    "fires": "detects",
    "fired": "detected, or caused a false accept",
    "sets off": "causes a detection",
    "set off": "caused a detection",
    "hears": "detects, or receives",
    "heard": "detected, or received",
    "told": "given",
    "beside": "in addition to",
}
"""Words and phrases that no docstring, message or help text of the package contains."""

ALLOWED_IN_TEXTS = {
    ("wakeword/legacy.py", "heard"),  # a key in files of earlier versions
    ("wakeword/evaluation/report/json.py", "fired"),  # a key that scripts may read
    ("wakeword/tts/phrases.py", "heard"),  # a word of the sentences that are synthesised
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


def replaced_words(path: str, source: str) -> list[str]:
    pattern = re.compile(rf"\b({'|'.join(REPLACED_IN_TEXTS)})\b", re.IGNORECASE)
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        for word in pattern.findall(" ".join(node.value.split())):
            if (path, word.lower()) not in ALLOWED_IN_TEXTS:
                found.append(f"{path}:{node.lineno}: {word}, say {REPLACED_IN_TEXTS[word.lower()]}")
    return found


def test_no_replaced_word_remains_in_docstrings_and_messages() -> None:
    files = sorted((ROOT / "wakeword").rglob("*.py"))
    sources = {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in files}
    assert len(sources) > 100
    assert [word for path in sources for word in replaced_words(path, sources[path])] == []
    used = {
        (path, word)
        for path, word in ALLOWED_IN_TEXTS
        if re.search(rf"\b{word}\b", sources.get(path, ""))
    }
    assert used == ALLOWED_IN_TEXTS


@pytest.mark.parametrize(
    "source",
    [
        '"""The trigger fires."""',
        "print(f'{n} clips fired')",
        "help = 'Clips that set\\noff a detection.'",
        "def f():\n    'What is Heard.'",
    ],
)
def test_the_check_of_texts_notices(source: str) -> None:
    assert replaced_words("wakeword/some.py", source)


@pytest.mark.parametrize(
    "source", ["# fired", "fired = 1", "'besides, a fire'", "'An offset is set.'"]
)
def test_ordinary_words_pass(source: str) -> None:
    assert replaced_words("wakeword/some.py", source) == []


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
