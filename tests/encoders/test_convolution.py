"""Convolution as a matrix product equals torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wakeword.encoders.convolution import convolve_valid


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2, 5])
@pytest.mark.parametrize("length", [0, 1, 8, 21, 40, 140])
@torch.no_grad()
def test_valid_convolution_equals_torchs(
    size: int, stride: int, dilation: int, length: int
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv1d(6, 4, size, stride=stride, dilation=dilation)
    x = torch.randn(2, length, 6)
    found = convolve_valid(conv, x)
    if length > (size - 1) * dilation:
        torch.testing.assert_close(found, conv(x.mT).mT, atol=1e-5, rtol=1e-5)
    else:
        assert found.shape == (2, 0, 4)
