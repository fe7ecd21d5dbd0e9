"""Pretrained recognisers as encoders: `list_encoders()`, `load_encoder(name)`."""

from __future__ import annotations

from math import lcm
from pathlib import Path
from typing import Any

from wakeword.encoders import checkpoints, huggingface
from wakeword.encoders.base import Encoder, Family
from wakeword.encoders.families import FAMILIES
from wakeword.encoders.spec import EncoderSpec, Settings, StreamingMode, StripReport
from wakeword.encoders.window import features_per_frame
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.progress import ProgressCallback

DEFAULT_ENCODER = "whisper-tiny.en"
EMBEDDED_ENCODER = "wakeword-stream"
"""Its weights are inside this package: what there is where the default's are not at hand."""
_SPECS = {each.name: each for family in FAMILIES.values() for each in family.specs}


def list_encoders() -> list[EncoderSpec]:
    """Every encoder that has a name here."""
    return list(_SPECS.values())


def encoder_spec(name: str, about: str = "") -> EncoderSpec:
    """The constants of one encoder. Raises ConfigError with the nearest name.

    Args:
        about: what a model file holds of an encoder that is none of `list_encoders()`.
    """
    if name.startswith(huggingface.PREFIX):
        return huggingface.spec(name, about)
    if name not in _SPECS:
        raise ConfigError(unknown_name_message("encoder", name, _SPECS))
    return _SPECS[name]


def register_encoder(of: EncoderSpec, family: Family) -> None:
    """Make an encoder of your own known by its name: for training, and for opening its models.

    See `recipes/own_encoder.py`. Raises ConfigError where the name is another encoder's.
    """
    if of.name.startswith(huggingface.PREFIX) or _SPECS.get(of.name, of) != of:
        raise ConfigError(f"an encoder {of.name} is known already. Choose another name for yours.")
    if FAMILIES.get(of.family, family) != family:
        raise ConfigError(f"a family {of.family} is known already. Choose another name for yours.")
    _SPECS[of.name], FAMILIES[of.family] = of, family


def streaming_modes(name: str) -> tuple[StreamingMode, ...]:
    """How an encoder can be streamed: "chunked", "window"; the best way first."""
    return FAMILIES[_family(name)].ways


def _family(name: str) -> str:
    return "huggingface" if name.startswith(huggingface.PREFIX) else encoder_spec(name).family


def hop_settings(name: str, streaming: str, hop_ms: int | None) -> Settings:
    """The setting of an encoder that makes it take in `hop_ms` of sound at once; none for None.

    Raises ConfigError unless that is 40 to 2000 ms in steps of the encoder's, 40 for most.
    """
    if hop_ms is None:
        return {}
    frame_ms = 10 * features_per_frame(encoder_spec(name))
    step_ms = lcm(40, frame_ms.numerator)
    if hop_ms % step_ms or not 40 <= hop_ms <= 2000:
        raise ConfigError(f"a hop of {hop_ms} ms: expected 40 to 2000, a multiple of {step_ms}.")
    by_chunk = encoder_spec(name).family != "compact" and streaming == "chunked"
    return {"chunk" if by_chunk else "hop": int(hop_ms / frame_ms)}


def build_encoder(name: str, streaming: str = "", **settings: Any) -> Encoder:
    """An encoder with untrained weights; `settings` as `Encoder.settings()` gives them."""
    streaming = streaming or streaming_modes(name)[0]
    if streaming not in streaming_modes(name):
        raise ConfigError(
            unknown_name_message(f"way to stream {name}", streaming, streaming_modes(name))
        )
    try:
        of = encoder_spec(name, settings.get("about", ""))
        return FAMILIES[of.family].build(of, streaming, settings)
    except TypeError as error:
        raise ConfigError(f"encoder setting not known to {name} ({streaming}): {error}.") from error


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    path: Path | str | None = None,
    streaming: str = "",
    progress: ProgressCallback | None = None,
    **settings: Any,
) -> tuple[Encoder, StripReport, str]:
    """Load a pretrained encoder without its transcription head.

    Args:
        name: one of `list_encoders()`, or "hf:" and the id or folder of a Hugging Face network.
        path: a checkpoint at hand (OpenAI .pt, CTranslate2 folder, Hugging Face safetensors).
        streaming: "chunked" or "window"; "" is the best that the encoder can.
        settings: of that way of streaming: chunk and left, or window and hop, in frames.

    Returns:
        The encoder in evaluation mode, what was stripped, and the SHA-256 of the checkpoint.

    Raises:
        ConfigError: unknown name or setting. CheckpointError: no weights, or not these weights.
    """
    encoder = build_encoder(name, streaming, **settings)
    if name.startswith(huggingface.PREFIX) and path is None:
        tensors, stripped, sha256 = huggingface.read(name)
    else:
        checkpoint = checkpoints.find_checkpoint(encoder.spec, path, progress=progress)
        tensors, stripped = checkpoints.read_checkpoint(checkpoint, encoder.spec)
        sha256 = checkpoint.sha256
    encoder.trunk.load_state_dict(tensors)
    return encoder.eval(), stripped, sha256


def locate_weights(name: str) -> str:
    """Where the weights are without a download: "cache", "package …", or "" for nowhere."""
    return checkpoints.locate_weights(encoder_spec(name))
