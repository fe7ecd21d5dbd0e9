"""A quantised network as a streaming TensorFlow Lite model, for microcontrollers.

The graph computes one step of a stream: it takes the features of 30 ms and returns one score. The
rows that a convolution needs of earlier steps lie in a variable; a second graph, which runs once,
fills the variables with silence.

Source: tflite's `schema.fbs`; the graphs that microWakeWord's models have.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.errors import ConfigError
from wakeword.exporting.quantised import (
    Addition,
    Quantisation,
    QuantisedConvolution,
    QuantisedNetwork,
)

VERSIONS = {
    "ADD": 2,
    "ASSIGN_VARIABLE": 1,
    "CALL_ONCE": 1,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "LOGISTIC": 2,
    "QUANTIZE": 1,
    "READ_VARIABLE": 1,
    "RESHAPE": 1,
    "STRIDED_SLICE": 2,
    "VAR_HANDLE": 1,
}
"""The operators that a file may have, and the version of each that takes int8."""

_SCHEMA_VERSION = 3
_PLACEHOLDER = 127  # of operators that the field of earlier versions cannot hold
_ALIGNMENT = 16  # bytes, of constants
_SCORE = Quantisation(np.float32(1 / 256), -128)


def tflite_bytes(network: QuantisedNetwork, description: str, notice: str) -> bytes:
    """Return the content of a .tflite file: features int8 (1, 3, 40) → score uint8 (1, 1).

    Args:
        network: that is written.
        description: of the model, one line.
        notice: licence notice, which the file holds as metadata.

    Raises:
        ConfigError: flatbuffers or tflite is not installed.
    """
    file = _File()
    main = _Graph(file, "main")
    setup = _Graph(file, "setup")
    main.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=1)
    first = network.steps[0]
    assert isinstance(first, QuantisedConvolution)
    width = first.weight.shape[2]
    source = main.tensor((1, first.stride, width), "INT8", network.tensors[0])
    values = [main.reshaped(source, (1, first.stride, 1, width), network.tensors[0])]
    for step, target in zip(network.steps, network.tensors[1:], strict=True):
        if isinstance(step, Addition):
            shape = (1, 1, 1, _channels(network, len(values)))
            values.append(main.tensor(shape, "INT8", target))
            inputs = [values[-2], values[step.other]]
            main.operator("ADD", inputs, [values[-1]], "AddOptions")
        else:
            quantisation = network.tensors[len(values) - 1]
            rows = main.with_past(setup, values[-1], step, quantisation, len(values))
            values.append(main.convolution(rows, step, target))
    logit = main.reshaped(values[-1], (1, 1), network.tensors[-1])
    score = main.tensor((1, 1), "INT8", _SCORE)
    main.operator("LOGISTIC", [logit], [score])
    result = main.tensor((1, 1), "UINT8", Quantisation(_SCORE.scale, 0))
    main.operator("QUANTIZE", [score], [result], "QuantizeOptions")
    graphs = [main.finished([source], [result]), setup.finished([], [])]
    return file.finished(graphs, description, notice)


def _channels(network: QuantisedNetwork, tensor: int) -> int:
    """Return the width of a tensor; 0 is the input, i + 1 what step i returns."""
    step = network.steps[tensor - 1]
    if isinstance(step, Addition):
        return _channels(network, tensor - 1)
    return int(step.weight.shape[0])


class _File:
    """A flatbuffer that is being written."""

    def __init__(self) -> None:
        try:
            self.builder = import_module("flatbuffers").Builder(1 << 16)
            self.schema: Any = import_module("tflite")
        except ImportError as error:
            raise ConfigError(
                f"exporting to ESPHome needs {error.name}: pip install 'wakeword[esphome]'."
            ) from None
        self._vectors: dict[object, int] = {}
        self._codes: list[str] = []
        self._buffers = [self.table("Buffer")]  # buffer 0 stands for no data

    def table(self, kind: str, **fields: Any) -> int:
        """Write a table of the schema."""
        getattr(self.schema, f"{kind}Start")(self.builder)
        for name, value in fields.items():
            getattr(self.schema, f"{kind}Add{name}")(self.builder, value)
        return int(getattr(self.schema, f"{kind}End")(self.builder))

    def numbers(self, values: npt.ArrayLike, kind: str) -> int:
        """Write a vector of numbers; an equal one is written once."""
        array = np.asarray(values, kind)
        key = (kind, array.tobytes())
        if key not in self._vectors:
            self._vectors[key] = int(self.builder.CreateNumpyVector(array))
        return self._vectors[key]

    def text(self, value: str) -> int:
        """Write a string; an equal one is written once."""
        return int(self.builder.CreateSharedString(value))

    def offsets(self, items: Sequence[int]) -> int:
        """Write a vector of tables."""
        self.builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return int(self.builder.EndVector())

    def data(self, content: bytes) -> int:
        """Write an aligned buffer and return its index; an equal one is written once."""
        if content not in self._vectors:
            self.builder.StartVector(1, len(content), _ALIGNMENT)
            self.builder.head -= len(content)
            self.builder.Bytes[self.builder.head : self.builder.head + len(content)] = content
            vector = self.builder.EndVector()
            self._vectors[content] = len(self._buffers)
            self._buffers.append(self.table("Buffer", Data=vector))
        return self._vectors[content]

    def code(self, name: str) -> int:
        """Return the index of an operator in the file's list."""
        if name not in self._codes:
            self._codes.append(name)
        return self._codes.index(name)

    def finished(self, graphs: list[int], description: str, notice: str) -> bytes:
        """Return the file's content."""
        codes = []
        for name in self._codes:
            code = getattr(self.schema.BuiltinOperator, name)
            codes.append(
                self.table(
                    "OperatorCode",
                    DeprecatedBuiltinCode=min(code, _PLACEHOLDER),
                    BuiltinCode=code,
                    Version=VERSIONS[name],
                )
            )
        buffer = self.data(notice.encode())
        metadata = self.table("Metadata", Name=self.text("NOTICE"), Buffer=buffer)
        vectors = {
            "OperatorCodes": self.offsets(codes),
            "Subgraphs": self.offsets(graphs),
            "Description": self.text(description),
            "Buffers": self.offsets(self._buffers),
            "Metadata": self.offsets([metadata]),
        }
        model = self.table("Model", Version=_SCHEMA_VERSION, **vectors)
        self.builder.Finish(model, file_identifier=b"TFL3")
        return bytes(self.builder.Output())


class _Graph:
    """One graph of a file that is being written."""

    def __init__(self, file: _File, name: str) -> None:
        self._file, self._name = file, name
        self._tensors: list[int] = []
        self._operators: list[int] = []
        self._constants: dict[tuple[int, ...], int] = {}

    def tensor(
        self,
        shape: Sequence[int],
        kind: str,
        quantisation: Quantisation | None = None,
        *,
        data: npt.NDArray[Any] | None = None,
        scales: npt.NDArray[np.float32] | None = None,
        axis: int = 0,
    ) -> int:
        """Add a tensor and return its index.

        Args:
            shape: of it.
            kind: its type, as the schema names it.
            quantisation: of all of it.
            data: its values if it is constant.
            scales: of its slices along `axis`, with zeros of 0.
            axis: of the scales.
        """
        file = self._file
        fields: dict[str, Any] = {
            "Shape": file.numbers(shape, "int32"),
            "Type": getattr(file.schema.TensorType, kind),
        }
        if quantisation:
            scales, zeros = np.array([quantisation.scale]), [quantisation.zero]
        elif scales is not None:
            zeros = [0] * len(scales)
        if scales is not None:
            fields["Quantization"] = file.table(
                "QuantizationParameters",
                Scale=file.numbers(scales, "float32"),
                ZeroPoint=file.numbers(zeros, "int64"),
                QuantizedDimension=axis,
            )
        if data is not None:
            fields["Buffer"] = file.data(data.tobytes())
        self._tensors.append(file.table("Tensor", Name=file.text(""), **fields))
        return len(self._tensors) - 1

    def operator(
        self, name: str, inputs: list[int], outputs: list[int], options: str = "", **fields: Any
    ) -> None:
        """Add an operator; its options are a table of the schema with these fields."""
        file = self._file
        parts: dict[str, Any] = {
            "OpcodeIndex": file.code(name),
            "Inputs": file.numbers(inputs, "int32"),
            "Outputs": file.numbers(outputs, "int32"),
        }
        if options:
            parts["BuiltinOptionsType"] = getattr(file.schema.BuiltinOptions, options)
            parts["BuiltinOptions"] = file.table(options, **fields)
        self._operators.append(file.table("Operator", **parts))

    def constant(self, values: Sequence[int]) -> int:
        """Return a constant vector of int32; an equal one is added once."""
        key = tuple(values)
        if key not in self._constants:
            self._constants[key] = self.tensor((len(key),), "INT32", data=np.array(key, np.int32))
        return self._constants[key]

    def reshaped(self, source: int, shape: Sequence[int], quantisation: Quantisation) -> int:
        """Add a reshape and return its result."""
        result = self.tensor(shape, "INT8", quantisation)
        self.operator("RESHAPE", [source, self.constant(shape)], [result], "ReshapeOptions")
        return result

    def variable(self, name: str) -> int:
        """Add a reference to a variable."""
        handle = self.tensor((), "RESOURCE")
        text = {"SharedName": self._file.text(name), "Container": self._file.text("")}
        self.operator("VAR_HANDLE", [], [handle], "VarHandleOptions", **text)
        return handle

    def assign(self, handle: int, values: int) -> None:
        """Add an assignment to a variable."""
        self.operator("ASSIGN_VARIABLE", [handle, values], [], "AssignVariableOptions")

    def with_past(
        self,
        setup: _Graph,
        source: int,
        step: QuantisedConvolution,
        quantisation: Quantisation,
        number: int,
    ) -> int:
        """Put the rows of earlier steps before the newest ones.

        Returns:
            (1, size, 1, channels), or (1, 1, 1, size · channels) for a matrix.
        """
        if not step.past:
            return source
        channels = step.channels
        shape = (1, step.past, 1, channels)
        silence = np.full(shape, quantisation.zero, np.int8)
        initial = setup.tensor(shape, "INT8", quantisation, data=silence)
        setup.assign(setup.variable(f"past{number}"), initial)
        handle, past = self.variable(f"past{number}"), self.tensor(shape, "INT8", quantisation)
        self.operator("READ_VARIABLE", [handle], [past], "ReadVariableOptions")
        rows = self.tensor((1, step.past + step.stride, 1, channels), "INT8", quantisation)
        self.operator("CONCATENATION", [past, source], [rows], "ConcatenationOptions", Axis=1)
        newest = self.tensor(shape, "INT8", quantisation)
        bounds = ([0, -step.past, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1])
        inputs = [rows, *(self.constant(each) for each in bounds)]
        masks = {"BeginMask": 0b1101, "EndMask": 0b1111}  # of axes that are kept whole
        self.operator("STRIDED_SLICE", inputs, [newest], "StridedSliceOptions", **masks)
        self.assign(handle, newest)
        if step.depthwise:
            return rows
        return self.reshaped(rows, (1, 1, 1, step.weight.shape[1] * channels), quantisation)

    def convolution(self, rows: int, step: QuantisedConvolution, target: Quantisation) -> int:
        """Add a convolution over all of the rows; return (1, 1, 1, outputs).

        One that mixes channels is a matrix, for which ESP-NN needs half of the scratch memory.
        """
        outputs, size, inputs = step.weight.shape
        kind, shape, axis = "Conv2D", (outputs, 1, 1, size * inputs), 0
        weight = step.weight
        extra = {}
        if step.depthwise:
            kind, shape, axis = "DepthwiseConv2D", (1, size, 1, outputs), 3
            weight, extra = weight.transpose(2, 1, 0), {"DepthMultiplier": 1}
        weights = self.tensor(shape, "INT8", data=weight, scales=step.scales, axis=axis)
        bias = self.tensor((outputs,), "INT32", data=step.bias)
        result = self.tensor((1, 1, 1, outputs), "INT8", target)
        schema = self._file.schema
        relu = schema.ActivationFunctionType.RELU if step.relu else 0
        fields = {"Padding": schema.Padding.VALID, "StrideW": 1, "StrideH": 1, **extra}
        name = "DEPTHWISE_CONV_2D" if step.depthwise else "CONV_2D"
        fields["FusedActivationFunction"] = relu
        self.operator(name, [rows, weights, bias], [result], f"{kind}Options", **fields)
        return result

    def finished(self, inputs: list[int], outputs: list[int]) -> int:
        """Write the graph."""
        file = self._file
        return file.table(
            "SubGraph",
            Tensors=file.offsets(self._tensors),
            Inputs=file.numbers(inputs, "int32"),
            Outputs=file.numbers(outputs, "int32"),
            Operators=file.offsets(self._operators),
            Name=file.text(self._name),
        )
