"""A wake-word model: front end, encoder, head, keywords; and the one file that holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from wakeword import encoders, storage
from wakeword.audio import SAMPLE_RATE
from wakeword.encoders import Encoder
from wakeword.errors import CheckpointError, ConfigError
from wakeword.heads import Head, build_head
from wakeword.trigger import OperatingPoint, check_point

FORMAT = "wakeword/1"
_MAX_FILE = 2_000_000_000  # bytes; no model here comes near
_MAX_KEYWORDS = 1000
_MAX_ABOUT = 100_000  # characters
_DTYPES = (torch.float16, torch.float32)  # that `save` writes


@dataclass(frozen=True)
class Origin:
    """Where a model comes from: kept in its file."""

    encoder: str
    streaming: str
    encoder_sha256: str
    licence: str
    head: str
    training: Mapping[str, Any] = field(default_factory=dict)


class _ModelState(NamedTuple):
    frontend: Any
    encoder: Any
    head: Any


class WakeWordModel(nn.Module):
    """Samples in, one logit per keyword and frame out: `forward(samples, state=None)`.

    Attributes:
        keywords: what the logits stand for.
        frame_s: seconds between two logits; logit i ends at (i + 1) · frame_s of the stream.
        look_ahead_ms: audio after the end of a logit's frame that it waits for, at most.
        first_block, block: samples after which the first and each later hop of logits comes out.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        keywords: Sequence[str],
        origin: Origin,
        point: OperatingPoint,
    ) -> None:
        super().__init__()
        self.frontend = encoder.spec.new_front_end()
        self.encoder = encoder
        self.head = head
        self.keywords = tuple(keywords)
        self.origin = origin
        self.point = point
        self.frame_s = head.pool / encoder.frame_rate_hz
        # where logits begin with hops, the first logit of a hop ends pool - 1 frames after its
        # first frame
        whole = encoder.hop_frames % head.pool == 0
        later_ms = 1000 * (head.pool - 1) / encoder.frame_rate_hz if whole else 0
        self.look_ahead_ms = self.frontend.look_ahead_ms + encoder.look_ahead_ms - later_ms
        self.first_block = self.frontend.samples_for(encoder.first_features)
        self.block = round(encoder.hop_frames / encoder.frame_rate_hz * SAMPLE_RATE)

    def forward(
        self, samples: Tensor, state: _ModelState | None = None
    ) -> tuple[Tensor, _ModelState]:
        """(batch, samples) at 16 kHz → logits (batch, U, keywords), and the state."""
        state = state or _ModelState(None, None, None)
        features, frontend = self.frontend(samples, state.frontend)
        frames, encoder = self.encoder(features, state.encoder)
        logits, head = self.head(frames, state.head)
        return logits, _ModelState(frontend, encoder, head)


def save(model: WakeWordModel, path: Path | str) -> None:
    """Write a model as one safetensors file, whole or not at all.

    Encoder weights that float16 holds without loss (as recognisers ship them) are kept so.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        half = tensor.half()
        lossless = name.startswith("encoder.") and torch.equal(half.float(), tensor)
        tensors[name] = (half if lossless else tensor).contiguous()
    # an encoder that wraps another lists the same weights twice: one copy is enough
    tensors = {name: t for name, t in tensors.items() if not name.startswith("encoder.inner.")}
    about = {
        "format": FORMAT,
        "keywords": list(model.keywords),
        "encoder_settings": model.encoder.settings(),
        "point": asdict(model.point),
        "origin": asdict(model.origin),
    }
    with storage.whole(Path(path)) as part:
        metadata = {"wakeword": json.dumps(about, sort_keys=True)}
        part.write_bytes(safetensors.torch.save(tensors, metadata))


def load(path: Path | str) -> WakeWordModel:
    """Read a model file; nothing in it is executed.

    Raises CheckpointError, saying what to do, for a missing, damaged, foreign or hostile file.
    """
    path = Path(path)
    about = _read_about(path)
    try:
        origin = Origin(**about["origin"])
        point = OperatingPoint(**about["point"])
        keywords = [str(word) for word in about["keywords"]]
        settings = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in about["encoder_settings"].items()
        }
        if len(keywords) > _MAX_KEYWORDS:
            raise ValueError(f"{len(keywords)} keywords")
        check_point(point, keywords)
        _bounded(settings)
        encoder = encoders.build(origin.encoder, origin.streaming, **settings)
        head = build_head(
            origin.head, encoder.dim, len(keywords), len(encoder.taps), encoder.frame_rate_hz
        )
        model = WakeWordModel(encoder, head, keywords, origin, point)
        tensors = safetensors.torch.load_file(path)
        expected = {
            n: t for n, t in model.state_dict().items() if not n.startswith("encoder.inner.")
        }
        wrong = set(expected) ^ set(tensors) or {
            name for name, tensor in expected.items() if tensor.shape != tensors[name].shape
        }
        if wrong:
            raise ValueError(f"tensors that do not fit, such as {sorted(wrong)[0]}")
        if not all(t.dtype in _DTYPES and t.isfinite().all() for t in tensors.values()):
            raise ValueError("weights that are not finite float16 or float32 numbers")
        model.load_state_dict({n: t.float() for n, t in tensors.items()}, strict=False)
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise CheckpointError(
            f"{path}: a wakeword file whose content does not fit together ({error}). "
            "Train it again, or use the version of wakeword that wrote it."
        ) from error
    return model.eval()


def _read_about(path: Path) -> dict[str, Any]:
    """The metadata of a model file, once the file is shown to be one."""
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
    if written_by != FORMAT:
        raise CheckpointError(
            f"{path}: written in format {written_by!r}; this version reads {FORMAT!r}. "
            "Update wakeword, or train the model again."
        )
    assert isinstance(about, dict)
    return about


def _bounded(settings: Mapping[str, Any]) -> None:
    """Numbers from a file that may be hostile: small enough to be built."""
    for key in ("chunk", "left", "period", "normed", "window", "hop"):
        if key in settings and not (type(settings[key]) is int and 0 < settings[key] <= 1500):
            raise ValueError(f"{key} of {settings[key]!r}")
    if len(str(settings.get("about", ""))) > _MAX_ABOUT:
        raise ValueError("a description of its encoder that is too long")
