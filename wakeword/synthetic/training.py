"""The data of a training from a typed phrase: synthetic voices, and people where there are any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from wakeword import storage
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.synthetic.dataset import slug
from wakeword.synthetic.people import measured_phrases, synthetic_only_note

ENOUGH_PEOPLE = 40
"""With as many clips of people to train on, people alone are held out, for epoch and threshold."""


@dataclass(frozen=True)
class TrainingInput:
    """What to train on.

    Attributes:
        data: the data set that clips are held out of.
        keywords: to detect.
        extra: clips that are never held out; None without any.
        notes: for the user.
    """

    data: Dataset
    keywords: tuple[str, ...]
    extra: Dataset | None = None
    notes: tuple[str, ...] = ()

    def held_out(self) -> Dataset:
        """Return the data set to measure on, in its split dev.

        It has the confusable phrases of the extra data, of which the split train alone is trained
        on, and the notes.
        """
        _, confusables = (self.extra or replace(self.data, negatives=())).split_confusables()
        negatives = (*self.data.negatives, *confusables)
        return replace(self.data, negatives=negatives).with_notes(*self.notes)

    def with_extra(self, more: Dataset | None) -> TrainingInput:
        """Return the same with more clips that are never held out, if there are any."""
        if more is None:
            return self
        return replace(self, extra=self.extra.with_clips_of(more) if self.extra else more)


def speech_folder(phrase: str) -> Path:
    """Return the folder in the cache for the synthetic clips of a phrase."""
    return storage.cache_dir() / "speech" / slug(phrase)


def join_people(synthetic: Dataset, people: Dataset | None, phrase: str) -> TrainingInput:
    """Join the synthetic clips of a phrase with recordings of people.

    With `ENOUGH_PEOPLE` clips of the phrase by people, synthetic clips are extra data, of which
    nothing is held out. With fewer, both are one data set, and the synthetic confusable phrases
    alone are extra data: held out, the most confusable of them would set the threshold.

    Args:
        synthetic: from `make_dataset`.
        people: recordings with splits assigned; None without any.
        phrase: the keyword.
    """
    plain, confusables = synthetic.split_confusables()
    extra = Dataset(synthetic.root, synthetic.layout, negatives=confusables)
    if people is None:
        return TrainingInput(plain, (phrase,), extra, (_synthetic_only(phrase),))
    by_people = select_keywords(people, [phrase], allow_missing=True).subset("train")
    clips = len(by_people.keywords)
    if clips < ENOUGH_PEOPLE:
        joined = replace(plain.with_clips_of(people), notes=people.notes)
        note = (
            f"{clips} clips of '{phrase}' by people are too few to hold out people alone "
            f"({ENOUGH_PEOPLE} are enough): epoch and threshold are chosen on synthetic voices "
            "too, which are missed less often than people."
        )
        return TrainingInput(
            joined, (phrase,), extra, (note if clips else _synthetic_only(phrase),)
        )
    if by_people.negatives:
        return TrainingInput(people, (phrase,), synthetic)
    own = replace(people, negatives=plain.negatives)
    note = "there is no other speech by people: false accepts are counted in synthetic voices."
    return TrainingInput(own, (phrase,), replace(synthetic, negatives=confusables), (note,))


def _synthetic_only(phrase: str) -> str:
    return synthetic_only_note(phrase, measured_phrases())
