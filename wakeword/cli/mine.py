"""`wakeword mine`."""

from __future__ import annotations

from pathlib import Path

import click

from wakeword import storage
from wakeword.audio.files import load_audio, save_audio
from wakeword.cli import options
from wakeword.cli.console import progress_display, stdout_console
from wakeword.data.clip import Clip
from wakeword.data.loader import check_broken
from wakeword.data.readers import find_recordings
from wakeword.data.writer import manifest_row, write_rows
from wakeword.detection.capture import CapturedClip, write_clip
from wakeword.errors import ManifestError
from wakeword.evaluation.mine import mine_recordings
from wakeword.model.file import load_model
from wakeword.parallel import executor_for


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("sounds", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the clips."
)
@click.option(
    "--score",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0.0, 1.0, min_open=True),
    help="Keep what scored this or more.",
)
@click.option("--most", default=500, show_default=True, type=click.IntRange(1), help="Clips kept.")
@click.option(
    "--to-review",
    is_flag=True,
    help="The keyword may be said: make clips for `wakeword review` instead of negatives.",
)
@options.ray
def mine(
    file: Path,
    sounds: tuple[Path, ...],
    output: Path,
    score: float,
    most: int,
    to_review: bool,
    ray: str | None,
) -> None:
    """Collect what sets a model off in recordings in which nobody says the keyword.

    Writes four seconds around each moment as FLAC, and a manifest of them; `wakeword train
    --negatives` takes the folder.

    With --to-review the recordings may hold the keyword: a model made by `wakeword enroll` from
    three clips finds more of them in what was recorded anyway, and `wakeword review` asks of each
    whether it is one.

    \b
    Examples:
      wakeword mine alexa.wakeword evenings/ -o mined/
      wakeword train recordings/ --negatives mined/ -o better.wakeword
      wakeword mine enrolled.wakeword meetings/ -o found/ --to-review
    """
    model = load_model(file)
    manifest = output / "mined.jsonl"
    for there in (manifest, *output.glob("*.json")):
        if there.exists():
            raise ManifestError(f"{there}: there already. Give another folder, or remove this one.")
    storage.check_writable(manifest)
    paths = [path for sound in sounds for path in find_recordings(sound)]
    with executor_for(ray) as spread, progress_display() as progress:
        found, broken = mine_recordings(
            model, paths, score=score, most=most, progress=progress, spread=spread
        )
    check_broken(len(broken), len(paths), broken)
    for reason in broken.values():
        click.echo(f"note: skipped {reason}", err=True)
    if not found:
        stdout_console().print(
            f"nothing scored {score:g} or more: nothing written", highlight=False
        )
        return
    rows = []
    for number, each in enumerate(found):
        clip = output / f"{number:05d}.flac"
        sound = load_audio(each.recording, offset_s=each.start_s, duration_s=each.seconds)
        if to_review:
            heard = each.score >= model.operating_point.thresholds[each.keyword]
            write_clip(clip, sound, CapturedClip(each.keyword, heard, each.score, each.time_s))
            continue
        save_audio(clip, sound)
        row = manifest_row(
            Clip(clip, source="mined"),
            output,
            recording=each.recording.name,
            time=each.time_s,
            keyword=each.keyword,
            score=each.score,
        )
        rows.append(row)
    if not to_review:
        write_rows(manifest, rows)
    stdout_console().print(f"{len(found)} clips in {output}", highlight=False)
