"""TODO."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from wakeword import storage
from wakeword.encoders.registry import build_encoder
from wakeword.errors import CheckpointError, ConfigError
from wakeword.heads import build_head
from wakeword.model.legacy import upgrade_metadata
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint, validate_operating_point
from wakeword.model.provenance import Origin

FORMAT = "wakeword/2"
READABLE_FORMATS = ("wakeword/1", FORMAT)
_MAX_FILE = 2_000_000_000  # bytes; no model here comes near
_MAX_KEYWORDS = 1000
_MAX_ABOUT = 100_000  # characters
_DTYPES = (torch.float16, torch.float32)  # that `save` writes


def save_model(model: WakeWordModel, path: Path | str) -> None:
    """Write a model as one safetensors file, whole or not at all.

    Encoder weights that float16 holds without loss (as recognisers ship them) are kept so.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        half = tensor.half()
        lossless = name.startswith("encoder.") and torch.equal(half.float(), tensor)
        tensors[name] = (half if lossless else tensor).contiguous()
    about = {
        "format": FORMAT,
        "keywords": list(model.keywords),
        "encoder_settings": model.encoder.settings(),
        "operating_point": asdict(model.operating_point),
        "origin": asdict(model.origin),
    }
    with storage.atomic_write(Path(path)) as part:
        metadata = {"wakeword": json.dumps(about, sort_keys=True)}
        part.write_bytes(safetensors.torch.save(tensors, metadata))


def load_model(path: Path | str) -> WakeWordModel:
    """Read a model file; nothing in it is executed.

    Raises CheckpointError, saying what to do, for a missing, damaged, foreign or hostile file.
    """
    path = Path(path)
    about = read_metadata(path)
    try:
        origin = Origin(**about["origin"])
        point = OperatingPoint(**about["operating_point"])
        keywords = [str(word) for word in about["keywords"]]
        settings = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in about["encoder_settings"].items()
        }
        if len(keywords) > _MAX_KEYWORDS:
            raise ValueError(f"{len(keywords)} keywords")
        validate_operating_point(point, keywords)
        _bounded(settings)
        encoder = build_encoder(origin.encoder, origin.streaming, **settings)
        head = build_head(
            origin.head,
            encoder.dim,
            len(keywords),
            len(encoder.output_layers),
            encoder.frame_rate_hz,
        )
        model = WakeWordModel(encoder, head, keywords, origin, point)
        tensors = safetensors.torch.load_file(path)
        expected = model.state_dict()
        wrong = set(expected) ^ set(tensors) or {
            name for name, tensor in expected.items() if tensor.shape != tensors[name].shape
        }
        if wrong:
            raise ValueError(f"tensors that do not fit, such as {sorted(wrong)[0]}")
        if not all(t.dtype in _DTYPES and t.isfinite().all() for t in tensors.values()):
            raise ValueError("weights that are not finite float16 or float32 numbers")
        model.load_state_dict({n: t.float() for n, t in tensors.items()})
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise CheckpointError(
            f"{path}: a wakeword file whose content does not fit together ({error}). "
            "Train it again, or use the version of wakeword that wrote it."
        ) from error
    return model.eval()


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of a model file under today's names.

    Raises:
        CheckpointError: a missing, damaged or foreign file.
    """
    remedy = "Expected a file written by `wakeword train`."
    if not path.is_file():
        raise CheckpointError(f"{path}: no such model file. {remedy}")
    size = path.stat().st_size
    if not 8 <= size <= _MAX_FILE:
        raise CheckpointError(f"{path}: {size} bytes, not a model. {remedy}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({error}): truncated, or another kind of file "
            f"(pickles are never opened). {remedy}"
        ) from error
    try:
        about = json.loads(metadata["wakeword"])
        written_by = about["format"]
    except (KeyError, ValueError, TypeError, RecursionError):
        raise CheckpointError(
            f"{path}: a safetensors file of something else, without wakeword's metadata. {remedy}"
        ) from None
    if written_by not in READABLE_FORMATS:
        raise CheckpointError(
            f"{path}: written in format {written_by!r}; this version reads "
            f"{', '.join(READABLE_FORMATS)}. Update wakeword, or train the model again."
        )
    return upgrade_metadata(about)


def _bounded(settings: Mapping[str, Any]) -> None:
    """Numbers from a file that may be hostile: small enough to be built."""
    for key in ("chunk", "left", "period", "normed", "window", "hop"):
        if key in settings and not (type(settings[key]) is int and 0 < settings[key] <= 1500):
            raise ValueError(f"{key} of {settings[key]!r}")
    if len(str(settings.get("about", ""))) > _MAX_ABOUT:
        raise ValueError("a description of its encoder that is too long")
