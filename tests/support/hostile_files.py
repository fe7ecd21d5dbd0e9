"""Damaged and hostile files: a pickle with code in it, and the check that a file is rejected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wakeword.errors import CheckpointError


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
