"""Readers of all supported data set formats: one module per format.

A format has a function that returns a `Dataset`; `wakeword.data.readers.formats` recognises the
format of a folder or file and calls it.
"""

from wakeword.data.readers.formats import read_dataset, read_datasets
from wakeword.data.readers.recordings import find_recordings

__all__ = ["find_recordings", "read_dataset", "read_datasets"]
