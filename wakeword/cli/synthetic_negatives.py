"""`wakeword train --synthetic-negatives`: synthetic speech in several languages."""

from __future__ import annotations

from dataclasses import replace

from wakeword.cli.console import print_note, progress_display
from wakeword.cli.progress_lines import format_seconds
from wakeword.errors import ConfigError
from wakeword.synthetic.languages import (
    languages_folder,
    plan_languages,
    speak_languages,
    why_no_languages,
)
from wakeword.synthetic.training import TrainingInput
from wakeword.training.distributed import ProcessGroup


def add_languages(training: TrainingInput, group: ProcessGroup, dry_run: bool) -> TrainingInput:
    """Add speech in several languages to the extra data.

    Args:
        training: what is trained on otherwise.
        group: of the processes that train; the main one makes the clips.
        dry_run: only say what would be added.

    Returns:
        What to train on, with a note for the summary on what was added.

    Raises:
        ConfigError: no natural voice is installed.
    """
    if why := why_no_languages():
        raise ConfigError(f"--synthetic-negatives: {why}")
    plan, folder = plan_languages(), languages_folder()
    languages = ", ".join(plan.takes)
    estimate = format_seconds(plan.seconds(folder))
    if dry_run:
        print_note(f"speech in {languages} would be added, about {estimate}")
        return training
    made = None
    if group.is_main:
        print_note(f"adding speech in {languages}, about {estimate} (made once)")
        with progress_display() as progress:
            made = speak_languages(plan, folder, progress=progress)
    group.barrier()
    spoken = made or speak_languages(plan, folder, workers=1)
    hours = sum(clip.seconds() for clip in spoken.negatives) / 3600
    note = f"{hours:.2f} h of synthetic speech in {languages} added as negatives"
    return replace(training, notes=(*training.notes, note)).with_extra(spoken)
