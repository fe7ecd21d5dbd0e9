"""A tiny model of the microcontroller family, with random weights."""

from __future__ import annotations

import tiny as tiny_family
import torch

from wakeword.encoders.registry import build_encoder, register_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.heads import build_head
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin

TINY_MICRO = EncoderSpec(
    "tiny-micro", "micro", (), "Apache-2.0", "nothing", 0, mels=40, dim=16, layers=2, heads=0,
    frame_rate_hz=100 / 3, front_end="micro",
)  # fmt: skip


def tiny_micro(
    keywords: tuple[str, ...] = ("alexa",),
    encoder_name: str = "tiny-micro",
    head: str = "depthwise",
    threshold: float = 0.5,
    **settings: object,
) -> WakeWordModel:
    """A model whose scores cross one half now and then; its encoder is registered."""
    register_encoder(TINY_MICRO)
    torch.manual_seed(0)
    encoder = build_encoder(encoder_name, **settings)
    built = build_head(head, encoder.dim, len(keywords), len(encoder.output_layers), 100 / 3)
    origin = Origin(encoder_name, "chunked", "2" * 64, "Apache-2.0", head, {"strategy": "full"})
    point = OperatingPoint(dict.fromkeys(keywords, threshold), 0.12, 0.2, "made up")
    model = WakeWordModel(encoder, built, keywords, origin, point).eval()
    with torch.inference_mode():  # spread the logits, and let one frame of ten reach one half
        logits, _ = model(torch.from_numpy(tiny_family.synthetic_audio(10.0))[None])
        factor = 3 / logits[0].std(dim=0)
        built.out.weight *= factor[:, None]
        built.out.bias *= factor
        built.out.bias -= (factor * logits[0]).quantile(0.9, dim=0)
    return model
