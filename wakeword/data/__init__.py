"""Data sets for training: reading them, dividing them by speaker, choosing the words to learn."""

from wakeword.data.clips import SPLITS, Clip, Dataset
from wakeword.data.manifests import read_dataset, read_together
from wakeword.data.task import (
    assign_splits,
    for_keywords,
    in_text,
    negatives_saying,
    plain_words,
    relabel,
    write_jsonl,
)

__all__ = [
    "SPLITS",
    "Clip",
    "Dataset",
    "assign_splits",
    "for_keywords",
    "in_text",
    "negatives_saying",
    "plain_words",
    "read_dataset",
    "read_together",
    "relabel",
    "write_jsonl",
]
