"""`wakeword record`."""

from __future__ import annotations

import re
import time
from pathlib import Path

import click
from rich.console import Console

from wakeword import storage
from wakeword.audio.endpointing import next_utterance, recording_problems
from wakeword.audio.files import save_audio
from wakeword.audio.microphone import Microphone, play
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli import options
from wakeword.cli.level_meter import with_level_meter
from wakeword.data.clip import Clip
from wakeword.data.writer import append_clip
from wakeword.errors import AudioError, ConfigError

_KEYS = "Enter keep · r repeat · p play · q quit"
_LONGEST_KEYWORD_S = 4.0
_LONGEST_OTHER_S = 8.0


@click.command()
@click.argument("keyword")
@options.option("-o", "--output", required=True, type=options.PATH, help="Folder for the clips.")
@options.option(
    "--count", default=20, show_default=True, type=click.IntRange(1), help="Clips to record."
)
@options.option(
    "--speaker", required=True, help="Name of the speaker, whose clips stay in one split."
)
@options.option(
    "--distance",
    help="Distance from the microphone, such as 2m; a column of the manifest.",
)
@options.option("--room", help="Name of the room, such as kitchen; a column of the manifest.")
@options.option(
    "--countdown",
    default=1,
    show_default=True,
    type=click.IntRange(0, 10),
    help="Seconds before each clip.",
)
@options.option("--other", is_flag=True, help="Record speech other than the keyword, as negatives.")
@options.device
def record(
    keyword: str,
    output: Path,
    count: int,
    speaker: str,
    distance: str | None,
    room: str | None,
    countdown: int,
    other: bool,
    device: str | None,
) -> None:
    """Record clips of a KEYWORD: prompts, finds where each ends, and keeps those you accept.

    Clips are FLAC at 16 kHz, listed in OUTPUT/recordings.jsonl with speaker, distance and room; a
    later run, for instance by another speaker, adds to them. `wakeword train
    OUTPUT/recordings.jsonl` reads them. Twenty clips by each of several people, near and far, are a
    good start.

    \b
    Examples:
      wakeword record computer -o recordings/ --speaker ada --distance 1m
      wakeword record computer -o recordings/ --speaker ada --other --count 40
    """
    manifest = output / "recordings.jsonl"
    storage.check_writable(manifest)
    microphone = Microphone(int(device) if device and device.isdecimal() else device)
    prompt = f"say anything but '{keyword}'" if other else f"say '{keyword}'"
    longest_s = _LONGEST_OTHER_S if other else _LONGEST_KEYWORD_S
    kept = 0
    while kept < count:
        click.echo(f"{kept + 1}/{count}  ", nl=False)
        clip = _record_clip(microphone, prompt, countdown, longest_s)
        key = _read_key(clip)
        click.echo()
        if key == "q":
            break
        if key != "r":
            label = "" if other else keyword
            _save_clip(clip, manifest, label, speaker, distance=distance, room=room)
            kept += 1
    click.echo(f"{kept} clips added to {manifest}")


def _record_clip(microphone: Microphone, prompt: str, countdown: int, longest_s: float) -> Samples:
    """Count down, record one utterance and print its length and flaws; (n,) at 16 kHz."""
    for left in range(countdown, 0, -1):
        click.echo(f"{left} ", nl=False)
        time.sleep(1)
    click.echo(f"{prompt} …")
    with microphone:
        blocks = with_level_meter(microphone, Console(stderr=True))
        samples = next_utterance(blocks, microphone.rate, longest_s=longest_s)
    if samples is None:
        raise AudioError(
            f"microphone '{microphone.device.name}': no speech in 8 s. Is it muted? "
            "wakeword listen --list-devices shows the others."
        )
    clip = resample(samples, microphone.rate, SAMPLE_RATE)
    problems = "".join(f"  {problem}" for problem in recording_problems(clip))
    click.echo(f"  {len(clip) / SAMPLE_RATE:.1f} s{problems}   [{_KEYS}] ", nl=False)
    return clip


def _read_key(clip: Samples) -> str:
    while (key := click.getchar().lower()) not in ("\r", "\n", "r", "q"):
        if key == "p":
            try:
                play(clip)
            except (AudioError, ConfigError) as error:
                click.echo(f"(cannot be played: {error}) ", nl=False)
    return key


def _save_clip(
    clip: Samples, manifest: Path, label: str, speaker: str, **columns: str | None
) -> None:
    """Save the clip, then append its row: a manifest never names a clip that does not exist."""
    name = re.sub(r"\W+", "-", f"{label or 'other'}-{speaker}")
    number = len(list(manifest.parent.glob(f"{name}-*.flac"))) + 1
    while (file := manifest.parent / f"{name}-{number:04d}.flac").exists():
        number += 1
    save_audio(file, clip)
    seconds = round(len(clip) / SAMPLE_RATE, 3)
    append_clip(manifest, Clip(file, label or None, speaker, duration_s=seconds), **columns)
