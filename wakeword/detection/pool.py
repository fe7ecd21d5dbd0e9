"""Many live streams through one model, computed in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Set
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, NamedTuple

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.detection.blocks import AudioPiece, Block, BlockBuffer
from wakeword.detection.detector import check_model
from wakeword.detection.trigger import Detection, Scores, StreamTrigger
from wakeword.detection.verifier_queue import VerifierQueue
from wakeword.errors import ConfigError
from wakeword.model.cascade import StartedBlock
from wakeword.model.two_stage import AnyModel, TwoStageModel


class _Verification(NamedTuple):
    """A block of a two-stage model that waits for its verifier."""

    started: StartedBlock
    logits: Future[Scores]  # of the verifier


class _Stream:
    """One open stream of a pool."""

    def __init__(
        self, model: AnyModel, threshold: float | Mapping[str, float] | None, rate: int
    ) -> None:
        self.blocks = BlockBuffer(model, rate)
        self.trigger = StreamTrigger(model, threshold)
        self.computed = 0  # blocks
        self.state: Any = None
        self.verification: _Verification | None = None

    def next_block(self) -> Block | None:
        """Return the next block that can be computed now, and remove it; None if there is none."""
        return None if self.verification else self.blocks.pop()

    def advance(self, logits: Scores, state: Any) -> list[Detection]:
        """End a block: return the detections in its (frames, keywords) logits."""
        self.state = state
        return self.trigger.run(logits)


class DetectorPool:
    """Detects the keywords of many live streams; blocks of several streams form one batch.

    Each stream has the detections of a `Detector` of its own, to the rounding of a batch.

    With a two-stage model, batches are those of the gate. Verifiers run on threads of their own:
    a stream waits for its verifier, while the blocks of the others are computed.

    Args:
        model: from `wakeword.load`.
        threshold: as for `Detector`, for every stream.
        batch: streams that go through the model at once, at most.
        verifiers: where the verifier of a two-stage model runs; None is one thread.

    Raises:
        ConfigError: no model, such as the path of its file.
    """

    def __init__(
        self,
        model: AnyModel,
        *,
        threshold: float | Mapping[str, float] | None = None,
        batch: int = 32,
        verifiers: VerifierQueue | None = None,
    ) -> None:
        check_model(model, type(self).__name__)
        self.model, self.batch = model, batch
        self._verifiers = verifiers or VerifierQueue()
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
        while True:
            due = [(n, block) for n, s in streams.items() if (block := s.next_block())]
            for batch in self._batches(due, streams):
                for name, found in self._step(batch, streams):
                    detections[name] += found
            pending = [s.verification.logits for s in streams.values() if s.verification]
            if not due and not pending:
                return detections
            if not due:
                wait(pending, return_when=FIRST_COMPLETED)
            for name, stream in streams.items():
                detections[name] += self._finish(stream)

    def _batches(
        self, due: list[tuple[Hashable, Block]], streams: Mapping[Hashable, _Stream]
    ) -> Iterator[list[tuple[Hashable, Block]]]:
        """Divide blocks into batches of equal shapes, with states of equal shapes."""
        gate = self.model.gate if isinstance(self.model, TwoStageModel) else self.model
        by_shape = defaultdict(list)
        for name, block in due:
            frames = streams[name].computed * gate.encoder.hop_frames
            # the first block is longer, and the head keeps frames that do not fill a logit
            by_shape[block.is_first, frames % gate.head.pool].append((name, block))
            streams[name].computed += 1
        for group in by_shape.values():
            for i in range(0, len(group), self.batch):
                yield group[i : i + self.batch]

    def _step(
        self, batch: list[tuple[Hashable, Block]], streams: Mapping[Hashable, _Stream]
    ) -> list[tuple[Hashable, list[Detection]]]:
        """Run the model, or its gate, on one block of each stream of a batch."""
        names = [name for name, _ in batch]
        blocks = [block.samples for _, block in batch]
        states = [None if block.is_first else streams[name].state for name, block in batch]
        if isinstance(self.model, TwoStageModel):
            started = self.model.begin_batch(blocks, states)
            return [
                (name, self._begin(self.model, streams[name], each))
                for name, each in zip(names, started, strict=True)
            ]
        steps = self.model.step_batch(blocks, states)
        return [
            (name, streams[name].advance(*each)) for name, each in zip(names, steps, strict=True)
        ]

    def _begin(
        self, model: TwoStageModel, stream: _Stream, started: StartedBlock
    ) -> list[Detection]:
        """End a block that needs no verifier; otherwise call the verifier."""
        if started.call is None:
            return stream.advance(*model.finish(started))
        logits = self._verifiers.submit(model, started.window)
        stream.verification = _Verification(started, logits)
        return []

    def _finish(self, stream: _Stream) -> list[Detection]:
        """End the block of a stream whose verifier has finished."""
        if stream.verification is None or not stream.verification.logits.done():
            return []
        started, logits = stream.verification
        stream.verification = None
        assert isinstance(self.model, TwoStageModel)
        return stream.advance(*self.model.cascade.finish(started, logits.result()))

    def _check_open(self, streams: Set[Hashable]) -> None:
        """Raise ConfigError unless every stream is open."""
        if unknown := streams - self._streams.keys():
            raise ConfigError(f"stream {min(map(repr, unknown))} is not open.")
