"""Checkpoint formats of recognisers: each is read into tensors by name; no code in them is run.

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
"""Tensors by name."""

_CT2_DTYPES: dict[int, Any] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_FILE_IN_FOLDER = {
    "ctranslate2": "model.bin",
    "safetensors": "model.safetensors",
    "onnx": "encoder_model.onnx",
}


def detect_format(path: Path) -> str:
    """Return the format of a checkpoint file or folder.

    Raises:
        CheckpointError: no file, or none of a known format.
    """
    if path.is_dir():
        for kind, name in _FILE_IN_FOLDER.items():
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
            f"{path}: not a known checkpoint format. Expected an OpenAI .pt, a CTranslate2 "
            "model.bin, a Hugging Face model.safetensors or an encoder's .onnx."
        ) from None


def weights_file(path: Path) -> Path:
    """Return the file with the weights of a checkpoint that is given as a file or a folder."""
    return path / _FILE_IN_FOLDER[detect_format(path)] if path.is_dir() else path


def read_pytorch(path: Path) -> Tensors:
    """Read a state dict, or `{"dims": …, "model_state_dict": …}` as openai-whisper saves it.

    Raises:
        CheckpointError: a damaged file, or one that holds anything but tensors.
    """
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
    """Read a Hugging Face `model.safetensors`, given as a file or a folder.

    Raises:
        CheckpointError: a damaged file.
    """
    path = path / "model.safetensors" if path.is_dir() else path
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a complete safetensors file ({_first_line(error)}). Fetch it again."
        ) from error


def read_ctranslate2(path: Path) -> Tensors:
    """Read a CTranslate2 `model.bin`, given as a file or a folder.

    Layout: u32 version, string spec, u32 revision, u32 count; then for each variable string name,
    u8 rank, u32 dimensions, u8 type, u32 bytes, data. A string is u16 length + bytes with a
    trailing zero.

    Raises:
        CheckpointError: a damaged file, or an unknown version of the format.
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
            raise CheckpointError(f"{path}: {name} has the unknown data type {code}.")
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
    """Read the weights of an ONNX graph that PyTorch exported, under the names of its modules.

    Exporters rename what they fold, so a matrix gets its name from the node that multiplies by it:
    `/layers.1/mlp/fc1/MatMul` is `layers.1.mlp.fc1.weight`. Eight-bit weights come back as floats.

    Raises:
        CheckpointError: a damaged file, or the package onnx is not installed.
    """
    path = path / _FILE_IN_FOLDER["onnx"] if path.is_dir() else path
    try:
        onnx = import_module("onnx")
    except ImportError:
        raise CheckpointError(
            f'{path}: reading ONNX needs the package onnx: pip install "wakeword[export]".'
        ) from None
    try:
        graph = onnx.load(path, load_external_data=False).graph
        values = {
            weight.name: torch.from_numpy(onnx.numpy_helper.to_array(weight).copy())
            for weight in graph.initializer
        }
        return _by_module(graph.node, values)
    except Exception as error:  # a damaged file may raise anything
        raise CheckpointError(
            f"{path}: not a complete ONNX file with its weights inside ({_first_line(error)}). "
            "Fetch it again."
        ) from error


def _by_module(nodes: Any, values: Tensors) -> Tensors:
    """Name a graph's weights after the modules that use them, and dequantise them."""
    tensors: Tensors = {}
    for name, value in values.items():
        if name.endswith("_quantized"):
            original = name.removesuffix("_quantized")
            scale, zero = values[f"{original}_scale"], values[f"{original}_zero_point"]
            # an integer zero point is subtracted before scaling, a float one added after it
            if zero.is_floating_point():
                tensors[original] = value * scale + zero
            else:
                tensors[original] = (value.float() - zero.float()) * scale
        elif value.is_floating_point() and not (
            name.startswith("/") or name.endswith(("_scale", "_zero_point"))
        ):
            tensors[name] = value
    for node in nodes:
        module = node.name.strip("/").split("/")[:-1]
        for name in (given.removesuffix("_quantized") for given in node.input):
            if name.startswith("onnx::") and name in tensors:
                is_matrix = node.op_type.startswith("MatMul")
                kind = "bias" if node.op_type == "Add" else "weight"
                tensor = tensors.pop(name)
                tensors[".".join([*module, kind])] = tensor.T if is_matrix else tensor
    return tensors


def select_tensors(tensors: Tensors, expected: Tensors, encoder: str, name: str) -> Tensors:
    """Return the tensors with the expected names, in float32.

    Args:
        tensors: of a checkpoint.
        expected: tensors of the names and shapes that the encoder has.
        encoder: name of the encoder, for the error message.
        name: path of the checkpoint, for the error message.

    Raises:
        CheckpointError: a tensor is missing, of another shape or not in floats.
    """
    for key, like in expected.items():
        shape = tuple(like.shape)
        actual = tuple(tensors[key].shape) if key in tensors else None
        if actual != shape:
            raise CheckpointError(
                f"{name}: not the encoder of {encoder}: tensor {key} should be {shape} and is "
                f"{'missing' if actual is None else actual}. Name the encoder that this checkpoint "
                "holds (wakeword encoders lists them)."
            )
        if not tensors[key].is_floating_point():
            raise CheckpointError(
                f"{name}: tensor {key} is quantised ({tensors[key].dtype}). "
                "Take the float16 or float32 weights of the same model."
            )
    return {key: tensors[key].to(torch.float32) for key in expected}


class _Reader:
    """Reads values from a file in memory; reading past its end means a damaged file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.data = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from error
        self.position = 0

    def take(self, size: int) -> bytes:
        if self.position + size > len(self.data):
            raise CheckpointError(
                f"{self.path}: ends in the middle of a tensor (damaged or not CTranslate2). "
                "Fetch it again."
            )
        self.position += size
        return self.data[self.position - size : self.position]

    def number(self, code: str) -> int:
        return cast(int, struct.unpack(code, self.take(struct.calcsize(code)))[0])

    def string(self) -> str:
        return self.take(self.number("<H")).rstrip(b"\0").decode("utf-8", "replace")


def _first_line(error: Exception) -> str:
    """Return the first line of an error's message, cut to 200 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
