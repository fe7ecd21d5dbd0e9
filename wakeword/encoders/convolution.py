"""Convolution over the few frames that a stream brings at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEW_FRAMES = 100


def convolve_valid(conv: nn.Conv1d, x: Tensor) -> Tensor:
    """Convolve without padding: (batch, T, channels) → (batch, U, channels).

    Up to 100 frames are computed as one matrix product, which takes a fraction of the time that
    the convolution itself does.
    """
    (size,), (stride,), (dilation,) = conv.kernel_size, conv.stride, conv.dilation
    span = (size - 1) * dilation + 1
    if x.shape[1] > max(span, _FEW_FRAMES):
        return cast(Tensor, conv(x.mT)).mT
    if x.shape[1] < span:
        return x.new_zeros(len(x), 0, conv.out_channels)
    if torch.compiler.is_exporting():
        frames = (x.shape[1] - span) // stride + 1
        windows = gather_windows(x, frames, size, stride=stride, dilation=dilation)
        return F.linear(windows, conv.weight.mT.flatten(1), conv.bias)
    windows = x.unfold(1, span, stride)[..., ::dilation]
    return F.linear(windows.flatten(2), conv.weight.flatten(1), conv.bias)


def gather_windows(
    x: Tensor, frames: int, size: int, *, stride: int = 1, dilation: int = 1
) -> Tensor:
    """Gather the frames under each position of a kernel; a single operation when exported.

    Args:
        x: (batch, T, channels)
        frames: number of positions.
        size: frames in a kernel.
        stride: frames from one position to the next.
        dilation: frames from one frame of a kernel to the next.

    Returns:
        (batch, frames, size · channels)
    """
    indices = stride * torch.arange(frames)[:, None] + dilation * torch.arange(size)
    return x.index_select(1, indices.flatten()).reshape(len(x), frames, -1)


def newest_frames(pasts: Tensor, sizes: Sequence[int], inputs: Sequence[Tensor]) -> Tensor:
    """Gather the frames that each layer needs before its next input; two operations when exported.

    Args:
        pasts: (batch, sum of sizes, channels), the frames before the inputs, layer by layer.
        sizes: number of such frames of each layer.
        inputs: of each layer (batch, frames, channels).

    Returns:
        (batch, sum of sizes, channels)
    """
    indices: list[Tensor] = []
    past_start, input_start = 0, pasts.shape[1]
    for size, x in zip(sizes, inputs, strict=True):
        past = torch.arange(past_start, past_start + size)
        new = torch.arange(input_start, input_start + x.shape[1])
        indices.append(torch.cat([past, new])[x.shape[1] :])
        past_start, input_start = past_start + size, input_start + x.shape[1]
    return torch.cat([pasts, *inputs], dim=1).index_select(1, torch.cat(indices))
