"""One ONNX file with front end, encoder, head and operating point, for `wakeword.runtime`.

The graph takes a block of samples and the state, and gives logits and the next state. A stream's
first block is longer and has no past: the file holds a graph for it and one for the blocks after
it, over the same weights, and the input `first` chooses.
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
from wakeword.runtime import FORMAT
from wakeword.storage import atomic_write

_FOLDED = 1 << 28  # values: constants up to this size are computed when exporting

Graph = Any  # onnx.ModelProto; the package is an extra


def export_onnx(model: WakeWordModel, path: Path | str, *, int8: bool = False) -> None:
    """Write a model as ONNX, whole or not at all.

    Args:
        model: from `wakeword.load`.
        path: of the file.
        int8: weights of encoder and head in eight bits; the front end stays in float32.

    Raises:
        ConfigError: onnx, onnxscript or onnxruntime is not installed, or the path is not writable.
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
    following = torch.zeros(1, model.block)
    with torch.inference_mode():
        _, young = model(first)
        _, state = model(following, young)
        _, old = model(following, state)
    if not _shape(young) == _shape(state) == _shape(old):
        raise ConfigError(
            f"{model.origin.encoder} ({model.encoder.streaming}) keeps a state that changes along "
            "the stream in more than the values of its tensors: no graph can hold it."
        )
    beginning = _graph(_Step(model, None), (first,))
    later = _graph(_Step(model, state), (following, *_tensors(state)))
    if int8:
        beginning, later = _quantised(beginning), _quantised(later)
    names = [f"state{i}" for i in range(len(_tensors(state)))]
    whole_graph = _choosing(onnx, beginning, later, names, len(model.keywords))
    about = {
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
    kept = {
        "wakeword": json.dumps(about, sort_keys=True),
        "NOTICE": licence_notice(asdict(model.origin)),
    }
    onnx.helper.set_model_props(whole_graph, kept)
    onnx.checker.check_model(whole_graph)
    with atomic_write(Path(path)) as part:
        part.write_bytes(whole_graph.SerializeToString(deterministic=True))


class _Step(nn.Module):
    """A model as a function of tensors alone; what else its state holds is constant."""

    def __init__(self, model: WakeWordModel, state: Any) -> None:
        super().__init__()
        self.model = model
        self._example = state

    def forward(self, samples: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        state = _with_tensors(self._example, iter(tensors))
        logits, state = self.model(samples, state)
        return logits, *_tensors(state)


def _shape(state: Any) -> Any:
    """What a graph takes for granted: the shapes of a state's tensors, and all else in it."""
    if isinstance(state, tuple):
        return tuple(_shape(each) for each in state)
    return state.shape if isinstance(state, Tensor) else state


def _tensors(state: Any) -> list[Tensor]:
    """Those of a state that hold anything, in order."""
    if isinstance(state, tuple):
        return [tensor for each in state for tensor in _tensors(each)]
    return [state] if isinstance(state, Tensor) and state.numel() else []


def _with_tensors(example: Any, tensors: Iterator[Tensor]) -> Any:
    """The example with other tensors in the places that `_tensors` takes them from."""
    if isinstance(example, tuple):
        values = [_with_tensors(each, tensors) for each in example]
        return type(example)(*values) if hasattr(example, "_fields") else tuple(values)
    return next(tensors) if _tensors(example) else example


def _graph(step: _Step, inputs: tuple[Tensor, ...]) -> Graph:
    inputs = tuple(tensor.clone() for tensor in inputs)  # what inference made cannot be traced
    with _quiet():
        program = torch.onnx.export(step.eval(), inputs, dynamo=True, verbose=False)
        assert program is not None
        # weights as they are multiplied, and the front end's matrices, computed once and for all
        limits = {"input_size_limit": _FOLDED, "output_size_limit": _FOLDED}
        import_module("onnxscript.optimizer").optimize(program.model, **limits)
    return program.model_proto


def _quantised(graph: Graph) -> Graph:
    """Matrices of encoder and head in eight bits, what they are multiplied with as it comes.

    Seven bits of the eight are used: without VNNI, sums of products of eight bits overflow.
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
    """Without what the exporter warns its own developers of."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _choosing(
    onnx: Any, beginning: Graph, later: Graph, states: Sequence[str], keywords: int
) -> Graph:
    """Both graphs as the branches of one, with each weight that they share held once."""
    helper = onnx.helper
    weights: dict[bytes, Any] = {}
    branches = []
    for prefix, graph in (("first", beginning.graph), ("later", later.graph)):
        renamed = dict(zip((i.name for i in graph.input), ("samples", *states), strict=False))
        used = {name for node in graph.node for name in node.input}
        used |= {value.name for value in graph.output}
        for weight in graph.initializer:
            if weight.name in used:
                renamed[weight.name] = _shared(weight, weights)
        for name in {name for node in graph.node for name in node.output if name}:
            renamed[name] = f"{prefix}.{name}"
        nodes = []
        for node in graph.node:
            node = _copy(node)
            node.name = f"{prefix}.{node.name}"
            del node.metadata_props[:]  # where in whose source it was traced
            _replace(node.input, renamed)
            _replace(node.output, renamed)
            nodes.append(node)
        outputs = []
        for i, value in enumerate(graph.output):
            # an output must come from a node of the branch, also where it is an input or a weight
            name = f"{prefix}.out{i}"
            nodes.append(helper.make_node("Identity", [renamed[value.name]], [name]))
            outputs.append(_named(value, name))
        branches.append(helper.make_graph(nodes, prefix, [], outputs))
    samples = helper.make_tensor_value_info("samples", onnx.TensorProto.FLOAT, [1, "samples"])
    first = helper.make_tensor_value_info("first", onnx.TensorProto.BOOL, [])
    before = [
        _named(value, name) for value, name in zip(later.graph.input[1:], states, strict=True)
    ]
    after = [
        _named(value, f"next_{name}")
        for value, name in zip(later.graph.output[1:], states, strict=True)
    ]
    logits = helper.make_tensor_value_info(
        "logits", onnx.TensorProto.FLOAT, [1, "frames", keywords]
    )
    choice = helper.make_node(
        "If",
        ["first"],
        ["logits", *(value.name for value in after)],
        then_branch=branches[0],
        else_branch=branches[1],
    )
    graph = helper.make_graph(
        [choice], "wakeword", [first, samples, *before], [logits, *after], [*weights.values()]
    )
    return helper.make_model(graph, opset_imports=later.opset_import, ir_version=later.ir_version)


def _shared(weight: Any, weights: dict[bytes, Any]) -> str:
    """The name of the one copy of a weight."""
    content = _named(weight, "").SerializeToString(deterministic=True)
    if content not in weights:
        weights[content] = _named(weight, f"weight{len(weights)}")
    return str(weights[content].name)


def _replace(names: Any, renamed: dict[str, str]) -> None:
    names[:] = [renamed.get(name, name) for name in names]


def _named(message: Any, name: str) -> Any:
    message = _copy(message)
    message.name = name
    return message


def _copy(message: Any) -> Any:
    return type(message).FromString(message.SerializeToString())
