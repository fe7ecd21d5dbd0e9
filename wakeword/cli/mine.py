"""`wakeword mine`."""

from __future__ import annotations

from pathlib import Path

import click

from wakeword.cli import options
from wakeword.cli.console import print_note, print_results, progress_display
from wakeword.data.corpora.other_audio import read_recordings
from wakeword.data.loader import check_broken
from wakeword.parallel import executor_for


@click.command()
@options.model_argument
@click.argument("recordings", nargs=-1, required=True, type=options.PATH)
@options.option("-o", "--output", required=True, type=options.PATH, help="Folder for the clips.")
@options.option(
    "--min-score",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0.0, 1.0, min_open=True),
    help="Lowest score to keep.",
)
@options.option(
    "--max-clips", default=500, show_default=True, type=click.IntRange(1), help="Clips to keep."
)
@options.option(
    "--to-review",
    is_flag=True,
    help="The recordings may hold the keyword: write clips for `wakeword review`, not negatives.",
)
@options.ray
def mine(
    file: Path,
    recordings: tuple[Path, ...],
    output: Path,
    min_score: float,
    max_clips: int,
    to_review: bool,
    ray: str | None,
) -> None:
    """Collect the highest scores of a model in recordings without the keyword, as hard negatives.

    RECORDINGS are files, folders, or corpora of `wakeword data list` by their names.

    Writes four seconds around each score peak as FLAC, and a manifest of them; `wakeword train
    --negatives` takes the folder.

    With --to-review the recordings may hold the keyword: a model made by `wakeword enroll` from
    three clips finds more of them in existing recordings, and `wakeword review` asks for the label
    of each.

    \b
    Examples:
      wakeword mine alexa.wakeword evenings/ -o mined/
      wakeword train recordings/ --negatives mined/ -o better.wakeword
      wakeword mine alexa.wakeword librispeech-train-clean-100 -o mined/
      wakeword mine enrolled.wakeword meetings/ -o found/ --to-review
    """
    from wakeword.evaluation.mine import (
        check_output_folder,
        mine_recordings,
        write_for_review,
        write_negatives,
    )
    from wakeword.model.file import load_model

    model = load_model(file)
    check_output_folder(output)
    keywords = () if to_review else model.keywords
    paths = [clip.path for clip in read_recordings(recordings, keywords)]
    with executor_for(ray) as executor, progress_display() as progress:
        clips, broken = mine_recordings(
            model, paths, score=min_score, most=max_clips, progress=progress, executor=executor
        )
    check_broken(len(broken), len(paths), broken)
    for reason in broken.values():
        print_note(f"skipped {reason}")
    if not clips:
        print_results(f"nothing scored {min_score:g} or more: nothing written")
        return
    if to_review:
        write_for_review(clips, output, model)
    else:
        write_negatives(clips, output)
    print_results(f"{len(clips)} clips in {output}")
