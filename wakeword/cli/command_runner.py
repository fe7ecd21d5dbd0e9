"""Commands that `wakeword listen` runs at a detection, without a shell and in the background."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from wakeword.audio.files import save_audio, wav_bytes
from wakeword.audio.samples import Samples
from wakeword.cli.console import is_quiet, print_line
from wakeword.detection.following_speech import SpeechCollector
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError, WakewordError

_WAV = "{wav}"


class Runner:
    """Runs the command of an option once per detection, each time in a thread of its own.

    Args:
        command: with its arguments, in one string.
        console: for the messages of commands that fail.
        option: that the command is of, for these messages.

    Raises:
        ConfigError: the command is empty or cannot be split into arguments.
    """

    def __init__(self, command: str, console: Console, option: str = "--exec") -> None:
        self.arguments = split_command(command, option)
        self._takes_file = _WAV in command
        self.console, self.option = console, option
        self._threads: list[threading.Thread] = []

    def start(self, detection: Detection, speech: Samples | None = None) -> None:
        """Start the command for a detection.

        Args:
            detection: reaches the command as environment variables.
            speech: (samples,) at 16 kHz for the command, as a WAV file: where its arguments name
                "{wav}", a temporary file, else on its standard input; None is no input.
        """
        environment = {
            **os.environ,
            "WAKEWORD_KEYWORD": detection.keyword,
            "WAKEWORD_SCORE": f"{detection.score:.4f}",
            "WAKEWORD_TIME": f"{detection.time:.3f}",
        }
        thread = threading.Thread(target=self._run, args=(environment, speech), daemon=True)
        self._threads = [old for old in self._threads if old.is_alive()] + [thread]
        thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for running commands, so that their failures are still reported."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, environment: dict[str, str], speech: Samples | None) -> None:
        try:
            with TemporaryDirectory(prefix="wakeword-") as folder:
                arguments, given = self._with_speech(speech, Path(folder) / "speech.wav")
                done = subprocess.run(
                    arguments,
                    env=environment,
                    stdout=2,  # ours carries detections only
                    check=False,
                    **given,
                )
        except (OSError, WakewordError) as error:
            print_line(self.console, f"{self.option} could not run: {error}")
            return
        if done.returncode:
            print_line(self.console, f"{self.option} {arguments!r} ended with {done.returncode}")

    def _with_speech(
        self, speech: Samples | None, wav: Path
    ) -> tuple[list[str] | str, dict[str, Any]]:
        """Return the arguments, and what `subprocess.run` gives to the command's input."""
        if speech is None:
            return self.arguments, {"stdin": subprocess.DEVNULL}  # ours may carry the audio
        if not self._takes_file:
            return self.arguments, {"input": wav_bytes(speech)}
        save_audio(wav, speech)
        if isinstance(self.arguments, str):
            return self.arguments.replace(_WAV, str(wav)), {"stdin": subprocess.DEVNULL}
        arguments = [each.replace(_WAV, str(wav)) for each in self.arguments]
        return arguments, {"stdin": subprocess.DEVNULL}


class SpeechRunner:
    """Runs the command of --then with what is said after each keyword.

    Args:
        collector: of the stream.
        runner: of the command.
    """

    def __init__(self, collector: SpeechCollector, runner: Runner) -> None:
        self._collector, self._runner = collector, runner

    def feed(self, detections: Sequence[Detection], *, is_end: bool = False) -> None:
        """Take what `Detector.feed` returned; run the command with speech that has ended."""
        ended = self._collector.feed(detections)
        for detection, speech, _ in ended + (self._collector.finish() if is_end else []):
            if len(speech):
                self._runner.start(detection, speech)
            elif not is_quiet():
                print_line(
                    self._runner.console,
                    f"nothing was said after '{detection.keyword}' at {detection.time:.2f} s; "
                    "--then did not run",
                )

    def wait(self, seconds: float) -> None:
        """Wait for running commands; see `Runner.wait`."""
        self._runner.wait(seconds)


def split_command(command: str, option: str) -> list[str] | str:
    """Split a command into arguments as a shell does; Windows takes it unsplit.

    Raises:
        ConfigError: the command is empty or cannot be split.
    """
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"{option} {command!r} cannot be split into arguments: {error}."
        ) from error
    if not arguments:
        raise ConfigError(f"{option} is empty: expected a command, such as 'aplay ding.wav'.")
    return command if os.name == "nt" else arguments
