"""Attention in a stream: a frame attends to its own chunk and to a number of frames before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

SEGMENT = 8
"""Chunks that are attended to at once when many are ready."""


def chunk_masks(past_frames: Tensor, frames: int, chunk: int, left: int) -> list[Tensor | None]:
    """Return the attention mask of each segment of a piece of a stream.

    A segment's keys begin `left` frames before it. Each of its frames attends to its own chunk and
    to the `left` frames before that chunk, as far back as the stream goes.

    Args:
        past_frames: (batch, 1) frames of each stream before these.
        frames: number of frames, a multiple of `chunk`.
        chunk: frames in a chunk.
        left: frames before its chunk that a frame attends to.

    Returns:
        One mask a segment, (batch or 1, 1, segment, left + segment); None where every frame
        attends to every key.
    """
    masks: list[Tensor | None] = []
    for offset in range(0, frames, SEGMENT * chunk):
        size = min(SEGMENT * chunk, frames - offset)
        first = torch.arange(size, device=past_frames.device)[:, None] // chunk * chunk
        key = torch.arange(left + size, device=past_frames.device)
        visible = (key >= first) & (key < first + left + chunk)
        # an exported graph is the same at any time, so it cannot depend on past_frames
        near_start = torch.compiler.is_exporting() or int(past_frames.min()) + offset < left
        if near_start:
            visible = visible & (past_frames + offset + key >= left)[:, None, None]
        masks.append(visible if near_start or size > chunk else None)
    return masks


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Reshape (…, U, dim) to (…, heads, U, dim / heads)."""
    return x.reshape(*x.shape[:-1], heads, -1).transpose(-3, -2)


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    masks: Sequence[Tensor | None],
    segment: int,
    left: int,
    heads: int,
    rotate: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda q, k: (q, k),
) -> Tensor:
    """Compute multi-head attention segment by segment.

    Args:
        queries: (batch, U, dim).
        keys: (batch, left + U, dim), beginning `left` frames before the first query.
        values: of the same shape.
        masks: of each segment, (batch or 1, 1, frames, left + frames) or None.
        segment: frames in a segment.
        left: frames before the first query.
        heads: number of attention heads.
        rotate: applies positions to a segment's queries and keys, both split into heads; none by
            default.

    Returns:
        (batch, U, dim), before the output projection.
    """
    attended = []
    for number, (part, mask) in enumerate(
        zip(torch.split(queries, segment, dim=1), masks, strict=True)
    ):
        first = number * segment
        last = first + left + part.shape[1]
        projected = (part, keys[:, first:last], values[:, first:last])
        q, k, v = (split_heads(x, heads) for x in projected)
        q, k = rotate(q, k)
        attended.append(F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
    return torch.cat(attended, dim=2).transpose(1, 2).flatten(2)
