"""A tiny two-stage model with random weights, and a verifier that waits for its test."""

from __future__ import annotations

import threading

import tiny
import torch

from wakeword.audio.samples import Samples
from wakeword.encoders.registry import build_encoder, register_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.heads import build_head
from wakeword.model.cascade import CascadeConfig, Logits
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.model.two_stage import TwoStageModel

GATE = EncoderSpec("tiny-gate", "compact", (), "MIT", "nothing", 0, 40, 24, 3, 0, 25.0)
WINDOW = 40  # frames of the verifier, 0.8 s
TIMEOUT_S = 30.0


def model(
    gate_threshold: float = 0.95,
    keywords: tuple[str, ...] = ("alexa", "computer"),
    seed: int = 20,
    hop: int = 2,
    pool: int = 1,
) -> TwoStageModel:
    """A compact gate, and a verifier of the Whisper family; the encoder "tiny" is registered.

    By default the verifier is called several times in `tiny.synthetic_audio`, never in silence.

    Args:
        gate_threshold: of every keyword.
        keywords: of both.
        seed: of the weights.
        hop: frames of 40 ms that the gate takes at once.
        pool: frames that make one logit of the gate.
    """
    register_encoder(GATE)
    torch.manual_seed(seed)
    head = build_head("conv", GATE.dim, len(keywords), frame_rate_hz=pool * GATE.frame_rate_hz)
    torch.nn.init.normal_(head.out.weight)
    point = OperatingPoint(dict.fromkeys(keywords, 0.5), 0.08, 0.2, "made up")
    origin = Origin("tiny-gate", "chunked", "0" * 64, "MIT", "conv", {"strategy": "head"})
    gate = WakeWordModel(build_encoder("tiny-gate", hop=hop), head, keywords, origin, point)
    verifier = tiny.model("window", keywords=keywords, seed=seed, window=WINDOW, hop=WINDOW)
    config = CascadeConfig(dict.fromkeys(keywords, gate_threshold))
    return TwoStageModel(gate, verifier, config, point).eval()


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
