"""Block buffer: any pieces give the same blocks; a closed gate leaves gaps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import tiny as tiny_family
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.blocks import Block, BlockBuffer, Gap
from wakeword.errors import ConfigError
from wakeword.model.operating_point import OperatingPoint


@dataclass
class Model:
    """What a buffer needs of a model."""

    first_block: int = 1000
    block: int = 640
    frame_s: float = 0.04
    keywords: tuple[str, ...] = ("alexa",)
    operating_point: OperatingPoint = field(default_factory=lambda: OperatingPoint({"alexa": 0.5}))

    def step(self, block: Samples, state: object = None) -> tuple[np.ndarray, object]:
        raise NotImplementedError


def blocks_of(samples: Samples, sizes: list[int], rate: int = SAMPLE_RATE) -> list[Block]:
    buffer = BlockBuffer(Model(), rate)
    ends = np.cumsum(tiny_family.pieces(len(samples), sizes))[:-1]
    blocks = []
    for piece in np.split(samples, ends):
        buffer.push(piece)
        blocks += buffer.pop_all()
    return blocks


@settings(max_examples=50)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=6))
def test_any_pieces_give_the_same_blocks(sizes: list[int]) -> None:
    samples = tiny_family.synthetic_audio(0.6)
    blocks = blocks_of(samples, sizes)
    assert [len(block.samples) for block in blocks] == [1000, *[640] * (len(blocks) - 1)]
    assert [block.is_first for block in blocks] == [True, *[False] * (len(blocks) - 1)]
    joined = np.concatenate([block.samples for block in blocks])
    assert np.array_equal(joined, samples[: len(joined)])
    assert len(samples) - len(joined) < 640


def test_the_end_fills_the_last_block() -> None:
    buffer = BlockBuffer(Model(), SAMPLE_RATE)
    samples = tiny_family.synthetic_audio(0.5)
    buffer.push(samples)
    buffer.finish()
    joined = np.concatenate([block.samples for block in buffer.pop_all()])
    assert np.array_equal(joined[: len(samples)], samples) and not joined[len(samples) :].any()


@pytest.mark.parametrize("size", [320, 4001, 200_000])
def test_a_closed_gate_leaves_a_gap_on_the_grid_of_blocks(size: int) -> None:
    word = tiny_family.synthetic_audio(1.0)
    samples = np.concatenate([word, np.zeros(8 * SAMPLE_RATE, np.float32), word])
    buffer, gate = BlockBuffer(Model(), SAMPLE_RATE), SilenceGate()
    items = [
        item
        for at in range(0, len(samples), size)
        for item in buffer.push_gated(samples[at : at + size], gate)
    ]
    gaps = [item for item in items if isinstance(item, Gap)]
    assert gaps and all(gap.end % 640 == 0 for gap in gaps)
    position, first_blocks = 0, 0
    for item in items:
        if isinstance(item, Gap):
            position = item.end
            continue
        assert np.array_equal(item.samples, samples[position : position + len(item.samples)])
        position += len(item.samples)
        first_blocks += item.is_first
    assert first_blocks == 2  # at the start, and after the silence
    assert not buffer.in_silence


def test_several_channels_raise() -> None:
    with pytest.raises(ConfigError, match=r"shape \(100, 2\): expected one channel"):
        BlockBuffer(Model(), SAMPLE_RATE).push(np.zeros((100, 2), np.float32))
