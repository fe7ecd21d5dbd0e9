"""`wakeword review`."""

from __future__ import annotations

from pathlib import Path

import click

from wakeword.audio.files import load_audio
from wakeword.audio.microphone import play
from wakeword.cli import options
from wakeword.detection.capture import captured_clips, label_clip, remove_clip
from wakeword.errors import AudioError, ConfigError

_KEYS = "y yes · n no · r replay · s skip · d delete · q quit"


@click.command()
@click.argument("folder", type=options.PATH)
def review(folder: Path) -> None:
    """Label the clips that `wakeword listen --save-triggers` saved: keyword or not.

    Plays each clip and waits for one key. Labelled clips move to FOLDER/reviewed, which `wakeword
    improve` trains on; skipped clips are shown again next time.

    \b
    Examples:
      wakeword review captured/
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder. Make one: wakeword listen --save-triggers.")
    clips = captured_clips(folder)
    click.echo(f"{len(clips)} clips to review.  {_KEYS}")
    labelled = 0
    for number, (clip, about) in enumerate(clips, start=1):
        kind = "detected" if about.detected else "near threshold"
        click.echo(
            f"{number}/{len(clips)}  '{about.keyword}' {kind} ({about.score:.2f}) ", nl=False
        )
        _play(clip)
        key = _read_key(clip)
        click.echo(key)
        if key == "q":
            break
        if key == "d":
            remove_clip(clip)
        if key in "yn":
            label_clip(clip, about.keyword if key == "y" else "")
            labelled += 1
    click.echo(f"{labelled} labelled, in {folder / 'reviewed'}")


def _read_key(clip: Path) -> str:
    while (key := click.getchar().lower()) not in "ynsdq" or not key:
        if key == "r":
            _play(clip)
    return key


def _play(clip: Path) -> None:
    try:
        play(load_audio(clip))
    except (AudioError, ConfigError) as error:
        click.echo(f"\n{clip}: cannot be played here ({error}) ", nl=False)
