"""Pretrained recognisers as encoders, by name: `list_encoders()`, `load_encoder(name)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import lcm
from pathlib import Path
from typing import Any

from wakeword.encoders import checkpoints
from wakeword.encoders.base import Encoder, Family
from wakeword.encoders.defaults import DEFAULT_ENCODER
from wakeword.encoders.families import FAMILIES
from wakeword.encoders.resolved import LoadedEncoder, ResolvedEncoder
from wakeword.encoders.spec import EncoderSpec, Settings, StreamingMode
from wakeword.encoders.window import WindowEncoder, features_per_frame
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.progress import ProgressCallback

_HOP_MS = (40, 2000)  # shortest and longest hop
_HOP_STEP_MS = 40
_SPECS = {spec.name: spec for family in FAMILIES.values() for spec in family.specs}


def list_encoders() -> list[EncoderSpec]:
    """Return every encoder that has a name here."""
    return list(_SPECS.values())


def encoder_names() -> list[str]:
    """Return the names that an encoder can have; "hf:ID" stands for all names of a hub."""
    hubs = [f"{family.hub.prefix}ID" for family in FAMILIES.values() if family.hub]
    return [*_SPECS, *hubs]


def encoder_spec(name: str, settings: Mapping[str, Any] | None = None) -> EncoderSpec:
    """Return the constants of one encoder.

    Args:
        name: one of `list_encoders()`, or a hub's prefix and the id or folder of a network.
        settings: the settings of a model file, which describe an encoder from a hub.

    Raises:
        ConfigError: unknown name; the message suggests the nearest one.
        CheckpointError: the hub has no such network.
    """
    hub = _family_of(name).hub
    return hub.resolve(name, settings or {}) if hub else _SPECS[name]


def register_encoder(spec: EncoderSpec, family: Family | None = None) -> None:
    """Make an encoder known by its name, for training and for loading models that use it.

    See `recipes/own_encoder.py`.

    Args:
        spec: its constants.
        family: its family; None where `spec.family` is known already.

    Raises:
        ConfigError: the name of the encoder or of the family belongs to another one.
    """
    if family is None:
        if spec.family not in FAMILIES:
            raise ConfigError(unknown_name_message("encoder family", spec.family, FAMILIES))
        family = FAMILIES[spec.family]
    if _hub_family(spec.name) or _SPECS.get(spec.name, spec) != spec:
        raise ConfigError(
            f"an encoder {spec.name} is known already. Choose another name for yours."
        )
    if FAMILIES.get(spec.family, family) != family:
        raise ConfigError(
            f"a family {spec.family} is known already. Choose another name for yours."
        )
    _SPECS[spec.name], FAMILIES[spec.family] = spec, family


@contextmanager
def temporarily_registered(*specs: EncoderSpec) -> Iterator[None]:
    """Register encoders of known families for the time of a `with` block.

    Whatever is registered inside the block is forgotten at its end as well.
    """
    specs_before, families_before = dict(_SPECS), dict(FAMILIES)
    try:
        for spec in specs:
            register_encoder(spec)
        yield
    finally:
        _SPECS.clear()
        _SPECS.update(specs_before)
        FAMILIES.clear()
        FAMILIES.update(families_before)


def streaming_modes(name: str) -> tuple[StreamingMode, ...]:
    """Return how an encoder can be streamed, "chunked" or "window", the best mode first."""
    return _family_of(name).streaming_modes


def hop_settings(name: str, streaming: str, hop_ms: int | None) -> Settings:
    """Return the setting that gives an encoder a hop of `hop_ms`; none where that is None.

    Args:
        name: of the encoder.
        streaming: mode; "" is the best one.
        hop_ms: milliseconds of audio that are encoded at once.

    Raises:
        ConfigError: the hop is not 40 to 2000 ms in steps of the encoder's (40 ms for most), or
            the encoder's hop is fixed.
    """
    if hop_ms is None:
        return {}
    family = _family_of(name)
    encoder = family.chunked if _mode(name, family, streaming) == "chunked" else WindowEncoder
    assert encoder is not None
    if not encoder.hop_setting:
        raise ConfigError(
            f"{name} has a fixed hop, so a hop of {hop_ms} ms cannot be set. Leave it out."
        )
    frame_ms = 10 * features_per_frame(encoder_spec(name))
    step_ms = lcm(_HOP_STEP_MS, frame_ms.numerator)
    if hop_ms % step_ms or not _HOP_MS[0] <= hop_ms <= _HOP_MS[1]:
        raise ConfigError(
            f"a hop of {hop_ms} ms: expected {_HOP_MS[0]} to {_HOP_MS[1]}, a multiple of {step_ms}."
        )
    return {encoder.hop_setting: int(hop_ms / frame_ms)}


def resolve_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    streaming: str = "",
    hop_ms: int | None = None,
    weights: Path | str | None = None,
    **settings: Any,
) -> ResolvedEncoder:
    """Settle which encoder a name means and how it is streamed; nothing is built or loaded.

    Args:
        name: one of `list_encoders()`, or a hub's prefix ("hf:") and the id or folder of a network.
        streaming: "chunked" or "window"; "" is the best mode of the encoder.
        hop_ms: milliseconds of audio that are encoded at once; None is the encoder's default.
        weights: a checkpoint to load instead of the encoder's own sources.
        settings: of the encoder in that mode, as `Encoder.settings()` returns them.

    Raises:
        ConfigError: unknown name or mode, or a hop that the encoder cannot have.
        CheckpointError: the hub has no such network.
    """
    family = _family_of(name)
    mode = _mode(name, family, streaming)
    settings = {**hop_settings(name, mode, hop_ms), **settings}
    return ResolvedEncoder(encoder_spec(name, settings), family, mode, settings, weights)


def build_encoder(name: str, streaming: str = "", **settings: Any) -> Encoder:
    """Return an encoder with random weights.

    Args:
        name: as for `resolve_encoder`.
        streaming: as for `resolve_encoder`.
        settings: as for `resolve_encoder`.

    Raises:
        ConfigError: unknown name, mode or setting.
    """
    return resolve_encoder(name, streaming=streaming, **settings).build()


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    path: Path | str | None = None,
    streaming: str = "",
    progress: ProgressCallback | None = None,
    **settings: Any,
) -> LoadedEncoder:
    """Load a pretrained encoder without its transcription head.

    Args:
        name: one of `list_encoders()`, or "hf:" and the id or folder of a Hugging Face network.
        path: a checkpoint to load instead of the encoder's own sources (OpenAI .pt, CTranslate2
            folder, Hugging Face safetensors).
        streaming: "chunked" or "window"; "" is the best mode of the encoder.
        progress: called while weights are downloaded.
        settings: of the encoder in that mode, in frames: chunk and left, or window and hop.

    Returns:
        The encoder in evaluation mode, what was stripped, and the SHA-256 of the checkpoint.

    Raises:
        ConfigError: unknown name, mode or setting.
        CheckpointError: no weights, or weights of another encoder.
    """
    return resolve_encoder(name, streaming=streaming, weights=path, **settings).load(progress)


def locate_weights(name: str) -> str:
    """Return where the weights are without a download: "cache", "package …", or "" for nowhere."""
    return checkpoints.locate_weights(encoder_spec(name))


def how_to_get_weights(name: str) -> str:
    """Return how to obtain an encoder's weights that are not on this machine, in a few words."""
    family = _family_of(name)
    if family.hub or encoder_spec(name).sources:
        return "downloaded when first used"
    return family.how_to_get


def _family_of(name: str) -> Family:
    """Return the family of an encoder. Raises ConfigError for an unknown name."""
    if hub_family := _hub_family(name):
        return hub_family
    if name not in _SPECS:
        raise ConfigError(unknown_name_message("encoder", name, _SPECS))
    return FAMILIES[_SPECS[name].family]


def _hub_family(name: str) -> Family | None:
    """Return the family whose hub's prefix a name begins with."""
    return next((f for f in FAMILIES.values() if f.hub and name.startswith(f.hub.prefix)), None)


def _mode(name: str, family: Family, streaming: str) -> StreamingMode:
    """Return the streaming mode of that name, the best one for "". Raises ConfigError."""
    modes = family.streaming_modes
    for mode in modes:
        if streaming in ("", mode):
            return mode
    raise ConfigError(unknown_name_message(f"streaming mode of {name}", streaming, modes))
