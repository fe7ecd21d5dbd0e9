"""`wakeword train --say`: the clips of a typed phrase, made or used again."""

from __future__ import annotations

from pathlib import Path

from wakeword.cli.console import print_note
from wakeword.cli.speech import describe_plan, fetch_voices, make_speech
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.synthetic.dataset import check_folder, make_dataset, manifest_of, plan_speech
from wakeword.synthetic.plan import Phrase
from wakeword.synthetic.training import TrainingInput, join_people, speech_folder
from wakeword.training.distributed import ProcessGroup


def spoken_training(
    phrase: Phrase,
    folder: Path | None,
    people: Dataset | None,
    extra: Dataset | None,
    seed: int,
    group: ProcessGroup,
    dry_run: bool,
) -> TrainingInput | None:
    """Return what to train on; the main process of a group makes the clips.

    Args:
        phrase: to detect.
        folder: for the clips; None is one in the cache.
        people: recordings with splits assigned.
        extra: extra data that is given, too.
        seed: of all draws.
        group: of the processes that train.
        dry_run: only say what would be synthesised.

    Returns:
        None for a dry run where clips are missing, which is printed.
    """
    folder = folder or speech_folder(phrase.text)
    check_folder(folder)
    if group.is_main and not dry_run:
        fetch_voices()
    plan = plan_speech(phrase, seed=seed)
    if dry_run:
        print_note(describe_plan(plan, folder))
        manifest = manifest_of(folder, phrase)
        if plan.missing(folder) or not manifest.is_file():
            print_note(
                "the time of the training is estimated once these clips are there; nothing was "
                "written (--dry-run)"
            )
            return None
        spoken = read_dataset(manifest)
    else:
        made = make_speech(plan, folder) if group.is_main else None
        group.barrier()
        spoken = made or make_dataset(folder, plan, workers=1)
    return join_people(spoken, people, phrase.text).with_extra(extra)
