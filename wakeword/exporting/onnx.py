"""Export to ONNX: one file with front end, encoder, head and metadata, for `wakeword.runtime`.

The graph takes a block of samples and the state, and returns logits and the next state. The first
block of a stream is longer and has no state: the input `first` is set for it, and those of the
state are 0. Where a stream can start from a state of the usual structure, the graph chooses between
that state and its input, and the same nodes compute all else. Other models have a graph for the
first block and one for the blocks after it, over the same weights, and the file chooses between
them; that takes more time, because onnxruntime hands over every weight at each call.

The graph of a model of two stages is that of its gate, with the verifier in one more
branch: where the input `verify` is set, it maps the input `window` to the output `verified`. All
rules between the stages are those of `model.cascade`, which the runtime applies.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wakeword.errors import ConfigError
from wakeword.exporting.graphs import Graph, add_verifier, with_branches, with_start
from wakeword.model.network import WakeWordModel
from wakeword.model.provenance import licence_notice
from wakeword.model.state import replace_tensors, state_structure, state_tensors
from wakeword.model.two_stage import AnyModel, TwoStageModel
from wakeword.runtime import FORMAT, TWO_STAGE_FORMAT
from wakeword.storage import atomic_write

_MAX_FOLDED = 1 << 28  # values: constants up to this size are computed when exporting


def export_onnx(model: AnyModel, path: Path | str, *, int8: bool = False) -> None:
    """Write a model as an ONNX file, atomically.

    Args:
        model: from `wakeword.load`, of one stage or two.
        path: of the file.
        int8: whether to store the weights of encoder and head in eight bits; the front end stays in
            float32, and so does the head of a verifier.

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
    if isinstance(model, TwoStageModel):
        verifier = _graph(_Verifier(model.verifier), (torch.zeros(1, model.window),))
        graph = _stage_graph(onnx, model.gate, int8)
        add_verifier(onnx, graph, _quantised(verifier, all_bits=True) if int8 else verifier)
    else:
        graph = _stage_graph(onnx, model, int8)
    properties = {
        "wakeword": json.dumps(_metadata(model, int8), sort_keys=True),
        "NOTICE": licence_notice(asdict(model.origin)),
    }
    onnx.helper.set_model_props(graph, properties)
    onnx.checker.check_model(graph)
    with atomic_write(Path(path)) as part:
        part.write_bytes(graph.SerializeToString(deterministic=True))


def _metadata(model: AnyModel, int8: bool) -> dict[str, Any]:
    """Return what `wakeword.runtime` needs to know of a graph, in JSON's types."""
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
    if isinstance(model, TwoStageModel):
        metadata |= {
            "format": TWO_STAGE_FORMAT,
            "cascade": asdict(model.cascade.config),
            "window": model.window,
            "verifier_frame_s": model.verifier.frame_s,
            "parameters": sum(each.numel() for each in model.parameters()),
        }
    return metadata


def _stage_graph(onnx: Any, model: WakeWordModel, int8: bool) -> Graph:
    """Return the graph of a model of one stage, for all blocks of a stream.

    Raises ConfigError where no graph can hold the state.
    """
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
        return with_start(onnx, start_graph, later_graph, chosen, len(model.keywords))
    first_graph = _graph(_Step(model, None), (first,))
    if int8:
        first_graph = _quantised(first_graph)
    return with_branches(onnx, first_graph, later_graph, len(model.keywords))


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


class _Verifier(nn.Module):
    """A model as a function of one window of samples, without a state."""

    def __init__(self, model: WakeWordModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, samples: Tensor) -> Tensor:
        """Map (1, window) samples to (1, frames, keywords) logits."""
        logits: Tensor = self.model(samples)[0]
        return logits


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


def _quantised(graph: Graph, *, all_bits: bool = False) -> Graph:
    """Store the matrices of encoder and head in eight bits; activations are quantised at run time.

    Seven of the eight bits are used: without VNNI, sums of products with signed weights overflow.

    Args:
        graph: from `_graph`.
        all_bits: whether to use unsigned weights, eight bits of them, and leave the head in
            float32: half the error, in half as much time again.
    """
    onnx = import_module("onnx")
    quantization = import_module("onnxruntime.quantization")
    kept = ("frontend", "model.head") if all_bits else ("frontend",)
    excluded = [
        node.name
        for node in graph.graph.node
        if any(part in each.value for each in node.metadata_props for part in kept)
    ]
    types = quantization.QuantType
    with tempfile.TemporaryDirectory() as folder, _quiet():
        out = Path(folder) / "quantised.onnx"
        quantization.quantize_dynamic(
            graph,
            out,
            per_channel=True,
            reduce_range=not all_bits,
            weight_type=types.QUInt8 if all_bits else types.QInt8,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=excluded,
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
