"""Export to ONNX: one file with front end, encoder, head and metadata, for `wakeword.runtime`.

The graph takes a block of samples and the state, and returns logits and the next state. The first
block of a stream is longer and has no state: the file holds a graph for it and one for the blocks
after it, over the same weights, and the input `first` chooses between them.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wakeword.errors import ConfigError
from wakeword.model.network import WakeWordModel
from wakeword.model.provenance import licence_notice
from wakeword.model.state import replace_tensors, state_structure, state_tensors
from wakeword.runtime import FORMAT
from wakeword.storage import atomic_write

_MAX_FOLDED = 1 << 28  # values: constants up to this size are computed when exporting

Graph = Any  # onnx.ModelProto; the package is an extra


def export_onnx(model: WakeWordModel, path: Path | str, *, int8: bool = False) -> None:
    """Write a model as an ONNX file, atomically.

    Args:
        model: from `wakeword.load`.
        path: of the file.
        int8: whether to store the weights of encoder and head in eight bits; the front end stays
            in float32.

    Raises:
        ConfigError: onnx, onnxscript or onnxruntime is not installed, the path cannot be written,
            or the encoder's state cannot be held by a graph.
    """
    try:
        onnx = import_module("onnx")
        import_module("onnxscript")
        import_module("onnxruntime")
    except ImportError as error:
        raise ConfigError(
            f"exporting needs {error.name}: pip install 'wakeword[export]'."
        ) from None
    first = torch.zeros(1, model.first_block)
    later = torch.zeros(1, model.block)
    state = _steady_state(model, first, later)
    first_graph = _graph(_Step(model, None), (first,))
    later_graph = _graph(_Step(model, state), (later, *state_tensors(state)))
    if int8:
        first_graph, later_graph = _quantised(first_graph), _quantised(later_graph)
    names = [f"state{i}" for i in range(len(state_tensors(state)))]
    graph = _joined(onnx, first_graph, later_graph, names, len(model.keywords))
    metadata = {
        "format": FORMAT,
        "keywords": list(model.keywords),
        "operating_point": asdict(model.operating_point),
        "origin": asdict(model.origin),
        "frame_s": model.frame_s,
        "look_ahead_ms": model.look_ahead_ms,
        "first_block": model.first_block,
        "block": model.block,
        "int8": int8,
    }
    properties = {
        "wakeword": json.dumps(metadata, sort_keys=True),
        "NOTICE": licence_notice(asdict(model.origin)),
    }
    onnx.helper.set_model_props(graph, properties)
    onnx.checker.check_model(graph)
    with atomic_write(Path(path)) as part:
        part.write_bytes(graph.SerializeToString(deterministic=True))


def _steady_state(model: WakeWordModel, first: Tensor, later: Tensor) -> Any:
    """Return a state whose structure is the same after every block.

    Raises ConfigError where the model has none.
    """
    with torch.inference_mode():
        _, after_first = model(first)
        _, state = model(later, after_first)
        _, after_later = model(later, state)
    structures = [state_structure(each) for each in (after_first, state, after_later)]
    if not structures[0] == structures[1] == structures[2]:
        raise ConfigError(
            f"{model.origin.encoder} ({model.encoder.streaming}) keeps a state that changes along "
            "the stream in more than the values of its tensors: no graph can hold it."
        )
    return state


class _Step(nn.Module):
    """A model as a function of tensors alone; everything else in its state is constant."""

    def __init__(self, model: WakeWordModel, state: Any) -> None:
        super().__init__()
        self.model = model
        self._example = state

    def forward(self, samples: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Map samples and the state's tensors to logits and the next state's tensors."""
        state = replace_tensors(self._example, iter(tensors))
        logits, state = self.model(samples, state)
        return logits, *state_tensors(state)


def _graph(step: _Step, inputs: tuple[Tensor, ...]) -> Graph:
    """Trace a model with example inputs."""
    inputs = tuple(tensor.clone() for tensor in inputs)  # inference tensors cannot be traced
    with _quiet():
        program = torch.onnx.export(step.eval(), inputs, dynamo=True, verbose=False)
        assert program is not None
        # transposed weights and the front end's matrices become constants
        limits = {"input_size_limit": _MAX_FOLDED, "output_size_limit": _MAX_FOLDED}
        import_module("onnxscript.optimizer").optimize(program.model, **limits)
    return program.model_proto


def _quantised(graph: Graph) -> Graph:
    """Store the matrices of encoder and head in eight bits; activations are quantised at run time.

    Seven of the eight bits are used: without VNNI, sums of eight-bit products overflow.
    """
    onnx = import_module("onnx")
    quantization = import_module("onnxruntime.quantization")
    front_end = [
        node.name
        for node in graph.graph.node
        if any("frontend" in each.value for each in node.metadata_props)
    ]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        out = Path(folder) / "quantised.onnx"
        quantization.quantize_dynamic(
            graph,
            out,
            per_channel=True,
            reduce_range=True,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=front_end,
        )
        return onnx.load(out)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's warnings, which address its own developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _joined(
    onnx: Any, first: Graph, later: Graph, state_names: Sequence[str], keywords: int
) -> Graph:
    """Return one graph with both as its branches; weights that they share are held once."""
    helper = onnx.helper
    weights: dict[bytes, Any] = {}
    branches = [
        _branch(helper, prefix, graph.graph, ("samples", *state_names), weights)
        for prefix, graph in (("first", first), ("later", later))
    ]
    is_first = helper.make_tensor_value_info("first", onnx.TensorProto.BOOL, [])
    samples = helper.make_tensor_value_info("samples", onnx.TensorProto.FLOAT, [1, "samples"])
    logits = helper.make_tensor_value_info(
        "logits", onnx.TensorProto.FLOAT, [1, "frames", keywords]
    )
    state_inputs = [
        _named(value, name) for value, name in zip(later.graph.input[1:], state_names, strict=True)
    ]
    state_outputs = [
        _named(value, f"next_{name}")
        for value, name in zip(later.graph.output[1:], state_names, strict=True)
    ]
    choice = helper.make_node(
        "If",
        ["first"],
        ["logits", *(value.name for value in state_outputs)],
        then_branch=branches[0],
        else_branch=branches[1],
    )
    graph = helper.make_graph(
        [choice],
        "wakeword",
        [is_first, samples, *state_inputs],
        [logits, *state_outputs],
        [*weights.values()],
    )
    return helper.make_model(graph, opset_imports=later.opset_import, ir_version=later.ir_version)


def _branch(
    helper: Any, prefix: str, graph: Any, inputs: Sequence[str], weights: dict[bytes, Any]
) -> Any:
    """Return a graph as a branch: names within it get a prefix, its weights move to `weights`."""
    renamed = dict(zip((value.name for value in graph.input), inputs, strict=False))
    used = {name for node in graph.node for name in node.input}
    used |= {value.name for value in graph.output}
    for weight in graph.initializer:
        if weight.name in used:
            renamed[weight.name] = _shared_name(weight, weights)
    for name in {name for node in graph.node for name in node.output if name}:
        renamed[name] = f"{prefix}.{name}"
    nodes = []
    for node in graph.node:
        node = _copy(node)
        node.name = f"{prefix}.{node.name}"
        del node.metadata_props[:]  # places in the traced source
        _rename(node.input, renamed)
        _rename(node.output, renamed)
        nodes.append(node)
    outputs = []
    for i, value in enumerate(graph.output):
        # an output must come from a node of the branch, also where it is an input or a weight
        name = f"{prefix}.out{i}"
        nodes.append(helper.make_node("Identity", [renamed[value.name]], [name]))
        outputs.append(_named(value, name))
    return helper.make_graph(nodes, prefix, [], outputs)


def _shared_name(weight: Any, weights: dict[bytes, Any]) -> str:
    """Return the name of the one copy of a weight, which is added where it is new."""
    content = _named(weight, "").SerializeToString(deterministic=True)
    if content not in weights:
        weights[content] = _named(weight, f"weight{len(weights)}")
    return str(weights[content].name)


def _rename(names: Any, renamed: dict[str, str]) -> None:
    """Replace names in place."""
    names[:] = [renamed.get(name, name) for name in names]


def _named(message: Any, name: str) -> Any:
    """Return a copy of a protobuf message with another name."""
    message = _copy(message)
    message.name = name
    return message


def _copy(message: Any) -> Any:
    """Return a copy of a protobuf message."""
    return type(message).FromString(message.SerializeToString())
