"""The model file: one safetensors file with weights, settings, operating point and provenance.

It holds its encoders, unless it was saved without those that training did not change: then it
names them by the hash of their checkpoint, and loading takes them from the package or the cache.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from wakeword import storage
from wakeword.encoders.registry import build_encoder, resolve_encoder
from wakeword.errors import CheckpointError, ConfigError
from wakeword.heads import build_head
from wakeword.legacy import upgrade_metadata
from wakeword.model.cascade import CascadeConfig, validate_cascade
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint, validate_operating_point
from wakeword.model.provenance import Origin
from wakeword.model.two_stage import AnyModel, TwoStageModel
from wakeword.ready_models import model_path

FORMAT = "wakeword/2"
TWO_STAGE_FORMAT = "wakeword-two-stage/1"
SHARED_FORMATS = {FORMAT: "wakeword/3", TWO_STAGE_FORMAT: "wakeword-two-stage/2"}
"""Format of a file without its pretrained encoders, by that of the file with them."""
READABLE_FORMATS = ("wakeword/1", FORMAT, TWO_STAGE_FORMAT, *SHARED_FORMATS.values())
_METADATA_KEY = "wakeword"
_MIN_BYTES, _MAX_BYTES = 8, 2_000_000_000
_MAX_KEYWORDS = 1000
_DTYPES = (torch.float16, torch.float32)  # those that `save_model` writes


def save_model(
    model: AnyModel,
    path: Path | str,
    *,
    made_by: Mapping[str, Any] | None = None,
    with_encoder: bool = True,
) -> None:
    """Write a model as one safetensors file, atomically.

    Encoder weights that float16 holds without loss, as checkpoints ship them, are written in it.

    Args:
        model: to write.
        path: of the file.
        made_by: command and recordings that the model was made by, in JSON's types, stored in the
            metadata.
        with_encoder: whether the file holds encoders that are still as they were pretrained. A
            file without them is small, and needs their checkpoints wherever it is loaded.

    Raises:
        ConfigError: the path cannot be written.
        CheckpointError: the pretrained weights, which are to be left out, are not here.
    """
    shared = {} if with_encoder else _shared_encoders(model)
    tensors: dict[str, Tensor] = {}
    for name, on_device in model.state_dict().items():
        if name in shared:
            continue
        tensor = on_device.cpu()
        half = tensor.half()
        lossless = "encoder." in name and torch.equal(half.float(), tensor)
        tensors[name] = (half if lossless else tensor).contiguous()
    if isinstance(model, TwoStageModel):
        metadata: dict[str, Any] = {
            "format": TWO_STAGE_FORMAT,
            "keywords": list(model.keywords),
            "operating_point": asdict(model.operating_point),
            "cascade": asdict(model.cascade.config),
            "gate": _stage_metadata(model.gate),
            "verifier": _stage_metadata(model.verifier),
        }
    else:
        metadata = {"format": FORMAT, **_stage_metadata(model)}
    if shared:
        metadata["format"] = SHARED_FORMATS[metadata["format"]]
    if made_by:
        metadata["made_by"] = dict(made_by)
    text = {_METADATA_KEY: json.dumps(metadata, sort_keys=True)}
    with storage.atomic_write(Path(path)) as part:
        part.write_bytes(safetensors.torch.save(tensors, text))


def _stage_metadata(model: WakeWordModel) -> dict[str, Any]:
    return {
        "keywords": list(model.keywords),
        "encoder_settings": model.encoder.settings(),
        "operating_point": asdict(model.operating_point),
        "origin": asdict(model.origin),
    }


def _stages(model: AnyModel) -> dict[str, WakeWordModel]:
    """Return each stage, by what the names of its tensors begin with."""
    if isinstance(model, TwoStageModel):
        return {"gate.": model.gate, "verifier.": model.verifier}
    return {"": model}


def _shared_encoders(model: AnyModel) -> dict[str, Tensor]:
    """Return the weights of all encoders that are still as they were pretrained, by name.

    Raises CheckpointError where pretrained weights cannot be had.
    """
    shared: dict[str, Tensor] = {}
    for prefix, stage in _stages(model).items():
        if not stage.origin.encoder_sha256:
            continue
        pretrained = _pretrained_encoder(prefix, stage)
        trained = {f"{prefix}encoder.{k}": v for k, v in stage.encoder.state_dict().items()}
        if all(torch.equal(pretrained[name], trained[name].cpu()) for name in pretrained):
            shared |= pretrained
    return shared


def _pretrained_encoder(prefix: str, stage: WakeWordModel) -> dict[str, Tensor]:
    """Return the weights of a stage's encoder as they were pretrained, by name in the model.

    Raises CheckpointError where they cannot be had, or are others than training began with.
    """
    origin = stage.origin
    settings: dict[str, Any] = dict(stage.encoder.settings())
    loaded = resolve_encoder(origin.encoder, streaming=origin.streaming, **settings).load()
    if loaded.sha256 != origin.encoder_sha256:
        raise CheckpointError(
            f"{origin.encoder}: the weights here have SHA-256 {loaded.sha256}, the model needs "
            f"{origin.encoder_sha256}. Get those, or a model file that holds its encoder."
        )
    return {f"{prefix}encoder.{k}": v for k, v in loaded.encoder.state_dict().items()}


def load_model(path: Path | str) -> AnyModel:
    """Read a model file of this or an earlier version; nothing in it is executed.

    Args:
        path: of the file, or the name of a ready model.

    Returns:
        The model in evaluation mode.

    Raises:
        CheckpointError: the file is missing, damaged, invalid or not a wakeword file; the message
            says what to do.
    """
    path = model_path(path)
    metadata = read_metadata(path)
    try:
        model = _build_model(metadata)
        tensors = safetensors.torch.load_file(path)
        if metadata["format"] in SHARED_FORMATS.values():
            tensors |= _missing_encoders(model, tensors)
        model.load_state_dict(_checked_weights(model, tensors))
    except CheckpointError as error:
        raise CheckpointError(f"{path} does not hold its encoder: {error}") from error
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        ConfigError,
    ) as error:
        raise CheckpointError(
            f"{path}: a wakeword file with inconsistent content ({error}). "
            "Train it again, or use the version of wakeword that wrote it."
        ) from error
    return model.eval()


def _missing_encoders(model: AnyModel, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the pretrained weights of each encoder of which a file holds nothing."""
    missing: dict[str, Tensor] = {}
    for prefix, stage in _stages(model).items():
        if not any(name.startswith(f"{prefix}encoder.") for name in tensors):
            missing |= _pretrained_encoder(prefix, stage)
    return missing


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of a model file under today's names.

    Raises:
        CheckpointError: the file is missing, damaged or not a wakeword file.
    """
    remedy = "Expected a file written by `wakeword train` or `enroll`."
    if path.is_dir():
        raise CheckpointError(f"{path}: no such model file: it is a folder. Name a file in it.")
    if not path.is_file():
        raise CheckpointError(f"{path}: no such model file. {remedy}")
    if path.suffix.lower() == ".onnx":
        raise CheckpointError(
            f"{path}: an exported model, which can only run. Give the model that it was exported "
            f"from. {remedy}"
        )
    size = path.stat().st_size
    if not _MIN_BYTES <= size <= _MAX_BYTES:
        raise CheckpointError(f"{path}: {size} bytes, not a model. {remedy}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = file.metadata() or {}
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a complete safetensors file ({error}): truncated, or another kind of "
            f"file (pickles are never opened). {remedy}"
        ) from error
    try:
        metadata = json.loads(text[_METADATA_KEY])
        written_by = metadata["format"]
    except (KeyError, ValueError, TypeError, RecursionError):
        raise CheckpointError(
            f"{path}: a safetensors file of another program, without wakeword's metadata. {remedy}"
        ) from None
    if written_by not in READABLE_FORMATS:
        raise CheckpointError(
            f"{path}: written in format {written_by!r}; this version reads "
            f"{', '.join(READABLE_FORMATS)}. Update wakeword, or train the model again."
        )
    return upgrade_metadata(metadata)


def _build_model(metadata: Mapping[str, Any]) -> AnyModel:
    """Return the model of one or two stages that the metadata describe, with random weights.

    Raises what `_build_stage` raises.
    """
    if metadata["format"] not in (TWO_STAGE_FORMAT, SHARED_FORMATS[TWO_STAGE_FORMAT]):
        return _build_stage(metadata)
    gate, verifier = (_build_stage(metadata[stage]) for stage in ("gate", "verifier"))
    missing = {field.name for field in fields(CascadeConfig)} - set(metadata["cascade"])
    if missing:
        raise ValueError(f"a cascade without {min(missing)}")
    cascade = CascadeConfig(**metadata["cascade"])
    point = OperatingPoint(**metadata["operating_point"])
    if metadata["keywords"] != list(gate.keywords):
        raise ValueError("other keywords than its stages")
    validate_operating_point(point, gate.keywords)
    validate_cascade(cascade, gate.keywords)
    return TwoStageModel(gate, verifier, cascade, point)


def _build_stage(metadata: Mapping[str, Any]) -> WakeWordModel:
    """Return the model that the metadata describe, with random weights.

    Raises KeyError, TypeError, ValueError, AttributeError or ConfigError where they describe none.
    """
    origin = Origin(**metadata["origin"])
    point = OperatingPoint(**metadata["operating_point"])
    keywords = [str(keyword) for keyword in metadata["keywords"]]
    if len(keywords) > _MAX_KEYWORDS:
        raise ValueError(f"{len(keywords)} keywords")
    validate_operating_point(point, keywords)
    settings = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in metadata["encoder_settings"].items()
    }
    encoder = build_encoder(origin.encoder, origin.streaming, **settings)
    head = build_head(
        origin.head,
        encoder.dim,
        len(keywords),
        len(encoder.output_layers),
        encoder.frame_rate_hz,
    )
    return WakeWordModel(encoder, head, keywords, origin, point)


def _checked_weights(model: AnyModel, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a file's tensors in float32. Raises ValueError where they are not the model's."""
    expected = model.state_dict()
    wrong = set(expected) ^ set(tensors) or {
        name for name, tensor in expected.items() if tensor.shape != tensors[name].shape
    }
    if wrong:
        raise ValueError(f"tensors that do not fit, such as {min(wrong)}")
    if not all(t.dtype in _DTYPES and t.isfinite().all() for t in tensors.values()):
        raise ValueError("weights that are not finite float16 or float32 numbers")
    return {name: tensor.float() for name, tensor in tensors.items()}
