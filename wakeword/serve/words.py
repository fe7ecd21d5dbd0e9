"""What a server hears: the keywords of several models, each loaded once for all clients."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wakeword.errors import ConfigError, unknown
from wakeword.stream import StreamDetector
from wakeword.trigger import Detection

MakeDetector = Callable[[int], StreamDetector]
"""A new detector for sound of so many samples a second."""


class Words:
    """The keywords that are served, and the models that know them.

    Args:
        models: by file, what makes detectors over the model in it.

    Raises:
        ConfigError: two models for one keyword: a client could not say which of them it means.
    """

    def __init__(self, models: Mapping[Path, MakeDetector]) -> None:
        self._models = dict(models)
        self._by_word: dict[str, Path] = {}
        for file, make in models.items():
            for word in make(16000).model.keywords:
                if word in self._by_word:
                    raise ConfigError(
                        f"{file}: hears '{word}', as {self._by_word[word]} does. "
                        "Serve one of the two, or each on a port of its own."
                    )
                self._by_word[word] = file

    @property
    def names(self) -> list[str]:
        return list(self._by_word)

    def ears(self, asked: Collection[str] | None, rate: int) -> Ears:
        """For one client's stream: all words, or those that it asked for. Raises ConfigError."""
        wanted = self.names if asked is None else list(asked)
        for word in wanted:
            if word not in self._by_word:
                raise ConfigError(unknown("keyword", word, self._by_word))
        files = dict.fromkeys(self._by_word[word] for word in wanted)
        return Ears([self._models[file](rate) for file in files], frozenset(wanted))


class Ears:
    """The detectors of one stream."""

    def __init__(self, detectors: Iterable[StreamDetector], wanted: frozenset[str]) -> None:
        self._detectors = list(detectors)
        self._wanted = wanted

    def feed(self, samples: npt.NDArray[np.int16]) -> list[Detection]:
        """(n,) samples → what was heard up to here, in order."""
        return self._heard(each.feed(samples) for each in self._detectors)

    def flush(self) -> list[Detection]:
        """The stream has ended."""
        return self._heard(each.flush() for each in self._detectors)

    def _heard(self, found: Iterable[list[Detection]]) -> list[Detection]:
        wanted = (each for some in found for each in some if each.keyword in self._wanted)
        return sorted(wanted, key=lambda each: each.time)
