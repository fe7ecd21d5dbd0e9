"""Graphs that are joined to one: a choice of inputs or of branches, and a second stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

Graph: TypeAlias = Any
"""onnx.ModelProto; the package is an extra."""


def with_start(
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


def with_branches(onnx: Any, first: Graph, later: Graph, keywords: int) -> Graph:
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


def add_verifier(onnx: Any, graph: Graph, verifier: Graph) -> None:
    """Add a second stage to the graph of the first one, in place.

    It is computed where the input `verify` is set; the first stage is computed all the same. Its
    weights belong to its branch: other calls have nothing to do with them.

    Args:
        onnx: the package.
        graph: of the first stage.
        verifier: from a window of samples to logits.
    """
    helper, types = onnx.helper, onnx.TensorProto
    weights: dict[bytes, Any] = {}
    branch = _branch(helper, "verifier", verifier.graph, ["window"], weights)
    branch.initializer.extend(weights.values())
    (logits,) = branch.output
    keywords = logits.type.tensor_type.shape.dim[2].dim_value
    none = helper.make_tensor("", types.FLOAT, [1, 0, keywords], [])
    skipped = helper.make_node("Constant", [], ["skipped.logits"], value=none)
    declared = helper.make_tensor_value_info("skipped.logits", types.FLOAT, [1, 0, keywords])
    choice = helper.make_node(
        "If",
        ["verify"],
        ["verified"],
        then_branch=branch,
        else_branch=helper.make_graph([skipped], "skipped", [], [declared]),
    )
    value_info = helper.make_tensor_value_info
    window = _named(verifier.graph.input[0], "window")
    graph.graph.node.append(choice)
    graph.graph.input.extend([value_info("verify", types.BOOL, []), window])
    graph.graph.output.append(value_info("verified", types.FLOAT, [1, "verified", keywords]))


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
            renamed[weight.name] = _shared_name(weight, weights, prefix)
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


def _shared_name(weight: Any, weights: dict[bytes, Any], prefix: str) -> str:
    """Return the name of the one copy of a weight, which is added where it is new.

    A graph and its branches share one space of names: that of a new weight gets the prefix.
    """
    content = _named(weight, "").SerializeToString(deterministic=True)
    if content not in weights:
        weights[content] = _named(weight, f"{prefix}.weight{len(weights)}")
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
