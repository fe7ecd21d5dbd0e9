"""Two-stage models in blocks of another size, and a verifier that waits for its test."""

from __future__ import annotations

import threading

from two_stage import tiny_two_stage

from wakeword.audio.samples import Samples
from wakeword.encoders.registry import build_encoder
from wakeword.heads import build_head
from wakeword.model.cascade import Logits
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import TwoStageModel

TIMEOUT_S = 30.0


def in_blocks(hop: int = 2, pool: int = 1) -> TwoStageModel:
    """A model whose gate takes `hop` frames, of which `pool` make a logit.

    Its verifier is called several times in `tiny.synthetic_audio`, and never in silence.
    """
    model = tiny_two_stage(seed=2)
    gate = model.gate
    encoder = build_encoder(gate.origin.encoder, hop=hop)
    rate_hz = pool * encoder.frame_rate_hz
    head = build_head(gate.origin.head, encoder.dim, len(gate.keywords), frame_rate_hz=rate_hz)
    other = WakeWordModel(encoder, head, gate.keywords, gate.origin, gate.operating_point)
    other.load_state_dict(gate.state_dict())
    config, point = model.cascade.config, model.operating_point
    return TwoStageModel(other, model.verifier, config, point).eval()


class WaitingVerifier:
    """Takes the place of `TwoStageModel.verify`: every call waits until the test lets it go on.

    Attributes:
        may_finish: set by the test.
        count: of the calls that have started.
    """

    def __init__(self, model: TwoStageModel) -> None:
        self._verify = model.verify
        self.may_finish = threading.Event()
        self.count = 0

    def __call__(self, samples: Samples) -> Logits:
        self.count += 1
        assert self.may_finish.wait(TIMEOUT_S), "the verifier was not allowed to finish"
        return self._verify(samples)
