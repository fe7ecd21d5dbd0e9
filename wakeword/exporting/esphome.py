"""Export to ESPHome's `micro_wake_word`: a .tflite file of int8 and its manifest, for each keyword.

The device computes the features of `encoders.micro_frontend` itself. The mean of the last logits,
which a trigger takes, is part of the network: a score of the device is a score of the model, and
its threshold is that of the model.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wakeword.audio.files import iter_audio
from wakeword.audio.samples import Samples
from wakeword.encoders.micro import FEATURES_PER_FRAME, Layer, MicroEncoder
from wakeword.encoders.micro_frontend import RAW_SCALE
from wakeword.errors import ConfigError
from wakeword.exporting.quantised import (
    Addition,
    Convolution,
    Floats,
    Quantisation,
    QuantisedConvolution,
    QuantisedNetwork,
    Step,
    quantise,
    run_floats,
)
from wakeword.exporting.tflite_file import tflite_bytes
from wakeword.heads import DepthwiseHead
from wakeword.model.network import WakeWordModel
from wakeword.model.provenance import licence_notice
from wakeword.model.two_stage import AnyModel
from wakeword.storage import atomic_write

FEATURES = Quantisation(np.float32(666 / 256 * RAW_SCALE), -128)
"""The device maps the integers v of its front end to (256 v + 333) // 666 - 128."""
MINIMUM_VERSION = "2024.7.0"
"""The first version of ESPHome that reads manifests of version 2."""
HIGHEST_CUTOFF = 0.9
"""A threshold above it is moved to it, and all logits by as much: 8 bits hardly tell higher scores
apart."""
_CALIBRATION_S = 1800  # of recordings, at most
_PIECE = 6000  # features, one minute, that are calibrated on at once


@dataclass(frozen=True)
class EsphomeFile:
    """The export of one keyword.

    Attributes:
        keyword: that it detects.
        tflite: path of the network.
        manifest: path of the manifest, which ESPHome's `models:` names.
        network: what the file computes.
        cutoff: score at which the device detects the keyword.
        shift: what was subtracted from all logits; see `HIGHEST_CUTOFF`.
        arena: bytes of working memory that the manifest asks for.
        difference: |score − score| of the file and the model on the recordings: mean and maximum.
    """

    keyword: str
    tflite: Path
    manifest: Path
    network: QuantisedNetwork
    cutoff: float
    shift: float
    arena: int
    difference: tuple[float, float]


def export_esphome(
    model: AnyModel, folder: Path | str, recordings: Sequence[Path]
) -> list[EsphomeFile]:
    """Write the files of each keyword of a model, atomically.

    Args:
        model: from `wakeword.load`, of the encoder family "micro" with the head "depthwise".
        folder: for the files; it is created.
        recordings: speech and other audio like that of the device's room, on which the ranges of
            the eight-bit numbers are measured; the first half hour of it.

    Raises:
        ConfigError: a model of another kind, no recordings, or a missing package.
        AudioError: a recording that cannot be read.
    """
    network = _single_stage(model)
    if not recordings:
        raise ConfigError(
            "quantising for ESPHome needs recordings, some minutes of speech with and without the "
            "keyword: --audio FILE, which may be repeated."
        )
    examples = list(_pieces(network, recordings))
    if not examples:
        raise ConfigError("the recordings of --audio are shorter than a frame of 30 ms.")
    return [
        _export_keyword(network, index, Path(folder), examples)
        for index in range(len(network.keywords))
    ]


def _export_keyword(
    model: WakeWordModel, index: int, folder: Path, examples: Sequence[Floats]
) -> EsphomeFile:
    """Quantise and write the network of one keyword."""
    keyword = model.keywords[index]
    threshold = model.operating_point.thresholds[keyword]
    cutoff = min(threshold, HIGHEST_CUTOFF)
    shift = _logit(threshold) - _logit(cutoff)
    steps = network_steps(model, index, shift)
    quantised = quantise(steps, examples, FEATURES)
    name = re.sub(r"\W+", "_", keyword).strip("_").lower() or f"keyword_{index}"
    tflite, manifest = folder / f"{name}.tflite", folder / f"{name}.json"
    exported = EsphomeFile(
        keyword=keyword,
        tflite=tflite,
        manifest=manifest,
        network=quantised,
        cutoff=cutoff,
        shift=shift,
        arena=arena_size(quantised),
        difference=_difference(steps, quantised, examples),
    )
    content = tflite_bytes(quantised, f"wakeword: {keyword}", licence_notice(asdict(model.origin)))
    with atomic_write(tflite) as part:
        part.write_bytes(content)
    with atomic_write(manifest) as part:
        part.write_text(json.dumps(_manifest(exported), indent=2) + "\n", encoding="utf-8")
    return exported


def _difference(
    steps: Sequence[Step], network: QuantisedNetwork, examples: Iterable[Floats]
) -> tuple[float, float]:
    """Return the mean and the maximum of |score − score| before and after quantising."""
    differences = []
    for example in examples:
        logits = run_floats(steps, example)[-1][:, 0]
        scores = network.run(quantised_features(example)) / 256
        differences.append(np.abs(1 / (1 + np.exp(-logits)) - scores))
    joined = np.concatenate(differences)
    return float(joined.mean()), float(joined.max())


def _manifest(exported: EsphomeFile) -> dict[str, object]:
    """Return the manifest of version 2; the network averages, so the device need not."""
    return {
        "type": "micro",
        "wake_word": exported.keyword,
        "author": "wakeword",
        "website": "https://pypi.org/project/wakeword/",
        "model": exported.tflite.name,
        "trained_languages": [],
        "version": 2,
        "micro": {
            "probability_cutoff": round(exported.cutoff, 4),
            "feature_step_size": 10,
            "sliding_window_size": 1,
            "tensor_arena_size": exported.arena,
            "minimum_esphome_version": MINIMUM_VERSION,
        },
    }


def network_steps(model: WakeWordModel, index: int = 0, shift: float = 0.0) -> list[Step]:
    """Return the network of one keyword: from features to the mean of its last logits.

    Args:
        model: that `export_esphome` takes.
        index: of the keyword.
        shift: what is subtracted from the logits.
    """
    encoder, head = cast(MicroEncoder, model.encoder), cast(DepthwiseHead, model.head)
    steps: list[Step] = [_convolution(encoder.trunk.stem)]
    for layer in list(encoder.trunk.layers)[: encoder.output_layers[0]]:
        before = len(steps)
        steps.append(_convolution(cast(Layer, layer).depthwise))
        steps += [_matrix(cast(Layer, layer).pointwise), Addition(before)]
    steps += [_matrix(head.project), _convolution(head.depthwise)]
    smoothing = max(1, round(model.operating_point.smoothing_s / model.frame_s))
    weight = _numbers(head.out.weight)[index][None, None] / smoothing
    bias = _numbers(head.out.bias)[index : index + 1] - shift
    return [*steps, Convolution(np.repeat(weight, smoothing, axis=1), bias, relu=False)]


def quantised_features(features: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """Return features as the device hands them to the network."""
    scaled = np.rint(np.asarray(features, np.float64) / np.float64(FEATURES.scale))
    return cast("npt.NDArray[np.int8]", (scaled + FEATURES.zero).clip(-128, 127).astype(np.int8))


def features_of(model: WakeWordModel, stream: Iterable[Samples]) -> Floats:
    """Return the features of a stream, as many as complete frames need: (3 · frames, 40)."""
    state, parts = None, [np.zeros((0, model.frontend.width))]
    for piece in stream:
        features, state = model.frontend(torch.from_numpy(piece)[None], state)
        parts.append(features[0].double().numpy())
    joined = np.concatenate(parts)
    return joined[: len(joined) // FEATURES_PER_FRAME * FEATURES_PER_FRAME]


def arena_size(network: QuantisedNetwork) -> int:
    """Return bytes of working memory that the network needs on a device, an upper bound.

    TensorFlow Lite Micro keeps there the rows of earlier steps, two numbers for each output channel
    and its own structures, which are counted as large as on a 64-bit processor; and, one step at a
    time, tensors and ESP-NN's copy of the weights.
    """
    convolutions = [step for step in network.steps if isinstance(step, QuantisedConvolution)]
    with_past = [step for step in convolutions if step.past]
    operators = len(network.steps) + 7 * len(with_past) + 7  # 7: to read, join, cut and write rows
    tensors = 4 * len(network.steps) + 9 * len(with_past) + 8
    structures = 112 * operators + 24 * tensors + 2048  # bytes
    channels = sum(len(step.weight) for step in convolutions)
    rows = sum(step.past * step.channels for step in with_past)
    width = max(len(step.weight) for step in convolutions)
    most = 0  # bytes of one step
    for step in convolutions:
        window = step.weight.shape[1] * step.channels
        scratch = 4 * window if step.depthwise else step.weight.size
        most = max(most, 3 * window + 2 * width + scratch)
    return math.ceil((structures + 8 * channels + rows + most) / 1024) * 1024


def _single_stage(model: AnyModel) -> WakeWordModel:
    """Return the model if it can be exported. Raises ConfigError."""
    remedy = "Train one with --encoder wakeword-micro."
    if not isinstance(model, WakeWordModel):
        raise ConfigError(f"a model of two stages does not fit a microcontroller. {remedy}")
    encoder, head = model.encoder, model.head
    if not isinstance(encoder, MicroEncoder):
        raise ConfigError(
            f"{model.origin.encoder} does not fit a microcontroller: expected an encoder of the "
            f"family micro. {remedy}"
        )
    if not isinstance(head, DepthwiseHead) or len(encoder.output_layers) != 1:
        raise ConfigError(
            f"a head {model.origin.head} on {len(encoder.output_layers)} layers: a "
            "microcontroller has the operations of the head depthwise on one layer. Train with "
            "--head depthwise and without --layers."
        )
    return model


def _pieces(model: WakeWordModel, recordings: Iterable[Path]) -> Iterator[Floats]:
    """Yield the features of recordings, a minute at a time and half an hour in all."""
    left = 100 * _CALIBRATION_S
    for recording in recordings:
        if not left:
            return
        features = features_of(model, iter_audio(recording))[:left]
        left -= len(features)
        for start in range(0, len(features), _PIECE):
            yield features[start : start + _PIECE]


def _convolution(conv: nn.Conv1d) -> Convolution:
    """Return a convolution that ReLU follows."""
    weight = _numbers(conv.weight).transpose(0, 2, 1)
    bias = _numbers(cast(Tensor, conv.bias))
    return Convolution(weight, bias, True, conv.groups > 1, conv.stride[0])


def _matrix(linear: nn.Linear) -> Convolution:
    """Return a matrix that ReLU follows."""
    return Convolution(_numbers(linear.weight)[:, None], _numbers(linear.bias), True)


def _numbers(tensor: Tensor) -> Floats:
    numbers: Floats = tensor.detach().cpu().double().numpy()
    return numbers


def _logit(score: float) -> float:
    score = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(score / (1 - score))
