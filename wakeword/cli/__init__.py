"""The `wakeword` command: each subcommand is a file here, imported only when it is used."""

from __future__ import annotations

import importlib

import click

import wakeword
from wakeword.cli.console import TeachingCommand

COMMANDS = {
    "bench": "Measure what a model costs: processor time, delay, memory.",
    "calibrate": "Set the threshold for a rate of false accepts, from your own recordings.",
    "check": "Say what in a data set would spoil a training.",
    "demo": "The whole story on synthetic speech: train, evaluate, detect, report.",
    "detect": "Find keywords in recordings.",
    "encoders": "List the pretrained encoders.",
    "enroll": "Make a detector from a few clips of a word at once, without training.",
    "eval": "Measure a model on held-out clips and negatives, event by event.",
    "export": "Write a model as one ONNX file that runs without torch.",
    "improve": "Go on training a model with clips that you labelled, if that makes it no worse.",
    "license": "Say what a model was made of, and under which licences.",
    "listen": "Detect keywords in a live microphone, or in raw audio on stdin.",
    "mine": "Collect what sets a model off in long recordings, as new negatives.",
    "record": "Record a word, clip by clip, into a data set.",
    "review": "Label what a listening model heard or nearly heard, by one key a clip.",
    "serve": "Hear for others: a Wyoming server, for Home Assistant.",
    "train": "Train a model from recordings.",
    "verify-export": "Compare an exported file with its model on the same audio.",
}

_FUNCTIONS = {"eval": "eval_", "verify-export": "verify_export"}


class _Commands(TeachingCommand, click.Group):
    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"wakeword.cli.{name.replace('-', '_')}")
        command: click.Command = getattr(module, _FUNCTIONS.get(name, name))
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(wakeword.__version__, prog_name="wakeword")
def main() -> None:
    """Wake words from speech recognisers.

    \b
    wakeword check DATA                    is the data fit for training?
    wakeword train DATA -o alexa.wakeword  fine-tune on it
    wakeword eval alexa.wakeword DATA      what it misses, how often it fires for nothing
    wakeword listen alexa.wakeword         on the microphone
    """
