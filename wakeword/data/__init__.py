"""Data sets: clips, readers of every supported layout, splits by speaker, keyword selection."""

from wakeword.data.clip import Clip
from wakeword.data.dataset import SPLITS, Dataset
from wakeword.data.keywords import (
    contains_phrase,
    negatives_containing,
    normalised_words,
    relabel,
    select_keywords,
)
from wakeword.data.readers import read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.data.writer import write_manifest

__all__ = [
    "SPLITS",
    "Clip",
    "Dataset",
    "assign_splits",
    "contains_phrase",
    "negatives_containing",
    "normalised_words",
    "read_dataset",
    "read_datasets",
    "relabel",
    "select_keywords",
    "write_manifest",
]
