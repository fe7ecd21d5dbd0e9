"""The model before its first step: its head and layers are those of the encoder's family."""

from __future__ import annotations

import pytest
import tiny as tiny_family
from tiny_micro import TINY_MICRO

from wakeword.encoders.registry import register_encoder
from wakeword.heads import ConvHead, DepthwiseHead, Head, LinearHead
from wakeword.training.config import TrainConfig
from wakeword.training.initial_model import PretrainedEncoder, initial_model
from wakeword.training.strategy import Strategy


@pytest.mark.parametrize(
    ("encoder", "given", "head", "layers"),
    [
        ("tiny-micro", "", DepthwiseHead, (2,)),
        ("tiny", "", ConvHead, (1, 2)),
        ("tiny-micro", "linear", LinearHead, (2,)),
    ],
)
def test_a_new_model_has_the_head_of_its_family(
    encoder: str, given: str, head: type[Head], layers: tuple[int, ...]
) -> None:
    register_encoder(TINY_MICRO)
    register_encoder(tiny_family.spec())
    config = TrainConfig(encoder=encoder, head=given)
    pretrained = PretrainedEncoder.without_weights(config, None)
    strategy = Strategy("scratch", "requested", 0, pretrained=False)
    model = initial_model(["alexa"], config, pretrained, strategy)
    assert type(model.head) is head and model.encoder.output_layers == layers
    names = {"linear": LinearHead, "conv": ConvHead, "depthwise": DepthwiseHead}
    assert names[model.origin.head] is head
