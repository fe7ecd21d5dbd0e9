"""Export to ONNX: one file with front end, encoder, head and metadata, for `wakeword.runtime`.

The graph takes a block of samples and the state, and returns logits and the next state. The first
block of a stream is longer and has no state: the input `first` is set for it, and those of the
state are 0. Where a stream can start from a state of the usual structure, the graph chooses between
that state and its input, and the same nodes compute all else. Other models have a graph for the
first block and one for the blocks after it, over the same weights, and the file chooses between
them; that takes more time, because onnxruntime hands over every weight at each call.
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
    later_graph = _graph(_Step(model, state), (later, *state_tensors(state)))
    if int8:
        later_graph = _quantised(later_graph)
    start = _start_state(model, first, state)
    if start is not None:
        chosen = _chosen_inputs(start)
        start_graph = _graph(_Start(model, start), (first,))
        graph = _with_start(onnx, start_graph, later_graph, chosen, len(model.keywords))
    else:
        first_graph = _graph(_Step(model, None), (first,))
        if int8:
            first_graph = _quantised(first_graph)
        graph = _with_branches(onnx, first_graph, later_graph, len(model.keywords))
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


def _start_state(model: WakeWordModel, first: Tensor, state: Any) -> Any:
    """Return the state from which a stream starts, or None if its structure is not the usual one.

    Args:
        model: that is exported.
        first: (1, first_block) samples.
        state: of the usual structure.
    """
    with torch.inference_mode():
        start, block = model.start(first)
    usual = state_structure(start) == state_structure(state) and block.shape[1] == model.block
    return start if usual else None


def _chosen_inputs(start: Any) -> list[int]:
    """Return the inputs of a later block, by their index, that depend on whether it is the first.

    These are the samples, the state of the front end, and what else of the state is not 0 at the
    start, as the inputs are then.
    """
    of_front_end = 1 + len(state_tensors(start.frontend))
    constants = enumerate(state_tensors((start.encoder, start.head)), of_front_end)
    return [*range(of_front_end), *(i for i, tensor in constants if tensor.any())]


class _Start(nn.Module):
    """The start of a stream as a function of its first block alone.

    Args:
        model: that is exported.
        start: from `_start_state`.
    """

    def __init__(self, model: WakeWordModel, start: Any) -> None:
        super().__init__()
        self.frontend = model.frontend
        constants = state_tensors((start.encoder, start.head))
        self._constants = [tensor.clone() for tensor in constants if tensor.any()]

    def forward(self, samples: Tensor) -> tuple[Tensor, ...]:
        """Map (1, first_block) samples to the `_chosen_inputs` of a later block."""
        state, samples = self.frontend.start(samples)
        return samples, *state_tensors(state), *self._constants


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


def _graph(module: nn.Module, inputs: tuple[Tensor, ...]) -> Graph:
    """Trace a module with example inputs."""
    inputs = tuple(tensor.clone() for tensor in inputs)  # inference tensors cannot be traced
    with _quiet():
        program = torch.onnx.export(module.eval(), inputs, dynamo=True, verbose=False)
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


def _with_start(
    onnx: Any, start: Graph, later: Graph, chosen: Sequence[int], keywords: int
) -> Graph:
    """Return a graph for all blocks: the later one, after a choice of its inputs.

    Args:
        onnx: the package.
        start: from the first block's samples to the inputs that are chosen.
        later: for blocks after the first.
        chosen: index of each input that comes from `start` if `first` is set.
        keywords: number of keywords.
    """
    helper = onnx.helper
    weights: dict[bytes, Any] = {}
    inputs, outputs = _interface(onnx, later, keywords)
    names = [value.name for value in inputs[1:]]
    given = helper.make_graph(
        [], "given", later.graph.input, [later.graph.input[i] for i in chosen]
    )
    choice = helper.make_node(
        "If",
        ["first"],
        [f"chosen.{names[i]}" for i in chosen],
        then_branch=_branch(helper, "start", start.graph, names, weights),
        else_branch=_branch(helper, "given", given, names, weights),
    )
    names = [f"chosen.{name}" if i in chosen else name for i, name in enumerate(names)]
    body = _branch(helper, "later", later.graph, names, weights)
    for node, value in zip(body.node[-len(outputs) :], outputs, strict=True):
        node.output[:] = [value.name]
    return _model(helper, [choice, *body.node], inputs, outputs, weights, later)


def _with_branches(onnx: Any, first: Graph, later: Graph, keywords: int) -> Graph:
    """Return a graph with both as its branches; weights that they share are held once."""
    helper = onnx.helper
    weights: dict[bytes, Any] = {}
    inputs, outputs = _interface(onnx, later, keywords)
    names = [value.name for value in inputs[1:]]
    choice = helper.make_node(
        "If",
        ["first"],
        [value.name for value in outputs],
        then_branch=_branch(helper, "first", first.graph, names, weights),
        else_branch=_branch(helper, "later", later.graph, names, weights),
    )
    return _model(helper, [choice], inputs, outputs, weights, later)


def _interface(onnx: Any, later: Graph, keywords: int) -> tuple[list[Any], list[Any]]:
    """Return the inputs and outputs of the file's graph: `first`, samples or logits, and states."""
    value_info, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    inputs = [
        value_info("first", types.BOOL, []),
        value_info("samples", types.FLOAT, [1, "samples"]),
        *(_named(value, f"state{i}") for i, value in enumerate(later.graph.input[1:])),
    ]
    outputs = [
        value_info("logits", types.FLOAT, [1, "frames", keywords]),
        *(_named(value, f"next_state{i}") for i, value in enumerate(later.graph.output[1:])),
    ]
    return inputs, outputs


def _model(
    helper: Any,
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    weights: dict[bytes, Any],
    later: Graph,
) -> Graph:
    """Return a model of these nodes, in the opset of the traced graph."""
    graph = helper.make_graph(nodes, "wakeword", inputs, outputs, [*weights.values()])
    return helper.make_model(graph, opset_imports=later.opset_import, ir_version=later.ir_version)


def _branch(
    helper: Any, prefix: str, graph: Any, inputs: Sequence[str], weights: dict[bytes, Any]
) -> Any:
    """Return a graph as a branch: names within it get a prefix, its weights move to `weights`.

    Its last nodes are one for each output, in their order.
    """
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
