"""The `wakeword` command: each subcommand is a module here, imported only when it is used."""

from __future__ import annotations

import importlib

import click
from click.shell_completion import CompletionItem

import wakeword
from wakeword.cli.console import TeachingCommand, log_to_stderr
from wakeword.errors import unknown_name_message

COMMANDS = {
    "bench": "Measure processor time, latency and memory of a model.",
    "cache": "Show or clear the cache of downloads and computed features.",
    "calibrate": "Set the threshold for a rate of false accepts, from your own recordings.",
    "check": "Report problems in a data set that would harm training.",
    "data": "List, download or delete public corpora of other speech, noise and rooms.",
    "demo": "Train, evaluate and run a detector on synthetic speech.",
    "detect": "Detect keywords in recordings.",
    "encoders": "List the pretrained encoders.",
    "enroll": "Make a detector from a few clips of a keyword, without training.",
    "eval": "Evaluate a model on held-out clips and negatives, event by event.",
    "export": "Export a model as one ONNX file that runs without torch.",
    "improve": "Continue training a model with labelled clips; keep it if it is not worse.",
    "info": "Show what a model file holds: keywords, thresholds, encoder, licences.",
    "listen": "Detect keywords from the microphone, or in raw audio on stdin.",
    "mine": "Collect the false accepts of a model in long recordings, as new negatives.",
    "models": "List the ready models, which come with the package.",
    "record": "Record clips of a keyword into a data set.",
    "review": "Label the clips that a listening model saved, one key per clip.",
    "serve": "Run a Wyoming and WebSocket server.",
    "speak": "Make a data set of a phrase in many synthetic voices.",
    "status": "Ask a running Wyoming server which keywords it detects.",
    "train": "Train a model from recordings, or from a typed phrase.",
    "verify-export": "Compare an exported file with its model on the same audio.",
}

_HIDDEN = ("license",)  # part of `info` today
_FUNCTIONS = {"eval": "eval_", "verify-export": "verify_export"}

_EPILOG = """\b
Shell completion:
  bash   eval "$(_WAKEWORD_COMPLETE=bash_source wakeword)"    in ~/.bashrc
  zsh    eval "$(_WAKEWORD_COMPLETE=zsh_source wakeword)"     in ~/.zshrc
  fish   _WAKEWORD_COMPLETE=fish_source wakeword | source     in config.fish

NO_COLOR=1 in the environment turns colours off.
"""


class _Commands(TeachingCommand, click.Group):
    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS and name not in _HIDDEN:
            return None
        module = importlib.import_module(f"wakeword.cli.{name.replace('-', '_')}")
        command: click.Command = getattr(module, _FUNCTIONS.get(name, name))
        return command

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument; fail with the nearest name for another."""
        name = arguments[0]
        if self.get_command(context, name) is None and not context.resilient_parsing:
            context.fail(unknown_name_message("command", name, COMMANDS))
        return super().resolve_command(context, arguments)

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command names without importing the commands."""
        commands = [
            CompletionItem(name, help=summary)
            for name, summary in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*commands, *click.Command.shell_complete(self, context, incomplete)]


@click.command(
    cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(wakeword.__version__, prog_name="wakeword")
@click.option("-v", "--verbose", count=True, help="Log progress to stderr; -vv for more.")
@click.option("-q", "--quiet", is_flag=True, help="Hide progress and notes.")
@click.pass_context
def main(context: click.Context, verbose: int, quiet: bool) -> None:
    """Wake words from speech recognisers.

    \b
    Examples:
      wakeword check DATA                    is the data fit for training?
      wakeword train DATA -o alexa.wakeword  fine-tune on it
      wakeword eval alexa.wakeword DATA      misses and false accepts, with intervals
      wakeword listen alexa.wakeword         detect on the microphone
    """
    context.with_resource(log_to_stderr(verbose, quiet))
