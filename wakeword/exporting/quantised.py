"""A causal convolutional network in eight bits, and what it computes to the bit.

Weights are symmetric int8 with a scale per output channel, activations asymmetric int8 with a scale
per tensor, biases int32. `QuantisedNetwork.run` rounds as the kernels of TensorFlow Lite do.

Source: Jacob et al. 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference"; tflite-micro, `tensorflow/lite/kernels/internal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LOGIT_LIMIT = 5.5
"""Logits are held from -5.5 to 5.5: beyond, a score is nearer to 0 or 1 than a step of 1/256."""
_LOWEST, _HIGHEST = -128, 127


@dataclass(frozen=True)
class Convolution:
    """A convolution over the newest rows of a stream, after which ReLU may follow.

    Attributes:
        weight: (outputs, size, inputs), or (channels, size, 1) of a depthwise one.
        bias: (outputs,)
        relu: whether ReLU follows.
        depthwise: whether each channel has a filter of its own.
        stride: rows that a step of the stream brings.
    """

    weight: Floats
    bias: Floats
    relu: bool
    depthwise: bool = False
    stride: int = 1

    @property
    def past(self) -> int:
        """Rows before those of a step that it takes."""
        return int(self.weight.shape[1]) - self.stride

    def __call__(self, x: Floats) -> Floats:
        """Map (rows, inputs), after silence, to (rows / stride, outputs)."""
        y = _convolve(x, self.weight, self.past, self.stride, self.depthwise) + self.bias
        return np.maximum(y, 0.0) if self.relu else y


@dataclass(frozen=True)
class Addition:
    """Adds an earlier tensor to the newest one.

    Attributes:
        other: index of the tensor: 0 is the input, i + 1 what step i returns.
    """

    other: int


Step = Convolution | Addition
"""A step takes what the one before it returns; the first one takes the features."""


class Quantisation(NamedTuple):
    """How the int8 numbers of a tensor stand for real ones: scale · (q - zero)."""

    scale: np.float32
    zero: int


@dataclass(frozen=True)
class QuantisedConvolution:
    """A `Convolution` of int8.

    Attributes:
        weight: int8, (outputs, size, inputs) or (channels, size, 1).
        scales: (outputs,) of the weights.
        bias: (outputs,) int32.
        relu, depthwise, stride: see `Convolution`.
    """

    weight: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.int32]
    relu: bool
    depthwise: bool
    stride: int

    @property
    def past(self) -> int:
        """Rows before those of a step that it takes."""
        return int(self.weight.shape[1]) - self.stride

    @property
    def channels(self) -> int:
        """Numbers in a row that it takes."""
        return int(self.weight.shape[0 if self.depthwise else 2])

    def run(self, x: Integers, source: Quantisation, target: Quantisation) -> Integers:
        """Compute (rows / stride, outputs) from (rows, inputs), after silence."""
        weight, shifted = self.weight.astype(np.float64), (x - source.zero).astype(np.float64)
        sums = _convolve(shifted, weight, self.past, self.stride, self.depthwise)
        product = np.float64(source.scale) * self.scales.astype(np.float64)
        y = _rescale(sums.astype(np.int64) + self.bias, product / np.float64(target.scale))
        lowest = max(_LOWEST, target.zero) if self.relu else _LOWEST
        return np.clip(y + target.zero, lowest, _HIGHEST)


@dataclass(frozen=True)
class QuantisedNetwork:
    """A network of int8 that ends in one logit.

    Attributes:
        steps: in order.
        tensors: how the input, and the result of each step, is quantised.
    """

    steps: tuple[QuantisedConvolution | Addition, ...]
    tensors: tuple[Quantisation, ...]

    def run(self, x: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Compute (steps of the stream,) scores, of 256 levels, from (rows, features) of int8."""
        values = [x.astype(np.int64)]
        for step, target in zip(self.steps, self.tensors[1:], strict=True):
            source = self.tensors[len(values) - 1]
            if isinstance(step, Addition):
                second = self.tensors[step.other]
                values.append(_add((values[-1], source), (values[step.other], second), target))
            else:
                values.append(step.run(values[-1], source, target))
        scale, zero = self.tensors[-1]
        logits = (values[-1][:, 0] - zero) * np.float64(scale)
        scores: npt.NDArray[np.uint8] = (
            np.rint(256 / (1 + np.exp(-logits))).clip(0, 255).astype(np.uint8)
        )
        return scores

    def multiplications(self) -> int:
        """Return the number of multiplications of a step of the stream."""
        return sum(step.weight.size for step in self.steps if not isinstance(step, Addition))


def quantise(
    steps: Sequence[Step], examples: Iterable[Floats], source: Quantisation
) -> QuantisedNetwork:
    """Quantise a network after training.

    Args:
        steps: of the network, the last of which returns the logit.
        examples: each (rows, features) of audio like that of its use, which set the scales.
        source: how the features are quantised.
    """
    limits = np.zeros((len(steps), 2))
    for example in examples:
        for limit, values in zip(limits, run_floats(steps, example), strict=True):
            limit[:] = min(limit[0], values.min()), max(limit[1], values.max())
    limits[-1] = -LOGIT_LIMIT, LOGIT_LIMIT
    tensors = [source, *(_quantisation(low, high) for low, high in limits)]
    return QuantisedNetwork(
        tuple(
            step if isinstance(step, Addition) else _quantised_convolution(step, tensors[i])
            for i, step in enumerate(steps)
        ),
        tuple(tensors),
    )


def run_floats(steps: Sequence[Step], x: Floats) -> list[Floats]:
    """Return what each step of a network computes from (rows, features)."""
    values = [x]
    for step in steps:
        if isinstance(step, Addition):
            values.append(np.add(values[-1], values[step.other]))
        else:
            values.append(step(values[-1]))
    return values[1:]


def _quantisation(low: float, high: float) -> Quantisation:
    """Return the quantisation of a tensor with these limits, 0 among them."""
    scale = np.float32(max(high - low, 1e-6) / (_HIGHEST - _LOWEST))
    return Quantisation(scale, int(np.clip(np.rint(_LOWEST - low / scale), _LOWEST, _HIGHEST)))


def _quantised_convolution(step: Convolution, source: Quantisation) -> QuantisedConvolution:
    largest = np.abs(step.weight).max(axis=(1, 2))
    scales = (np.where(largest > 0, largest, 1.0) / _HIGHEST).astype(np.float32)
    weight = np.rint(step.weight / scales[:, None, None]).clip(-_HIGHEST, _HIGHEST)
    bias = np.rint(step.bias / (np.float64(source.scale) * scales))
    bias = bias.clip(-(2**31), 2**31 - 1).astype(np.int32)
    weight = weight.astype(np.int8)
    return QuantisedConvolution(weight, scales, bias, step.relu, step.depthwise, step.stride)


def _convolve(x: Floats, weight: Floats, past: int, stride: int, depthwise: bool) -> Floats:
    """Convolve (rows, inputs), after `past` rows of 0, to (rows / stride, outputs); no bias."""
    size = weight.shape[1]
    padded = np.concatenate([np.zeros((past, x.shape[1])), x])
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)[::stride]
    if depthwise:
        products: Floats = np.einsum("ucs,cs->uc", windows, weight[:, :, 0])
        return products
    matrix = weight.transpose(2, 1, 0).reshape(-1, len(weight))
    sums: Floats = windows.reshape(len(windows), -1) @ matrix
    return sums


def _add(
    first: tuple[Integers, Quantisation], second: tuple[Integers, Quantisation], to: Quantisation
) -> Integers:
    """Add two tensors of different scales."""
    largest = 2 * max(np.float64(scale) for _, (scale, _) in (first, second))
    total = np.int64(0)
    for values, (scale, zero) in (first, second):
        total = total + _rescale((values - zero) << 20, np.float64(scale) / largest)
    total = _rescale(total, largest / ((1 << 20) * np.float64(to.scale)))
    return np.clip(total + to.zero, _LOWEST, _HIGHEST)


def _rescale(x: Integers, factor: npt.ArrayLike) -> Integers:
    """Multiply int32 numbers by a factor of 31 bits and round twice: its product, its shift.

    Halves are rounded up, as vector instructions do.
    """
    mantissa, exponent = np.frexp(factor)
    multiplier = np.floor(mantissa * 2.0**31 + 0.5).astype(np.int64)
    overflow = multiplier == 1 << 31
    multiplier, exponent = np.where(overflow, 1 << 30, multiplier), exponent + overflow
    product = ((x << np.maximum(exponent, 0)) * multiplier + (1 << 30)) >> 31
    shift = np.maximum(-exponent, 0)
    rounded: Integers = (product + ((np.int64(1) << shift) >> 1)) >> shift
    return rounded
