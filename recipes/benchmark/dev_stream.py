"""A dev stream that several models are scored on: what they share is computed once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.loader import ClipLoader
from wakeword.evaluation.results import ScoredStream
from wakeword.evaluation.scoring import stage_logits
from wakeword.evaluation.test_streams import Stream, StreamReader
from wakeword.model.cascade import Call, Logits
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import TwoStageModel
from wakeword.parallel import available_cores, single_threaded

_PIECE = 20 * SAMPLE_RATE
_BATCH = 8  # windows that the verifier computes at once


class DevStream:
    """A dev stream whose gate logits and verifications are computed once.

    Attributes:
        name: condition, or "negatives".
        scored: the stream without logits.
    """

    def __init__(self, stream: Stream) -> None:
        reader = StreamReader(stream, ClipLoader())
        self._samples: Samples = np.concatenate(list(reader))
        self.name = stream.name
        self.scored = ScoredStream(
            stream.name, np.zeros((0, 0)), tuple(reader.segments), reader.hours
        )
        self._gates: dict[int, Logits] = {}  # by id of the gate
        self._verified: dict[int, Logits] = {}  # by the sample at which a window ends

    def gate_logits(self, gate: WakeWordModel) -> Logits:
        """Return (frames, keywords) of the gate."""
        if id(gate) not in self._gates:
            pieces = np.split(self._samples, range(_PIECE, len(self._samples), _PIECE))
            self._gates[id(gate)] = stage_logits(gate, pieces)
        return self._gates[id(gate)]

    def final_logits(self, model: TwoStageModel) -> tuple[Logits, list[Call]]:
        """Return (frames, keywords) of both stages, and the calls of the verifier."""
        gate = self.gate_logits(model.gate)
        calls = model.calls(gate)
        missing = [call for call in calls if model.end_of(call) not in self._verified]
        batches = [missing[i : i + _BATCH] for i in range(0, len(missing), _BATCH)]
        with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
            computed = pool.map(lambda each: model.verify_calls(self._samples, each), batches)
            for batch, highest in zip(batches, computed, strict=True):
                self._verified |= {
                    model.end_of(call): logits for call, logits in zip(batch, highest, strict=True)
                }
        verified = [self._verified[model.end_of(call)] for call in calls]
        verifier = np.reshape(verified, (len(calls), len(model.keywords)))
        return model.cascade.final_logits(len(gate), calls, verifier), calls
