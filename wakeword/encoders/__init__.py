"""Pretrained speech recognisers as encoders: `list_encoders()`, `load_encoder(name)`."""

from wakeword.encoders.base import Encoder, Family, OfflineEncoder
from wakeword.encoders.registry import (
    build_encoder,
    encoder_spec,
    list_encoders,
    load_encoder,
    register_encoder,
)
from wakeword.encoders.spec import EncoderSpec, Source, StripReport

__all__ = [
    "Encoder",
    "EncoderSpec",
    "Family",
    "OfflineEncoder",
    "Source",
    "StripReport",
    "build_encoder",
    "encoder_spec",
    "list_encoders",
    "load_encoder",
    "register_encoder",
]
