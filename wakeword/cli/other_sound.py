"""Synthetic speech in several languages, which `wakeword train` adds to little other sound."""

from __future__ import annotations

from dataclasses import replace

from wakeword.cli.console import print_note, progress_display
from wakeword.cli.progress_lines import format_seconds
from wakeword.synthetic.languages import (
    ENOUGH_HOURS,
    HOURS_PER_LANGUAGE,
    languages_folder,
    other_sound_hours,
    plan_languages,
    speak_languages,
    why_no_languages,
)
from wakeword.synthetic.training import TrainingInput
from wakeword.training.distributed import ProcessGroup


def add_languages(training: TrainingInput, group: ProcessGroup, dry_run: bool) -> TrainingInput:
    """Add speech in several languages to the extra data, where there is little other sound.

    Args:
        training: what is trained on otherwise.
        group: of the processes that train; the main one makes the clips.
        dry_run: only say what would be added.

    Returns:
        What to train on, with a note for the summary on what was added, or why nothing was.
    """
    hours = other_sound_hours(training.data, training.extra)
    if not HOURS_PER_LANGUAGE or hours >= ENOUGH_HOURS:
        return training
    little = f"there is little other sound ({hours:.2f} h without the keyword)"
    if why := why_no_languages():
        return _with_note(training, f"{little}, and no natural voice for other languages: {why}")
    plan, folder = plan_languages(), languages_folder()
    languages = ", ".join(plan.takes)
    estimate = format_seconds(plan.seconds(folder))
    if dry_run:
        print_note(f"{little}: speech in {languages} would be added, about {estimate}")
        return training
    if group.is_main:
        print_note(f"{little}: adding speech in {languages}, about {estimate} (made once)")
        with progress_display() as progress:
            speak_languages(plan, folder, progress=progress)
    group.barrier()
    spoken = speak_languages(plan, folder, workers=1)
    added = other_sound_hours(spoken, None)
    note = (
        f"{added:.2f} h of synthetic speech in {languages} added (--no-synthetic-negatives: none)"
    )
    extra = training.extra.with_clips_of(spoken) if training.extra else spoken
    return _with_note(replace(training, extra=extra), note)


def _with_note(training: TrainingInput, note: str) -> TrainingInput:
    return replace(training, notes=(*training.notes, note))
