"""Attention in a stream: a frame sees its own chunk and a stretch before that chunk."""

from __future__ import annotations

import torch
from torch import Tensor

SEGMENT = 8  # chunks that are attended to at once when many are there


def chunk_masks(seen: Tensor, frames: int, chunk: int, left: int) -> list[Tensor | None]:
    """For each segment of the frames: which of the keys from `left` before it on each sees.

    Args:
        seen: (batch, 1), frames of each stream before these.
        frames: a whole number of chunks.

    Returns:
        For each segment (batch or 1, 1, segment, left + segment); None where all see all.
    """
    masks: list[Tensor | None] = []
    for at in range(0, frames, SEGMENT * chunk):
        size = min(SEGMENT * chunk, frames - at)
        first = torch.arange(size, device=seen.device)[:, None] // chunk * chunk
        key = torch.arange(left + size, device=seen.device)
        near = (key >= first) & (key < first + left + chunk)
        # an exported graph is one for all times, so it cannot look at how much was seen
        young = torch.compiler.is_exporting() or int(seen.min()) + at < left
        if young:
            near = near & (seen + at + key >= left)[:, None, None]
        masks.append(near if young or size > chunk else None)
    return masks
