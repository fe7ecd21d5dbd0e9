"""Help, usage errors and shell completion of the `wakeword` command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

import wakeword
from wakeword.cli import _HIDDEN, COMMANDS, main
from wakeword.heads import HEADS
from wakeword.training.config import STRATEGIES
from wakeword.training.losses import LOSSES


def help_of(*arguments: str) -> str:
    result = CliRunner().invoke(main, [*arguments, "--help"])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", [*COMMANDS, *_HIDDEN])
def test_every_command_has_examples(name: str) -> None:
    text = help_of(name)
    assert "Examples:" in text
    assert re.search(rf"wakeword {name}( |\n)", text.split("Examples:")[1])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text(name: str) -> None:
    command = main.get_command(click.Context(main), name)  # type: ignore[attr-defined]
    assert command is not None
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []


def test_the_help_names_every_choice_and_its_default() -> None:
    """The help is shown without PyTorch, so it does not read the tables that need it."""
    text = " ".join(help_of("train").split())
    for option, names in (("--head", HEADS), ("--loss", LOSSES)):
        assert f"{option} [{'|'.join(names)}]" in text
    assert all(name in text for name in STRATEGIES)


def test_summaries_are_sentences() -> None:
    assert all(re.fullmatch(r"[A-Z].*\.", summary) for summary in COMMANDS.values())
    assert COMMANDS["serve"] == "Run a Wyoming and WebSocket server."


def test_hidden_commands_are_not_listed() -> None:
    assert not re.search(r"^ +license ", help_of(), re.MULTILINE)
    assert "Usage" in help_of("license")


def test_the_help_says_how_to_complete_and_to_turn_colours_off() -> None:
    text = help_of()
    assert "_WAKEWORD_COMPLETE=bash_source wakeword" in text
    assert "zsh_source" in text and "fish_source" in text and "NO_COLOR" in text


def completions(arguments: list[str], incomplete: str) -> set[str]:
    complete = BashComplete(main, {}, "wakeword", "_WAKEWORD_COMPLETE")
    return {item.value for item in complete.get_completions(arguments, incomplete)}


def test_commands_and_options_are_completed() -> None:
    assert completions([], "e") == {"encoders", "enroll", "eval", "export"}
    assert completions([], "li") == {"listen"}
    assert completions(["calibrate"], "--fa") == {"--false-accepts-per-hour"}
    assert completions(["detect"], "--only") == set()  # an old spelling
    assert {"--verbose", "--quiet"} <= completions([], "--")


def test_completing_commands_imports_no_torch() -> None:
    code = (
        "import sys; from click.shell_completion import BashComplete; "
        "from wakeword.cli import main; "
        "BashComplete(main, {}, 'wakeword', 'X').get_completions([], ''); "
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(wakeword.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
