"""The file formats that hold recognisers: each read into names and tensors, running no code.

`.pt` files go through torch's restricted unpickler, safetensors and ONNX through their own
libraries; CTranslate2's `model.bin` is a plain little-endian table that is read here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from importlib import import_module
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

_IN_FOLDER = {
    "ctranslate2": "model.bin",
    "safetensors": "model.safetensors",
    "onnx": "encoder_model.onnx",
}


def detect_format(path: Path) -> str:
    """The format of a checkpoint file or folder, by what lies there."""
    if path.is_dir():
        for kind, name in _IN_FOLDER.items():
            if (path / name).is_file():
                return kind
        raise CheckpointError(
            f"{path}: holds neither model.bin (CTranslate2, faster-whisper), nor model.safetensors "
            "(Hugging Face), nor encoder_model.onnx. Give the folder that holds one of them, or an "
            "OpenAI .pt file."
        )
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint. Check the path.")
    by_suffix = {
        ".pt": "pytorch",
        ".pth": "pytorch",
        ".safetensors": "safetensors",
        ".onnx": "onnx",
    }
    if path.name == "model.bin":
        return "ctranslate2"
    try:
        return by_suffix[path.suffix]
    except KeyError:
        raise CheckpointError(
            f"{path}: not a known kind of checkpoint. Expected an OpenAI .pt, a CTranslate2 "
            "model.bin, a Hugging Face model.safetensors or an encoder's .onnx."
        ) from None


def weights_file(path: Path) -> Path:
    """The file whose hash proves a checkpoint given as a file or a folder."""
    return path / _IN_FOLDER[detect_format(path)] if path.is_dir() else path


def read_pytorch(path: Path) -> Tensors:
    """Tensors by name, or `{"dims": …, "model_state_dict": …}` as openai-whisper saves them."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle may raise anything
        raise CheckpointError(
            f"{path}: not a readable PyTorch checkpoint, or one that holds more than tensors "
            f"({_first_line(error)}). Fetch it again from its official source."
        ) from error
    tensors = content.get("model_state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(tensors, Mapping) or not all(
        isinstance(name, str) and isinstance(t, Tensor) for name, t in tensors.items()
    ):
        raise CheckpointError(
            f"{path}: holds no tensors by name. Expected openai-whisper's own format, or a plain "
            "state dict."
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


def read_onnx(path: Path) -> Tensors:
    """The weights of an ONNX graph that PyTorch exported, under the names of its modules.

    Exporters rename what they fold, so a matrix is known by the node that multiplies with it:
    `/layers.1/mlp/fc1/MatMul` is `layers.1.mlp.fc1.weight`. Eight-bit weights come back as floats.
    """
    path = path / _IN_FOLDER["onnx"] if path.is_dir() else path
    try:
        onnx = import_module("onnx")
    except ImportError:
        raise CheckpointError(
            f'{path}: reading ONNX needs the package onnx: pip install "wakeword[export]".'
        ) from None
    try:
        graph = onnx.load(path, load_external_data=False).graph
        values = {
            each.name: torch.from_numpy(onnx.numpy_helper.to_array(each).copy())
            for each in graph.initializer
        }
        return _by_module(graph.node, values)
    except Exception as error:  # a damaged file may raise anything
        raise CheckpointError(
            f"{path}: not a whole ONNX file with its weights inside ({_first_line(error)}). "
            "Fetch it again."
        ) from error


def _by_module(nodes: Any, values: Tensors) -> Tensors:
    tensors: Tensors = {}
    for name, value in values.items():
        if name.endswith("_quantized"):
            kept = name.removesuffix("_quantized")
            scale, zero = values[f"{kept}_scale"], values[f"{kept}_zero_point"]
            # an integer zero is taken away before scaling, one in floats is added after it
            whole = not zero.is_floating_point()
            real = (value.float() - zero.float()) * scale if whole else value * scale + zero
            tensors[kept] = real
        elif value.is_floating_point() and not (
            name.startswith("/") or name.endswith(("_scale", "_zero_point"))
        ):
            tensors[name] = value
    for node in nodes:
        module = node.name.strip("/").split("/")[:-1]
        for given in (each.removesuffix("_quantized") for each in node.input):
            if given.startswith("onnx::") and given in tensors:
                matrix = node.op_type.startswith("MatMul")
                kind = "bias" if node.op_type == "Add" else "weight"
                tensor = tensors.pop(given)
                tensors[".".join([*module, kind])] = tensor.T if matrix else tensor
    return tensors


def select_tensors(tensors: Tensors, expected: Tensors, encoder: str, name: str) -> Tensors:
    """Those of the expected names, in float32.

    Raises CheckpointError where one is missing, of another size or not in floats.
    """
    for key, like in expected.items():
        shape, found = tuple(like.shape), tuple(tensors[key].shape) if key in tensors else None
        if found != shape:
            raise CheckpointError(
                f"{name}: not the encoder of {encoder}: tensor {key} should be {shape} and is "
                f"{'missing' if found is None else found}. Name the encoder that this checkpoint "
                "holds (wakeword encoders lists them)."
            )
        if not tensors[key].is_floating_point():
            raise CheckpointError(
                f"{name}: tensor {key} is quantised ({tensors[key].dtype}). "
                "Take the float16 or float32 weights of the same model."
            )
    return {key: tensors[key].to(torch.float32) for key in expected}


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
