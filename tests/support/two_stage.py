"""A tiny model of two stages with random weights: a compact gate and a Whisper verifier."""

from __future__ import annotations

import tiny as tiny_family
import torch

from wakeword.encoders.registry import build_encoder, register_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.heads import build_head
from wakeword.model.cascade import CascadeConfig
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin
from wakeword.model.two_stage import TwoStageModel

GATE = EncoderSpec(
    "tiny-gate", "compact", (), "Apache-2.0", "nothing", 0, mels=80, dim=16, layers=2, heads=0,
    frame_rate_hz=25.0,
)  # fmt: skip
WINDOW = 40  # frames of the verifier: 0.8 s


def tiny_gate(keywords: tuple[str, ...] = ("alexa", "computer"), seed: int = 0) -> WakeWordModel:
    """The gate alone; its encoder is registered under the name "tiny-gate"."""
    register_encoder(GATE)
    torch.manual_seed(seed)
    encoder = build_encoder("tiny-gate", hop=2)
    head = build_head("conv", encoder.dim, len(keywords), 1, encoder.frame_rate_hz)
    torch.nn.init.normal_(head.out.weight, std=2.0)
    origin = Origin("tiny-gate", "chunked", "1" * 64, "Apache-2.0", "conv", {"strategy": "full"})
    model = WakeWordModel(encoder, head, keywords, origin, _point(keywords, 0.12)).eval()
    with torch.inference_mode():  # one frame of ten reaches a score of 0.5
        logits, _ = model(torch.from_numpy(tiny_family.synthetic_audio(10.0, seed))[None])
        head.out.bias -= logits[0].quantile(0.9, dim=0)
    return model


def tiny_two_stage(
    keywords: tuple[str, ...] = ("alexa", "computer"),
    seed: int = 0,
    gate_threshold: float = 0.5,
    threshold: float = 0.5,
) -> TwoStageModel:
    """A model whose gate calls the verifier now and then; both encoders are registered."""
    register_encoder(tiny_family.spec())
    gate = tiny_gate(keywords, seed)
    verifier = tiny_family.model("window", "conv", keywords, seed, window=WINDOW, hop=WINDOW)
    config = CascadeConfig(dict.fromkeys(keywords, gate_threshold))
    return TwoStageModel(gate, verifier, config, _point(keywords, gate.frame_s, threshold)).eval()


def _point(keywords: tuple[str, ...], smoothing_s: float, threshold: float = 0.5) -> OperatingPoint:
    return OperatingPoint(dict.fromkeys(keywords, threshold), smoothing_s, 0.2, "made up")
