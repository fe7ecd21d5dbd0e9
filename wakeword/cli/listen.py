"""`wakeword listen`: a line on stdout each time a keyword is heard; all else goes to stderr."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click
import numpy as np
from rich.console import Console, RenderableType
from rich.live import Live

from wakeword.audio.levels import level_db
from wakeword.audio.microphone import Microphone, list_devices
from wakeword.audio.pcm import RawPcm
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.cli import detector_factory
from wakeword.cli.level_meter import LOWEST_DB, level_line
from wakeword.detection.capture import TriggerCapture
from wakeword.detection.streaming import StreamDetector
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError

_ZEROS_S = 5.0  # exact zeros for so long: muted, or no permission
_EXEC_GRACE_S = 5.0  # how long the end waits for commands that still run


def _print_devices(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    devices = list_devices()
    for device in devices:
        click.echo(str(device))
    if not devices:
        click.echo("no microphone found", err=True)
    context.exit()


@click.command()
@click.argument("model", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("source", required=False)
@click.option("--device", metavar="NAME|INDEX", help="Microphone; part of a name is enough.")
@click.option("--channel", type=int, help="Channel to use, from 0; else a mix.")
@click.option("--channels", type=int, help="Channels of the sound on stdin; else 1.")
@click.option("--rate", type=int, help="Sample rate in Hz; else the device's, or 16000 on stdin.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Score to detect from.")
@click.option("--gate", is_flag=True, help="Compute nothing while the level says silence.")
@detector_factory.speakers_option
@click.option("--exec", "command", metavar="CMD", help="Run CMD at each detection.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per detection.")
@click.option(
    "--save-triggers",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Keep 3 s around each detection and each near miss, for `wakeword review`.",
)
@click.option(
    "--keep",
    default=500,
    show_default=True,
    type=click.IntRange(1),
    help="Clips in that folder; the oldest go first.",
)
@click.option(
    "--list-devices",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_devices,
    help="Print the microphones and end.",
)
def listen(
    model: Path,
    source: str | None,
    device: str | None,
    channel: int | None,
    channels: int | None,
    rate: int | None,
    threshold: float | None,
    gate: bool,
    only_voices: Path | None,
    command: str | None,
    as_json: bool,
    save_triggers: Path | None,
    keep: int,
) -> None:
    """Listen for the keywords of the model FILE, or of an exported .onnx, until Ctrl-C.

    The sound comes from the microphone or, where SOURCE is "-", as raw 16-bit little-endian PCM
    from stdin: arecord -t raw -f S16_LE -r 16000 | wakeword listen FILE -

    CMD is run without a shell, beside the listening; it finds WAKEWORD_KEYWORD, WAKEWORD_SCORE
    and WAKEWORD_TIME (seconds) in its environment and prints to stderr.
    """
    console = Console(stderr=True)
    runner = None if command is None else Runner(command, console)
    sound = open_source(source, device, channel, channels, rate)
    verify = detector_factory.open_verifier(only_voices)
    detector = detector_factory.open_detector(
        model, threshold, sound.rate, SilenceGate() if gate else None, verify
    )
    kept = None
    if save_triggers is not None:
        kept = TriggerCapture(save_triggers, sound.rate, detector.thresholds, keep)
    session = Session(detector, sound, console, runner, as_json, kept)
    with sound if isinstance(sound, Microphone) else nullcontext():
        session.run()


def open_source(
    source: str | None,
    device: str | None,
    channel: int | None,
    channels: int | None,
    rate: int | None,
) -> Microphone | RawPcm:
    """The microphone, or stdin where `source` is "-"."""
    if source is None:
        if channels is not None:
            raise ConfigError(
                "--channels describes sound on stdin (SOURCE '-'). "
                "For a microphone, --channel N takes one of its channels."
            )
        index = int(device) if device is not None and device.isdecimal() else device
        return Microphone(index, channel, rate)
    if source != "-":
        raise ConfigError(
            f"cannot listen to '{source}': expected '-' for raw PCM on stdin, or nothing for the "
            "microphone (--device chooses which)."
        )
    if device is not None:
        raise ConfigError("--device chooses a microphone, SOURCE '-' reads stdin. Leave one out.")
    if sys.stdin.isatty():
        raise ConfigError(
            "nothing is piped into stdin. Expected raw 16-bit PCM, for example: "
            "arecord -t raw -f S16_LE -r 16000 | wakeword listen FILE -"
        )
    return RawPcm(
        sys.stdin.buffer,
        SAMPLE_RATE if rate is None else rate,
        1 if channels is None else channels,
        channel,
    )


class Session:
    """From blocks of sound to lines on stdout, until the sound or the user ends it."""

    def __init__(
        self,
        detector: StreamDetector,
        sound: Microphone | RawPcm,
        console: Console,
        runner: Runner | None,
        as_json: bool,
        capture: TriggerCapture | None = None,
    ) -> None:
        self.detector = detector
        self.sound = sound
        self.console = console
        self.runner = runner
        self.as_json = as_json
        self.capture = capture
        self.meter = Meter(detector)
        self.heard: Counter[str] = Counter()
        self.samples = 0
        self._zeros_s = 0.0  # since the start; negative once a sample was not zero

    def run(self) -> None:
        """Until the sound ends or Ctrl-C. The summary is given in any case."""
        try:
            self._announce()
            with self._live():
                self._loop()
        except KeyboardInterrupt:
            pass
        finally:
            if self.runner is not None:
                self.runner.wait(_EXEC_GRACE_S)
            if self.capture is not None:
                self.capture.finish()
            self._summarise()

    def _announce(self) -> None:
        sound = self.sound
        name = f"microphone {sound.device.name}" if isinstance(sound, Microphone) else "stdin"
        which = "" if sound.channel is None else f", channel {sound.channel}"
        self._say(
            f"listening to {name} at {sound.rate} Hz{which}; threshold: "
            f"{self.detector.describe()}. Ctrl-C ends."
        )

    def _loop(self) -> None:
        for block in self.sound:
            self.samples += block.size
            self.meter.level_db = level_db(block)
            found = self.detector.feed(block)
            for detection in found:
                self._report(detection)
            if self.capture is not None:
                self.capture.hear(block, found, self.detector.scores)
            self._notice_silence(block)
        found = self.detector.flush()
        for detection in found:
            self._report(detection)
        if self.capture is not None:
            self.capture.hear(np.zeros(0, dtype=np.float32), found, {})

    def _notice_silence(self, block: Samples) -> None:
        """A microphone without permission (macOS) or muted sends exact zeros: say so, once."""
        if not 0 <= self._zeros_s < _ZEROS_S or isinstance(self.sound, RawPcm):
            return
        self._zeros_s = -1.0 if block.any() else self._zeros_s + block.size / self.sound.rate
        if self._zeros_s >= _ZEROS_S:
            self._say(
                "only digital silence so far: is the microphone muted, or has this program no "
                "permission to use it?"
            )

    def _report(self, detection: Detection) -> None:
        self.heard[detection.keyword] += 1
        print(_as_json(detection) if self.as_json else _as_text(detection), flush=True)
        if self.runner is not None:
            self.runner.start(detection)

    def _summarise(self) -> None:
        counts = ", ".join(f"{keyword} {n}" for keyword, n in self.heard.most_common())
        overflows = self.sound.overflows if isinstance(self.sound, Microphone) else 0
        lost = f"; sound was lost {overflows} time(s), the machine is too slow" if overflows else ""
        kept = f"; {self.capture.kept} clip(s) kept" if self.capture else ""
        self._say(
            f"listened for {self.samples / self.sound.rate:.1f} s, "
            f"{self.heard.total()} detection(s){': ' + counts if counts else ''}{kept}{lost}"
        )

    def _live(self) -> AbstractContextManager[object]:
        if not self.console.is_terminal:
            return nullcontext()
        return Live(
            get_renderable=self.meter.render,
            console=self.console,
            transient=True,
            refresh_per_second=10,
            redirect_stdout=sys.stdout.isatty(),  # a piped stdout stays a pipe
        )

    def _say(self, text: str) -> None:
        _say(self.console, text)


class Meter:
    """The moving line on a terminal: level of the sound, best score."""

    def __init__(self, detector: StreamDetector) -> None:
        self.detector = detector
        self.level_db = LOWEST_DB

    def render(self) -> RenderableType:
        scores = dict(self.detector.scores)
        best = max(scores, key=lambda keyword: scores[keyword], default="")
        return level_line(self.level_db, f"{best} {scores[best]:.2f}" if best else "")


class Runner:
    """Runs the user's command once per detection, each in a thread of its own."""

    def __init__(self, command: str, console: Console) -> None:
        self.arguments = split_command(command)
        self.console = console
        self._threads: list[threading.Thread] = []

    def start(self, detection: Detection) -> None:
        environment = {
            **os.environ,
            "WAKEWORD_KEYWORD": detection.keyword,
            "WAKEWORD_SCORE": f"{detection.score:.4f}",
            "WAKEWORD_TIME": f"{detection.time:.3f}",
        }
        thread = threading.Thread(target=self._run, args=(environment,), daemon=True)
        self._threads = [old for old in self._threads if old.is_alive()] + [thread]
        thread.start()

    def wait(self, seconds: float) -> None:
        """Let running commands finish, so that their failures are still told."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self, environment: dict[str, str]) -> None:
        try:
            done = subprocess.run(
                self.arguments,
                env=environment,
                stdin=subprocess.DEVNULL,  # our stdin may carry the sound
                stdout=2,  # our stdout carries detections alone
                check=False,
            )
        except OSError as error:
            _say(self.console, f"--exec could not run: {error}")
            return
        if done.returncode:
            _say(self.console, f"--exec {self.arguments!r} ended with {done.returncode}")


def split_command(command: str) -> list[str] | str:
    """Arguments as a shell would split them; Windows takes the line as it is."""
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"--exec {command!r} cannot be split into words: {error}.") from error
    if not arguments:
        raise ConfigError("--exec is empty: expected a command, such as 'aplay ding.wav'.")
    return command if os.name == "nt" else arguments


def _as_text(detection: Detection) -> str:
    return f"{detection.time:.2f} s  {detection.keyword}  {detection.score:.2f}"


def _as_json(detection: Detection) -> str:
    return json.dumps(
        {
            "keyword": detection.keyword,
            "score": round(detection.score, 4),
            "time": round(detection.time, 3),
        }
    )


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
