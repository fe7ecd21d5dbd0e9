"""Pretrained speech recognisers as encoders: `list_encoders()`, `load_encoder(name)`.

Every name here is imported when it is first used: `import wakeword.encoders` alone loads no torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wakeword.encoders.base import ChunkedEncoder as ChunkedEncoder
    from wakeword.encoders.base import Encoder as Encoder
    from wakeword.encoders.base import Family as Family
    from wakeword.encoders.base import OfflineEncoder as OfflineEncoder
    from wakeword.encoders.registry import build_encoder as build_encoder
    from wakeword.encoders.registry import encoder_spec as encoder_spec
    from wakeword.encoders.registry import list_encoders as list_encoders
    from wakeword.encoders.registry import load_encoder as load_encoder
    from wakeword.encoders.registry import register_encoder as register_encoder
    from wakeword.encoders.registry import resolve_encoder as resolve_encoder
    from wakeword.encoders.resolved import LoadedEncoder as LoadedEncoder
    from wakeword.encoders.resolved import ResolvedEncoder as ResolvedEncoder
    from wakeword.encoders.spec import EncoderSpec as EncoderSpec
    from wakeword.encoders.spec import Source as Source
    from wakeword.encoders.spec import StripReport as StripReport

_DEFINED_IN = {
    "ChunkedEncoder": "base",
    "Encoder": "base",
    "EncoderSpec": "spec",
    "Family": "base",
    "LoadedEncoder": "resolved",
    "OfflineEncoder": "base",
    "ResolvedEncoder": "resolved",
    "Source": "spec",
    "StripReport": "spec",
    "build_encoder": "registry",
    "encoder_spec": "registry",
    "list_encoders": "registry",
    "load_encoder": "registry",
    "register_encoder": "registry",
    "resolve_encoder": "registry",
}
"""Public name → the module of this package that defines it."""

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


def __getattr__(name: str) -> object:
    if name not in _DEFINED_IN:
        raise AttributeError(f"module 'wakeword.encoders' has no attribute '{name}'")
    return getattr(importlib.import_module(f"wakeword.encoders.{_DEFINED_IN[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
