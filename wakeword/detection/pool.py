"""TODO."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError
from wakeword.model.network import WakeWordModel


class DetectorPool:
    """Many live streams through one model: what is due in several is computed as one batch.

    Each stream hears what a `Detector` of its own would hear, to the rounding of a batch.

    Args:
        model: from `wakeword.load`.
        threshold: as of `Detector`, for every stream.
        batch: streams that go through the model at once, at most.
    """

    def __init__(
        self,
        model: WakeWordModel,
        *,
        threshold: float | Mapping[str, float] | None = None,
        batch: int = 32,
    ) -> None:
        self.model, self.batch = model, batch
        self._threshold = threshold
        self._streams: dict[Hashable, Detector] = {}

    def open(self, stream: Hashable, *, rate: int = SAMPLE_RATE) -> None:
        """A new stream under a name that is not in use. Raises ConfigError where it is."""
        if stream in self._streams:
            raise ConfigError(f"stream {stream!r} is open already: close it first.")
        self._streams[stream] = Detector(self.model, threshold=self._threshold, rate=rate)

    def close(self, stream: Hashable) -> list[Detection]:
        """End a stream; what its last samples still held comes out. Raises ConfigError."""
        self._check_open({stream})
        return self._streams.pop(stream).flush()

    def feed(
        self, pieces: Mapping[Hashable, npt.NDArray[np.float32] | npt.NDArray[np.int16]]
    ) -> dict[Hashable, list[Detection]]:
        """The next samples of any of the streams → by stream, what was heard up to here.

        Raises ConfigError where a stream is not open; nothing is fed then.
        """
        self._check_open(pieces.keys())
        fed = {stream: self._streams[stream] for stream in pieces}
        found: dict[Hashable, list[Detection]] = {stream: [] for stream in pieces}
        for stream, samples in pieces.items():
            fed[stream]._collect(samples)
        while due := [(s, block) for s, d in fed.items() if (block := d._next()) is not None]:
            begun = [each for each in due if fed[each[0]]._state is not None]
            new = [each for each in due if fed[each[0]]._state is None]  # their block is longer
            for alike in (begun, new):
                for i in range(0, len(alike), self.batch):
                    streams, blocks = zip(*alike[i : i + self.batch], strict=True)
                    detectors = [fed[stream] for stream in streams]
                    for stream, heard in zip(streams, self._run(detectors, blocks), strict=True):
                        found[stream] += heard
        return found

    def _check_open(self, streams: Set[Hashable]) -> None:
        if strangers := streams - self._streams.keys():
            raise ConfigError(f"stream {min(map(repr, strangers))} is not open.")

    @torch.inference_mode()
    def _run(
        self, detectors: Sequence[Detector], blocks: Sequence[Samples]
    ) -> Iterator[list[Detection]]:
        state = _joined([detector._state for detector in detectors])
        logits, state = self.model(torch.from_numpy(np.stack(blocks)), state)
        for i, detector in enumerate(detectors):
            detector._state = _one_of(state, i)
            yield detector._fire(logits[i].double().numpy())


def _joined(states: Sequence[Any]) -> Any:
    """States of several streams as that of a batch; what is no tensor is the same in all."""
    first = states[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(list(states))
    if not isinstance(first, tuple):
        return first
    return _like(first, (_joined(each) for each in zip(*states, strict=True)))


def _one_of(state: Any, number: int) -> Any:
    """The state of one stream of a batch."""
    if isinstance(state, torch.Tensor):
        return state[number : number + 1]
    return (
        _like(state, (_one_of(each, number) for each in state))
        if isinstance(state, tuple)
        else state
    )


def _like(example: tuple[Any, ...], values: Iterable[Any]) -> tuple[Any, ...]:
    """A tuple, or the same kind of named one."""
    return type(example)(*values) if hasattr(example, "_fields") else tuple(values)
