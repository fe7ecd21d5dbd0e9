"""The data of a training run: its own clips, those held out for validation, and extra data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import normalised_words, select_keywords
from wakeword.data.splits import assign_splits
from wakeword.errors import ConfigError, ManifestError


@dataclass(frozen=True)
class TrainingData:
    """The clips of a training run.

    Attributes:
        train: clips to train on, with the keyword clips, noises and rooms of extra data.
        validation: clips of held-out speakers, for early stopping and the threshold.
        extra: clips of extra data; its negatives are in no other part.
    """

    train: Dataset
    validation: Dataset
    extra: Dataset

    @classmethod
    def select(
        cls,
        data: Dataset,
        keywords: Sequence[str],
        extra_data: Dataset | None,
        *,
        validation_share: float,
        seed: int,
    ) -> TrainingData:
        """Select the clips of the train split and hold out some of its speakers.

        Raises:
            ConfigError: a keyword is given twice.
            ManifestError: the train split has no clips of the keywords.
        """
        _check_distinct(keywords)
        own = select_keywords(data, keywords).subset("train")
        if not own.keywords:
            raise ManifestError(
                f"{data.root}: no keyword clips in the train split. Check its splits."
            )
        unassigned = own.map(lambda clips: tuple(replace(clip, split=None) for clip in clips))
        own = assign_splits(unassigned, dev_share=validation_share, seed=seed)
        train = own.subset("train")
        extra = replace(train, keywords=(), negatives=(), noises=(), rirs=())
        if extra_data:
            extra = select_keywords(extra_data, keywords, allow_missing=True).subset("train")
            train = train.with_clips_of(replace(extra, negatives=()))
        return cls(train, own.subset("dev"), extra)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of the data set and of holding out speakers."""
        return self.train.notes

    def clips(self) -> list[Clip]:
        """Return every clip of the run."""
        by_role = [*self.train.by_role().values(), *self.validation.by_role().values()]
        return [*(clip for clips in by_role for clip in clips), *self.extra.negatives]

    def count_sources(self) -> list[dict[str, str | int]]:
        """Count the clips by role, source and licence, for the record in the model."""
        both = self.train.with_clips_of(self.validation)
        return replace(both, negatives=(*both.negatives, *self.extra.negatives)).count_sources()


def _check_distinct(keywords: Sequence[str]) -> None:
    """Raise ConfigError where two keywords are the same words."""
    spellings: dict[tuple[str, ...], str] = {}
    for keyword in keywords:
        if (words := normalised_words(keyword)) in spellings:
            raise ConfigError(
                f"the keyword '{keyword}' is given twice, first as '{spellings[words]}'. "
                "Name each keyword once."
            )
        spellings[words] = keyword
