"""Pretrained speech recognisers as encoders: `list_encoders()`, `load_encoder(name)`."""

from wakeword.encoders.base import ChunkedEncoder, Encoder, Family, OfflineEncoder
from wakeword.encoders.registry import (
    build_encoder,
    encoder_spec,
    list_encoders,
    load_encoder,
    register_encoder,
    resolve_encoder,
)
from wakeword.encoders.resolved import LoadedEncoder, ResolvedEncoder
from wakeword.encoders.spec import EncoderSpec, Source, StripReport

__all__ = [
    "ChunkedEncoder",
    "Encoder",
    "EncoderSpec",
    "Family",
    "LoadedEncoder",
    "OfflineEncoder",
    "ResolvedEncoder",
    "Source",
    "StripReport",
    "build_encoder",
    "encoder_spec",
    "list_encoders",
    "load_encoder",
    "register_encoder",
    "resolve_encoder",
]
