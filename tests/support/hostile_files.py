"""Damaged and hostile files: code in a pickle, changed metadata, the check for rejection."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import strategies as st

from wakeword.errors import CheckpointError

About = dict[str, Any]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
"""Any small JSON value."""


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def check_rejected(load: Callable[[Path], object], path: Path, *words: str) -> None:
    """Check that loading a file raises a CheckpointError that contains its name and the words."""
    with pytest.raises(CheckpointError) as caught:
        load(path)
    message = str(caught.value)
    assert path.name in message
    assert all(word in message for word in words), message


def contents(path: Path) -> tuple[dict[str, torch.Tensor], About]:
    """Tensors and metadata of a model file."""
    with safetensors.safe_open(path, framework="pt") as file:
        return safetensors.torch.load_file(path), json.loads(file.metadata()["wakeword"])


def rewrite(path: Path, about: object, tensors: dict[str, torch.Tensor]) -> None:
    """Write a model file with other content."""
    text = about if isinstance(about, str) else json.dumps(about)
    safetensors.torch.save_file(tensors, path, {"wakeword": text})


def put(*keys: str, value: object) -> Callable[[About], None]:
    """A change of metadata: another value in a place."""

    def change(about: About) -> None:
        for key in keys[:-1]:
            about = about[key]
        about[keys[-1]] = value

    return change


def drop(*keys: str) -> Callable[[About], None]:
    """A change of metadata: a key less."""

    def change(about: About) -> None:
        for key in keys[:-1]:
            about = about[key]
        del about[keys[-1]]

    return change
