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
from wakeword.cli.level_meter import with_level_meter
from wakeword.data.clip import Clip
from wakeword.data.writer import append_clip
from wakeword.errors import AudioError, ConfigError

_KEYS = "Enter keep · r again · p play · q stop"


@click.command()
@click.argument("word")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the clips."
)
@click.option("--count", default=20, show_default=True, type=click.IntRange(1))
@click.option("--speaker", required=True, help="Who speaks: keeps a voice in one split.")
@click.option("--distance", help="From the microphone, such as 2m; a column of the manifest.")
@click.option("--room", help="Where, such as kitchen; a column of the manifest.")
@click.option(
    "--countdown",
    default=1,
    show_default=True,
    type=click.IntRange(0, 10),
    help="Seconds before each clip.",
)
@click.option("--other", is_flag=True, help="Record anything but the word, as negatives.")
@click.option("--device", metavar="NAME|INDEX", help="Microphone; part of a name is enough.")
def record(
    word: str,
    output: Path,
    count: int,
    speaker: str,
    distance: str | None,
    room: str | None,
    countdown: int,
    other: bool,
    device: str | None,
) -> None:
    """Record a word, clip by clip: says when, finds where it ends, keeps what you accept.

    Clips are FLAC at 16 kHz, listed in OUTPUT/recordings.jsonl with speaker, distance and room; a
    later run, by another speaker say, adds to them. `wakeword train OUTPUT/recordings.jsonl` takes
    them. Twenty clips by each of several people, near and far, make a good beginning.

    \b
    Examples:
      wakeword record computer -o recordings/ --speaker ada --distance 1m
      wakeword record computer -o recordings/ --speaker ada --other --count 40
    """
    manifest = output / "recordings.jsonl"
    storage.check_writable(manifest)
    label = "" if other else word
    microphone = Microphone(int(device) if device and device.isdecimal() else device)
    say = f"say anything but '{word}'" if other else f"say '{word}'"
    kept = 0
    while kept < count:
        click.echo(f"{kept + 1}/{count}  ", nl=False)
        for left in range(countdown, 0, -1):
            click.echo(f"{left} ", nl=False)
            time.sleep(1)
        click.echo(f"{say} …")
        with microphone:
            blocks = with_level_meter(microphone, Console(stderr=True))
            sound = next_utterance(blocks, microphone.rate, longest_s=8.0 if other else 4.0)
        if sound is None:
            raise AudioError(
                f"microphone '{microphone.device.name}': nothing was heard for 8 s. Is it muted? "
                "wakeword listen --list-devices shows the others."
            )
        clip = resample(sound, microphone.rate, SAMPLE_RATE)
        notes = "".join(f"  {flaw}" for flaw in recording_problems(clip))
        click.echo(f"  {len(clip) / SAMPLE_RATE:.1f} s{notes}   [{_KEYS}] ", nl=False)
        key = _key(clip)
        click.echo()
        if key == "q":
            break
        if key != "r":
            _keep(clip, manifest, label, speaker, distance=distance, room=room)
            kept += 1
    click.echo(f"{kept} clips added to {manifest}")


def _key(clip: Samples) -> str:
    while (key := click.getchar().lower()) not in ("\r", "\n", "r", "q"):
        if key == "p":
            try:
                play(clip)
            except (AudioError, ConfigError) as error:
                click.echo(f"(cannot be played: {error}) ", nl=False)
    return key


def _keep(clip: Samples, manifest: Path, label: str, speaker: str, **columns: str | None) -> None:
    """The clip first, then its line: a manifest never names a clip that is not there."""
    name = re.sub(r"\W+", "-", f"{label or 'other'}-{speaker}")
    number = len(list(manifest.parent.glob(f"{name}-*.flac"))) + 1
    while (file := manifest.parent / f"{name}-{number:04d}.flac").exists():
        number += 1
    save_audio(file, clip)
    seconds = round(len(clip) / SAMPLE_RATE, 3)
    append_clip(manifest, Clip(file, label or None, speaker, duration_s=seconds), **columns)
