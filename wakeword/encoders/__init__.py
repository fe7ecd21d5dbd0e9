"""Pretrained recognisers as encoders: `list_encoders()`, `load_encoder(name)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wakeword.encoders import checkpoints, compact, whisper
from wakeword.encoders.base import Encoder, EncoderSpec, Settings, Streaming, Stripped
from wakeword.encoders.compact import CompactExact
from wakeword.encoders.whisper import WhisperExact, WhisperFull
from wakeword.encoders.window import WindowEncoder
from wakeword.errors import ConfigError, unknown
from wakeword.frontend import LogMel
from wakeword.work import Progress

__all__ = ["Encoder", "EncoderSpec", "Stripped", "build", "list_encoders", "load_encoder", "spec"]

DEFAULT = "whisper-tiny.en"
_SPECS = {each.name: each for each in (*compact.SPECS, *whisper.SPECS)}


def list_encoders() -> list[EncoderSpec]:
    """Every encoder that has a name here."""
    return list(_SPECS.values())


def spec(name: str) -> EncoderSpec:
    """The constants of one encoder. Raises ConfigError with the nearest name."""
    if name not in _SPECS:
        raise ConfigError(unknown("encoder", name, _SPECS))
    return _SPECS[name]


def ways_to_stream(name: str) -> tuple[Streaming, ...]:
    """How an encoder can be streamed: "exact", "window"."""
    return ("exact",) if spec(name).family == "compact" else ("exact", "window")


def of_hop(name: str, streaming: str, hop_ms: int | None) -> Settings:
    """The setting of an encoder that makes it take in `hop_ms` of sound at once; none for None.

    Raises ConfigError unless that is 40 to 2000 ms in steps of 40.
    """
    if hop_ms is None:
        return {}
    if hop_ms % 40 or not 40 <= hop_ms <= 2000:
        raise ConfigError(f"a hop of {hop_ms} ms: expected 40 to 2000, a multiple of 40.")
    by_chunk = spec(name).family == "whisper" and streaming == "exact"
    return {"chunk" if by_chunk else "hop": round(hop_ms * spec(name).frame_rate_hz / 1000)}


def build(name: str, streaming: str = "exact", **settings: Any) -> Encoder:
    """An encoder with untrained weights; `settings` as `Encoder.settings()` gives them."""
    if streaming not in ways_to_stream(name):
        raise ConfigError(unknown(f"way to stream {name}", streaming, ways_to_stream(name)))
    try:
        if spec(name).family == "compact":
            return CompactExact(spec(name), **settings)
        if streaming == "exact":
            return WhisperExact(spec(name), **settings)
        inner = WhisperFull(spec(name), settings.pop("taps", ()))
        return WindowEncoder(inner, **settings, silence=LogMel().silence)
    except TypeError as error:
        raise ConfigError(f"encoder setting not known to {name} ({streaming}): {error}.") from error


def load_encoder(
    name: str = DEFAULT,
    *,
    path: Path | str | None = None,
    streaming: str = "exact",
    progress: Progress | None = None,
    **settings: Any,
) -> tuple[Encoder, Stripped, str]:
    """Load a pretrained encoder without its transcription head.

    Args:
        name: one of `list_encoders()`.
        path: a checkpoint at hand (OpenAI .pt, CTranslate2 folder, Hugging Face safetensors).
        streaming: "exact" or "window".
        settings: of that way of streaming: chunk and left, or window and hop, in frames.

    Returns:
        The encoder in evaluation mode, what was stripped, and the SHA-256 of the checkpoint.

    Raises:
        ConfigError: unknown name or setting. CheckpointError: no weights, or not these weights.
    """
    encoder = build(name, streaming, **settings)
    checkpoint = checkpoints.find(encoder.spec, path, progress=progress)
    tensors, stripped = checkpoints.read(checkpoint, encoder.spec)
    encoder.trunk.load_state_dict(tensors)
    return encoder.eval(), stripped, checkpoint.sha256


def is_at_hand(name: str) -> str:
    """Where the weights are without a download: "cache", "package …", or "" for nowhere."""
    return checkpoints.is_at_hand(spec(name))
