"""`wakeword review`."""

from __future__ import annotations

from pathlib import Path

import click

from wakeword.audio.files import load_audio
from wakeword.audio.microphone import play
from wakeword.detection.capture import captured_clips, label_clip, remove_clip
from wakeword.errors import AudioError, ConfigError

_KEYS = "y yes · n no · r again · s skip · d delete · q stop"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def review(folder: Path) -> None:
    """Say of each clip that `wakeword listen --save-triggers` kept whether the word is in it.

    Plays a clip and waits for one key. Labelled clips move to FOLDER/reviewed, from which
    `wakeword improve` learns; what is skipped comes again next time.

    \b
    Examples:
      wakeword review heard/
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder. Make one: wakeword listen --save-triggers.")
    waiting = captured_clips(folder)
    click.echo(f"{len(waiting)} clips to review.  {_KEYS}")
    labelled = 0
    for number, (clip, about) in enumerate(waiting):
        kind = "heard" if about.heard else "nearly heard"
        place = f"{number + 1}/{len(waiting)}"
        click.echo(f"{place}  {kind} '{about.keyword}' ({about.score:.2f}) ", nl=False)
        _play(clip)
        key = _key(clip)
        click.echo(key)
        if key == "q":
            break
        if key == "d":
            remove_clip(clip)
        if key in "yn":
            label_clip(clip, about.keyword if key == "y" else "")
            labelled += 1
    click.echo(f"{labelled} labelled, in {folder / 'reviewed'}")


def _key(clip: Path) -> str:
    while (key := click.getchar().lower()) not in "ynsdq" or not key:
        if key == "r":
            _play(clip)
    return key


def _play(clip: Path) -> None:
    try:
        play(load_audio(clip))
    except (AudioError, ConfigError) as error:
        click.echo(f"\n{clip}: cannot be played here ({error}) ", nl=False)
