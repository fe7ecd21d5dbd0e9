"""The file formats that hold recognisers: each read into names and tensors, running no code.

OpenAI's `.pt` goes through torch's restricted unpickler, safetensors through its own library;
CTranslate2's `model.bin` is a plain little-endian table that is read here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from wakeword.errors import CheckpointError

Tensors = dict[str, Tensor]

_CT2_DTYPES: dict[int, Any] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def detect(path: Path) -> str:
    """The format of a checkpoint file or folder, by what lies there."""
    if path.is_dir():
        for name, kind in (("model.bin", "ctranslate2"), ("model.safetensors", "safetensors")):
            if (path / name).is_file():
                return kind
        raise CheckpointError(
            f"{path}: holds neither model.bin (CTranslate2, faster-whisper) nor model.safetensors "
            "(Hugging Face). Give the folder that holds one of them, or an OpenAI .pt file."
        )
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint. Check the path.")
    by_suffix = {".pt": "openai", ".pth": "openai", ".safetensors": "safetensors"}
    if path.name == "model.bin":
        return "ctranslate2"
    try:
        return by_suffix[path.suffix]
    except KeyError:
        raise CheckpointError(
            f"{path}: not a known kind of checkpoint. Expected an OpenAI .pt, a CTranslate2 "
            "model.bin or a Hugging Face model.safetensors."
        ) from None


def weights_file(path: Path) -> Path:
    """The file whose hash proves a checkpoint given as a file or a folder."""
    names = {"ctranslate2": "model.bin", "safetensors": "model.safetensors"}
    return path / names[detect(path)] if path.is_dir() else path


def read_openai(path: Path) -> Tensors:
    """`{"dims": …, "model_state_dict": …}` as openai-whisper saves it."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle may raise anything
        raise CheckpointError(
            f"{path}: not a readable PyTorch checkpoint, or one that holds more than tensors "
            f"({_first_line(error)}). Fetch it again from its official source."
        ) from error
    tensors = content.get("model_state_dict") if isinstance(content, Mapping) else None
    if not isinstance(tensors, Mapping) or not all(
        isinstance(name, str) and isinstance(t, Tensor) for name, t in tensors.items()
    ):
        raise CheckpointError(
            f"{path}: has no 'model_state_dict' of tensors. Expected openai-whisper's own format."
        )
    return dict(tensors)


def read_safetensors(path: Path) -> Tensors:
    """A Hugging Face `model.safetensors`, by its file or its folder."""
    path = path / "model.safetensors" if path.is_dir() else path
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({_first_line(error)}). Fetch it again."
        ) from error


def read_ctranslate2(path: Path) -> Tensors:
    """A CTranslate2 `model.bin`, by its file or its folder.

    Layout: u32 version, string spec, u32 revision, u32 count; then for each variable string name,
    u8 rank, u32 dimensions, u8 type, u32 bytes, data. A string is u16 length + bytes with a
    trailing zero.
    """
    path = path / "model.bin" if path.is_dir() else path
    reader = _Reader(path)
    version = reader.number("<I")
    if not 4 <= version <= 6:
        raise CheckpointError(
            f"{path}: CTranslate2 format version {version}; this reader knows 4 to 6."
        )
    reader.string()
    reader.number("<I")
    tensors: Tensors = {}
    for _ in range(reader.number("<I")):
        name = reader.string()
        shape = [reader.number("<I") for _ in range(reader.number("<B"))]
        code = reader.number("<B")
        if code not in _CT2_DTYPES:
            raise CheckpointError(f"{path}: {name} has the unknown number type {code}.")
        data = reader.take(reader.number("<I"))
        try:
            array = np.frombuffer(data, dtype=_CT2_DTYPES[code]).reshape(shape)
        except ValueError:
            raise CheckpointError(
                f"{path}: {name} does not have the size that it states. Fetch it again."
            ) from None
        tensors[name] = torch.from_numpy(array.copy())
    return tensors


class _Reader:
    """Bounded reads from a file in memory: running past the end is a damaged file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.data = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from error
        self.at = 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise CheckpointError(
                f"{self.path}: ends in the middle of a tensor (damaged or not CTranslate2). "
                "Fetch it again."
            )
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, code: str) -> int:
        return cast(int, struct.unpack(code, self.take(struct.calcsize(code)))[0])

    def string(self) -> str:
        return self.take(self.number("<H")).rstrip(b"\0").decode("utf-8", "replace")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
