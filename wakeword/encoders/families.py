"""Every family of encoders by name: the one module that lists them."""

from __future__ import annotations

from wakeword.encoders import (
    compact,
    emformer,
    huggingface,
    micro,
    moonshine,
    moonshine_streaming,
    wav2vec2,
    whisper,
)
from wakeword.encoders.base import Family

FAMILIES: dict[str, Family] = {
    "compact": compact.FAMILY,
    "micro": micro.FAMILY,
    "whisper": whisper.FAMILY,
    "moonshine": moonshine.FAMILY,
    "moonshine-streaming": moonshine_streaming.FAMILY,
    "emformer": emformer.FAMILY,
    **wav2vec2.FAMILIES,
    "huggingface": huggingface.FAMILY,
}
