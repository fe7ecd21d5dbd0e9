"""`wakeword mine`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wakeword import audio, capture, storage
from wakeword import model as models
from wakeword.cli import options, show
from wakeword.data.library import check_broken
from wakeword.data.manifests import recordings
from wakeword.errors import ManifestError
from wakeword.evaluation.mine import mine as find
from wakeword.evaluation.spread import spread_over


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
    model = models.load(file)
    manifest = output / "mined.jsonl"
    for there in (manifest, *output.glob("*.json")):
        if there.exists():
            raise ManifestError(f"{there}: there already. Give another folder, or remove this one.")
    storage.check_writable(manifest)
    paths = [path for sound in sounds for path in recordings(sound)]
    with spread_over(ray) as spread, show.progress() as progress:
        found, broken = find(model, paths, score=score, most=most, progress=progress, spread=spread)
    check_broken(len(broken), len(paths), broken)
    for reason in broken.values():
        click.echo(f"note: skipped {reason}", err=True)
    if not found:
        show.console().print(f"nothing scored {score:g} or more: nothing written", highlight=False)
        return
    rows = []
    for number, each in enumerate(found):
        clip = output / f"{number:05d}.flac"
        sound = audio.load(each.recording, offset_s=each.start_s, duration_s=each.seconds)
        if to_review:
            heard = each.score >= model.point.thresholds[each.keyword]
            capture.keep(
                clip, sound, capture.Captured(each.keyword, heard, each.score, each.time_s)
            )
            continue
        audio.save(clip, sound)
        rows.append(
            {
                "audio_filepath": clip.name,
                "label": "",
                "source": "mined",
                "recording": each.recording.name,
                "time": each.time_s,
                "keyword": each.keyword,
                "score": each.score,
            }
        )
    if not to_review:
        with storage.whole(manifest) as part:
            part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    show.console().print(f"{len(found)} clips in {output}", highlight=False)
