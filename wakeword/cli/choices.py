"""Values of options and arguments that may be names: checked, suggested and completed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from wakeword.errors import unknown_name_message
from wakeword.ready_models import model_path, ready_models

_LONGEST_METAVAR = 60
_PLACEHOLDER = re.compile(r"(?<=:)[A-Z]+$")


if TYPE_CHECKING:
    _ParamType = click.ParamType[str]
else:  # generic since click 8.5
    _ParamType = click.ParamType


class ModelFile(click.Path):
    """A model file, or the name of a ready model."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path of the file."""
        return model_path(Path(str(super().convert(value, param, ctx))))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete files and names."""
        names = [CompletionItem(name) for name in ready_models() if name.startswith(incomplete)]
        return [*names, *super().shell_complete(ctx, param, incomplete)]


class OneOf(_ParamType):
    """One of some names, or a value of an open form such as "top:N".

    Args:
        kind: what the value names, for messages: "head".
        names: the names, or a function that returns them when they are needed. Capitals after a
            colon make an open form: "top:N" stands for "top:" and a number (as does any one
            letter), "hf:ID" for "hf:" and anything.
        read: translates what was typed, such as a name of an earlier version.
    """

    name = "name"

    def __init__(
        self,
        kind: str,
        names: Sequence[str] | Callable[[], Iterable[str]],
        read: Callable[[str], str] = str,
    ) -> None:
        self._kind, self._names, self._read = kind, names, read

    @property
    def names(self) -> list[str]:
        """The names and the open forms."""
        return list(self._names() if callable(self._names) else self._names)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str | None:
        """Return the names as the help shows them, or None where they are many or not known yet."""
        if callable(self._names):
            return None
        listed = f"[{'|'.join(self.names)}]"
        return listed if len(listed) <= _LONGEST_METAVAR else None

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; fail with the nearest one where there is no such name."""
        name = self._read(str(value))
        if not any(_matches(name, each) for each in self.names):
            self.fail(unknown_name_message(self._kind, name, self.names), param, ctx)
        return name

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete names, and open forms up to their colon."""
        starts = (_PLACEHOLDER.sub("", name) for name in self.names)
        return [CompletionItem(start) for start in starts if start.startswith(incomplete)]


def _matches(value: str, name: str) -> bool:
    """Return whether a value is a name, or of its open form."""
    placeholder = _PLACEHOLDER.search(name)
    if not placeholder:
        return value == name
    digits = len(placeholder[0]) == 1  # N, R
    pattern = re.escape(name[: placeholder.start()]) + (r"[1-9]\d{0,2}" if digits else ".+")
    return re.fullmatch(pattern, value) is not None
