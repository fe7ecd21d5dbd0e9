"""Attention in a stream: a frame sees its own chunk and a stretch before that chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
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


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(…, U, dim) → (…, heads, U, dim / heads)."""
    return x.reshape(*x.shape[:-1], heads, -1).transpose(-3, -2)


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    masks: Sequence[Tensor | None],
    segment: int,
    left: int,
    heads: int,
    turn: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda q, k: (q, k),
) -> Tensor:
    """What each of the frames hears of those around it, segment by segment.

    Args:
        queries: (batch, U, dim).
        keys, values: (batch, left + U, dim), from `left` frames before the first query on.
        masks: of each segment of so many frames: (batch or 1, 1, frames, left + frames) or None.
        turn: what positions make of a segment's queries and keys, split; nothing by default.

    Returns:
        (batch, U, dim), before the output matrix.
    """
    attended = []
    for number, (part, mask) in enumerate(
        zip(torch.split(queries, segment, dim=1), masks, strict=True)
    ):
        first = number * segment
        last = first + left + part.shape[1]
        given = (part, keys[:, first:last], values[:, first:last])
        q, k, v = (split_heads(each, heads) for each in given)
        q, k = turn(q, k)
        attended.append(F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
    return torch.cat(attended, dim=2).transpose(1, 2).flatten(2)
