"""`wakeword listen`: one line on stdout per detection; everything else goes to stderr."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
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
from wakeword.cli import options
from wakeword.cli.command_runner import Runner, SpeechRunner
from wakeword.cli.console import is_quiet, print_line
from wakeword.cli.detector_factory import open_detector, open_verifier
from wakeword.cli.level_meter import LOWEST_DB, level_line
from wakeword.detection.capture import TriggerCapture
from wakeword.detection.detector import Detector
from wakeword.detection.following_speech import SpeechCollector
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError

_ZEROS_S = 5.0  # exact zeros for this long: muted, or no permission
_EXEC_GRACE_S = 5.0  # time that running commands get to finish at the end
_THEN_GRACE_S = 60.0  # the same for those that take speech, where the audio ends by itself


def _print_devices(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    devices = list_devices()
    for device in devices:
        click.echo(str(device))
    if not devices:
        click.echo("no microphone found", err=True)
    context.exit()


@click.command()
@options.model_argument
@click.argument("source", required=False)
@options.device
@options.option("--channel", type=int, help="Channel to use, from 0.  [default: a mix]")
@options.option("--channels", type=int, help="Channels of the audio on stdin.  [default: 1]")
@options.option(
    "--rate", type=int, help="Sample rate in Hz.  [default: the device's; 16000 on stdin]"
)
@options.threshold
@options.option("--silence-gate", is_flag=True, help="Do not run the model during silence.")
@options.speakers
@options.option("--exec", "command", metavar="CMD", help="Run CMD at each detection.")
@options.option(
    "--then",
    metavar="CMD",
    help="Run CMD with what is said after each keyword, a WAV file on its stdin or named {wav}.",
)
@options.option(
    "--max-speech",
    default=10.0,
    show_default=True,
    type=click.FloatRange(1.0, 60.0),
    help="Seconds of speech for --then, at most.",
)
@options.option("--json", "as_json", is_flag=True, help="Print one JSON object per detection.")
@options.option(
    "--save-triggers",
    metavar="DIR",
    type=options.PATH,
    help="Save 3 s around each detection and each near-threshold score, for `wakeword review`.",
)
@options.option(
    "--keep",
    default=500,
    show_default=True,
    type=click.IntRange(1),
    help="Clips to keep in that folder; the oldest are deleted.",
)
@options.option(
    "--list-devices",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_devices,
    help="List the microphones and exit.",
)
def listen(
    file: Path,
    source: str | None,
    device: str | None,
    channel: int | None,
    channels: int | None,
    rate: int | None,
    threshold: float | None,
    silence_gate: bool,
    speakers: Path | None,
    command: str | None,
    then: str | None,
    max_speech: float,
    as_json: bool,
    save_triggers: Path | None,
    keep: int,
) -> None:
    """Detect the keywords of the model FILE, or of an exported .onnx, until Ctrl-C.

    The audio comes from the microphone or, where SOURCE is "-", from stdin as raw 16-bit
    little-endian PCM.

    CMD is run without a shell while listening continues, and its output goes to stderr. The
    environment variables WAKEWORD_KEYWORD, WAKEWORD_SCORE and WAKEWORD_TIME (seconds) are set for
    it.

    With --then, the audio from shortly before the end of the keyword until a pause of 0.6 s is
    handed over as WAV, 16 kHz mono: on the standard input of CMD or, where CMD contains {wav}, as a
    temporary file of that name. Nothing is run where nothing is said within 5 s.

    \b
    Examples:
      wakeword listen alexa.wakeword
      wakeword listen alexa.wakeword --exec "aplay ding.wav"
      wakeword listen alexa.wakeword --then "whisper {wav} --model tiny.en"
      arecord -t raw -f S16_LE -r 16000 | wakeword listen alexa.onnx - --json
    """
    console = Console(stderr=True)
    runner = None if command is None else Runner(command, console)
    audio = open_source(source, device, channel, channels, rate)
    verify = open_verifier(speakers)
    gate = SilenceGate() if silence_gate else None
    then_runner = None if then is None else Runner(then, console, "--then")
    keep_s = 0.0 if then is None else SpeechCollector.keep_s(max_speech)
    detector = open_detector(file, threshold, audio.rate, gate, verify, keep_s)
    capture = None
    if save_triggers is not None:
        capture = TriggerCapture(save_triggers, audio.rate, detector.thresholds, keep)
    speech_runner = None
    if then_runner is not None:
        speech_runner = SpeechRunner(SpeechCollector(detector, max_speech), then_runner)
    session = Session(detector, audio, console, runner, as_json, capture, speech_runner)
    with audio if isinstance(audio, Microphone) else nullcontext():
        session.run()


def open_source(
    source: str | None,
    device: str | None,
    channel: int | None,
    channels: int | None,
    rate: int | None,
) -> Microphone | RawPcm:
    """Open the microphone, or stdin where `source` is "-".

    Raises:
        ConfigError: options that do not fit the source, or a terminal on stdin.
    """
    if source is None:
        if channels is not None:
            raise ConfigError(
                "--channels describes audio on stdin (SOURCE '-'). "
                "For a microphone, --channel N takes one of its channels."
            )
        index = int(device) if device is not None and device.isdecimal() else device
        return Microphone(index, channel, rate)
    if source != "-":
        raise ConfigError(
            f"cannot listen to '{source}': expected '-' for raw PCM on stdin, or nothing for the "
            "microphone (--device chooses which). For recordings: wakeword detect."
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
    """Feeds audio to a detector and prints detections, until the audio ends or Ctrl-C.

    Args:
        detector: to feed.
        audio: microphone or stdin.
        console: for everything but detections.
        runner: runs a command at each detection; None runs nothing.
        as_json: print JSON lines.
        capture: saves clips; None saves nothing.
        speech_runner: runs a command with what is said after each keyword; None runs nothing.
    """

    def __init__(
        self,
        detector: Detector,
        audio: Microphone | RawPcm,
        console: Console,
        runner: Runner | None,
        as_json: bool,
        capture: TriggerCapture | None = None,
        speech_runner: SpeechRunner | None = None,
    ) -> None:
        self.detector = detector
        self.audio = audio
        self.console = console
        self.runner = runner
        self.as_json = as_json
        self.capture = capture
        self.speech_runner = speech_runner
        self.meter = Meter(detector)
        self.detections: Counter[str] = Counter()
        self.samples = 0
        self._zeros_s = 0.0  # since the start; -1 once a sample was not zero

    def run(self) -> None:
        """Run until the audio ends or Ctrl-C; prints a summary in any case."""
        try:
            self._announce()
            with self._live():
                self._loop()
        except KeyboardInterrupt:
            pass
        finally:
            if self.runner is not None:
                self.runner.wait(_EXEC_GRACE_S)
            if self.speech_runner is not None:
                self.speech_runner.wait(_EXEC_GRACE_S)
            if self.capture is not None:
                self.capture.finish()
            self._summarise()

    def _announce(self) -> None:
        audio = self.audio
        name = f"microphone {audio.device.name}" if isinstance(audio, Microphone) else "stdin"
        channel = "" if audio.channel is None else f", channel {audio.channel}"
        if not is_quiet():
            print_line(
                self.console,
                f"listening to {name} at {audio.rate} Hz{channel}; threshold: "
                f"{self.detector.describe()}. Ctrl-C ends.",
            )

    def _loop(self) -> None:
        for block in self.audio:
            self.samples += block.size
            self.meter.level_db = level_db(block)
            self._report(block, self.detector.feed(block), self.detector.scores)
            self._warn_of_zeros(block)
        self._report(np.zeros(0, dtype=np.float32), self.detector.flush(), {}, is_end=True)
        if self.speech_runner is not None:
            self.speech_runner.wait(_THEN_GRACE_S)

    def _report(
        self,
        block: Samples,
        detections: list[Detection],
        scores: Mapping[str, float],
        *,
        is_end: bool = False,
    ) -> None:
        for detection in detections:
            self.detections[detection.keyword] += 1
            print(_as_json(detection) if self.as_json else _as_text(detection), flush=True)
            if self.runner is not None:
                self.runner.start(detection)
        if self.speech_runner is not None:
            self.speech_runner.feed(detections, is_end=is_end)
        if self.capture is not None:
            self.capture.feed(block, detections, scores)

    def _warn_of_zeros(self, block: Samples) -> None:
        """Warn once where a microphone delivers exact zeros: muted, or no permission (macOS)."""
        if not 0 <= self._zeros_s < _ZEROS_S or isinstance(self.audio, RawPcm):
            return
        self._zeros_s = -1.0 if block.any() else self._zeros_s + block.size / self.audio.rate
        if self._zeros_s >= _ZEROS_S:
            print_line(
                self.console,
                "only digital silence so far: is the microphone muted, or does this program lack "
                "the permission to use it?",
            )

    def _summarise(self) -> None:
        if is_quiet():
            return
        counts = ", ".join(f"{keyword} {n}" for keyword, n in self.detections.most_common())
        overflows = self.audio.overflows if isinstance(self.audio, Microphone) else 0
        lost = f"; {overflows} buffer overflow(s): the machine is too slow" if overflows else ""
        saved = f"; {self.capture.saved} clip(s) saved" if self.capture else ""
        print_line(
            self.console,
            f"listened for {self.samples / self.audio.rate:.1f} s, "
            f"{self.detections.total()} detection(s){': ' + counts if counts else ''}{saved}{lost}",
        )

    def _live(self) -> AbstractContextManager[object]:
        if is_quiet() or not self.console.is_terminal:
            return nullcontext()
        return Live(
            get_renderable=self.meter.render,
            console=self.console,
            transient=True,
            refresh_per_second=10,
            redirect_stdout=sys.stdout.isatty(),  # a piped stdout stays a pipe
        )


class Meter:
    """The live line on a terminal: audio level and highest score."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.level_db = LOWEST_DB

    def render(self) -> RenderableType:
        """Return the line for the current level and scores."""
        scores = dict(self.detector.scores)
        best = max(scores, key=lambda keyword: scores[keyword], default="")
        return level_line(self.level_db, f"{best} {scores[best]:.2f}" if best else "")


def _as_text(detection: Detection) -> str:
    return f"{detection.time:.2f} s  {detection.keyword}  {detection.score:.2f}"


def _as_json(detection: Detection) -> str:
    return json.dumps(
        {
            "keyword": detection.keyword,
            "score": round(detection.score, 4),
            "time": round(detection.time, 3),
            "start": round(detection.start, 3),
            "end": round(detection.end, 3),
        }
    )
