"""Data sets: clips, readers of all supported formats, splits by speaker, keyword selection."""

from wakeword.data.clip import Clip
from wakeword.data.dataset import SPLITS, Dataset
from wakeword.data.keywords import (
    contains_phrase,
    negatives_containing,
    normalised_words,
    relabel,
    select_keywords,
)
from wakeword.data.readers import find_recordings, read_dataset, read_datasets
from wakeword.data.splits import assign_splits
from wakeword.data.writer import append_clip, write_manifest

__all__ = [
    "SPLITS",
    "Clip",
    "Dataset",
    "append_clip",
    "assign_splits",
    "contains_phrase",
    "find_recordings",
    "negatives_containing",
    "normalised_words",
    "read_dataset",
    "read_datasets",
    "relabel",
    "select_keywords",
    "write_manifest",
]
