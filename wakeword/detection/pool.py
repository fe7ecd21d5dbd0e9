"""Many live streams through one model, computed in batches."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Set
from typing import Any

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.detection.blocks import AudioPiece, Block, BlockBuffer
from wakeword.detection.trigger import Detection, StreamTrigger
from wakeword.errors import ConfigError
from wakeword.model.network import WakeWordModel


class _Stream:
    """One open stream of a pool."""

    def __init__(
        self, model: WakeWordModel, threshold: float | Mapping[str, float] | None, rate: int
    ) -> None:
        self.blocks = BlockBuffer(model, rate)
        self.trigger = StreamTrigger(model, threshold)
        self.state: Any = None


class DetectorPool:
    """Detects the keywords of many live streams; blocks of several streams form one batch.

    Each stream has the detections of a `Detector` of its own, to the rounding of a batch.

    Args:
        model: from `wakeword.load`.
        threshold: as for `Detector`, for every stream.
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
        self._streams: dict[Hashable, _Stream] = {}

    def open(self, stream: Hashable, *, rate: int = SAMPLE_RATE) -> None:
        """Open a stream.

        Args:
            stream: a name that is not in use.
            rate: of its samples, in Hz.

        Raises:
            ConfigError: the name is in use.
        """
        if stream in self._streams:
            raise ConfigError(f"stream {stream!r} is open already: close it first.")
        self._streams[stream] = _Stream(self.model, self._threshold, rate)

    def close(self, stream: Hashable) -> list[Detection]:
        """End a stream: return what still waits for audio, as if silence followed.

        Raises:
            ConfigError: the stream is not open.
        """
        self._check_open({stream})
        closed = self._streams.pop(stream)
        closed.blocks.finish()
        return self._run({stream: closed})[stream]

    def feed(self, pieces: Mapping[Hashable, AudioPiece]) -> dict[Hashable, list[Detection]]:
        """Take the next samples of any of the streams.

        Args:
            pieces: (n,) samples by stream, as for `Detector.feed`.

        Returns:
            By stream, the detections up to the end of its samples.

        Raises:
            ConfigError: a stream is not open; nothing is fed then.
        """
        self._check_open(pieces.keys())
        streams = {name: self._streams[name] for name in pieces}
        for name, samples in pieces.items():
            streams[name].blocks.push(samples)
        return self._run(streams)

    def _run(self, streams: Mapping[Hashable, _Stream]) -> dict[Hashable, list[Detection]]:
        """Run the model on every complete block, one block of each stream at a time."""
        detections: dict[Hashable, list[Detection]] = {name: [] for name in streams}
        while due := [(n, block) for n, s in streams.items() if (block := s.blocks.pop())]:
            for is_first in (False, True):  # first blocks are longer
                same_length = [each for each in due if each[1].is_first == is_first]
                for i in range(0, len(same_length), self.batch):
                    for name, found in self._step(same_length[i : i + self.batch], streams):
                        detections[name] += found
        return detections

    def _step(
        self, batch: list[tuple[Hashable, Block]], streams: Mapping[Hashable, _Stream]
    ) -> list[tuple[Hashable, list[Detection]]]:
        """Run the model on one block of each stream of a batch."""
        states = [None if block.is_first else streams[name].state for name, block in batch]
        results = self.model.step_batch([block.samples for _, block in batch], states)
        detections = []
        for (name, _), (logits, state) in zip(batch, results, strict=True):
            streams[name].state = state
            detections.append((name, streams[name].trigger.run(logits)))
        return detections

    def _check_open(self, streams: Set[Hashable]) -> None:
        """Raise ConfigError unless every stream is open."""
        if unknown := streams - self._streams.keys():
            raise ConfigError(f"stream {min(map(repr, unknown))} is not open.")
