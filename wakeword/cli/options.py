"""Options that several commands share, and the old spellings that keep working."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from wakeword.cli.choices import ModelFile, OneOf
from wakeword.devices import DEVICES

HIDDEN_ALIASES: dict[str, tuple[str, ...]] = {
    "--det-plot": ("--picture",),
    "--extra-data": ("--more",),
    "--false-accepts-per-hour": ("--fa-per-hour",),
    "--idle-timeout": ("--idle",),
    "--max-clients": ("--clients",),
    "--max-clips": ("--most",),
    "--min-score": ("--score",),
    "--silence-gate": ("--gate",),
    "--speakers": ("--only-voices",),
    "--work-dir": ("--work",),
}
"""Option → spellings of earlier versions, which work but are not shown in the help."""

PATH = click.Path(path_type=Path)
MODEL = ModelFile()

_Command = TypeVar("_Command", bound=Callable[..., Any])


class AliasedOption(click.Option):
    """An option that is also known by its `HIDDEN_ALIASES` and by `aliases`."""

    def __init__(
        self, declarations: Sequence[str], aliases: Sequence[str] = (), **settings: Any
    ) -> None:
        super().__init__(declarations, **settings)
        self.aliases = aliases

    def add_to_parser(self, parser: Any, context: click.Context) -> None:
        """Register the option under all spellings, of which `opts` holds those shown."""
        shown = self.opts
        listed = (old for name in shown for old in HIDDEN_ALIASES.get(name, ()))
        self.opts = [*shown, *listed, *self.aliases]
        try:
            super().add_to_parser(parser, context)
        finally:
            self.opts = shown


def option(*declarations: str, **settings: Any) -> Callable[[_Command], _Command]:
    """Declare an option as `click.option` does, with its hidden aliases.

    Args:
        declarations: the spellings that the help shows.
        settings: as for `click.option`, and `aliases`, spellings that it does not show.
    """
    return click.option(*declarations, cls=AliasedOption, **settings)


def _splits() -> tuple[str, ...]:
    from wakeword.data.dataset import SPLITS

    return SPLITS


def _split_name(text: str) -> str:
    from wakeword.data.dataset import split_name

    return split_name(text)


SPLIT = OneOf("split", _splits, read=_split_name)
model_argument = click.argument("file", type=MODEL)
output_model = option("-o", "--output", required=True, type=PATH, help="Model file to write.")
as_json = option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
threshold = option(
    "--threshold",
    type=click.FloatRange(0.0, 1.0),
    help="Lowest score that is a detection, instead of the threshold in the model.",
)
speakers = option(
    "--speakers",
    metavar="DATA",
    type=PATH,
    help="Report only detections spoken by one of the speakers of the keyword clips in DATA.",
)
compute_device = option(
    "--device",
    default="auto",
    show_default=True,
    type=OneOf("device", DEVICES),
    help="Device that computes: auto is a GPU (cuda) where torch finds one, else the processor.",
)
device = option("--device", metavar="NAME|INDEX", help="Microphone; part of its name is enough.")
seed = option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**31 - 1),
    help="Seed of all random draws.",
)
ray = option(
    "--ray",
    is_flag=False,
    flag_value="",
    metavar="[ADDRESS]",
    help="Distribute the work over a Ray cluster whose machines see the same files. Without "
    "ADDRESS (then give it last) a cluster of this machine is started.",
)


def keywords(default: str) -> Callable[[_Command], _Command]:
    """Declare --keyword; the help gives `default` as the default."""
    return option(
        "-k",
        "--keyword",
        "keywords",
        multiple=True,
        help=f"Keyword to train on; may be repeated.  [default: {default}]",
    )


def negatives(help_text: str) -> Callable[[_Command], _Command]:
    """Declare --negatives: files, folders or corpora without the keyword."""
    return option(
        "--negatives",
        multiple=True,
        type=PATH,
        help=f"{help_text}: a file, a folder, or a corpus of `wakeword data list` by its name; may "
        "be repeated.",
    )


def false_accepts_per_hour(help_text: str) -> Callable[[_Command], _Command]:
    """Declare --false-accepts-per-hour."""
    return option(
        "--false-accepts-per-hour",
        default=0.5,
        show_default=True,
        type=click.FloatRange(0.0, min_open=True),
        help=help_text,
    )
