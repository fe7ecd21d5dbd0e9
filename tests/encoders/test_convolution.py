"""Convolution as a matrix product equals torch's own; gathered frames are those of slices."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wakeword.encoders.convolution import convolve_valid, newest_frames


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2, 5])
@pytest.mark.parametrize("length", [0, 1, 8, 21, 40, 140])
@pytest.mark.parametrize("exporting", [False, True])
@torch.no_grad()
def test_valid_convolution_equals_torchs(
    size: int,
    stride: int,
    dilation: int,
    length: int,
    exporting: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: exporting)
    conv = nn.Conv1d(6, 4, size, stride=stride, dilation=dilation)
    x = torch.randn(2, length, 6)
    found = convolve_valid(conv, x)
    if length > (size - 1) * dilation:
        torch.testing.assert_close(found, conv(x.mT).mT, atol=1e-5, rtol=1e-5)
    else:
        assert found.shape == (2, 0, 4)


@pytest.mark.parametrize("frames", [0, 1, 3, 4, 9])
def test_newest_frames_are_the_last_of_each_layer(frames: int) -> None:
    torch.manual_seed(0)
    sizes = [1, 4, 6]
    pasts = torch.randn(2, sum(sizes), 5)
    inputs = [torch.randn(2, frames, 5) for _ in sizes]
    expected = [
        torch.cat([past, x], dim=1)[:, frames:]
        for past, x in zip(pasts.split(sizes, dim=1), inputs, strict=True)
    ]
    assert torch.equal(newest_frames(pasts, sizes, inputs), torch.cat(expected, dim=1))
