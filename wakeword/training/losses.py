"""Losses over frame-wise logits, and their targets. Frames marked `IGNORED` do not count."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from wakeword.data.clip import KeywordSegment
from wakeword.errors import ConfigError, unknown_name_message

IGNORED = -1.0
"""Target of frames that do not count."""
POSITIVE_S = (-0.06, 0.22)
"""Window, relative to the end of a keyword, whose frames are positive targets, in seconds."""
IGNORED_S = (-0.40, 0.80)
"""Window, relative to the end of a keyword, whose frames the loss ignores, in seconds."""


def frame_targets(
    segments: Sequence[Sequence[KeywordSegment]],
    frames: int,
    keywords: Sequence[str],
    frame_s: float,
) -> Tensor:
    """Return the targets of examples: 1 just after a keyword's end, `IGNORED` around that, else 0.

    Args:
        segments: the keywords in each example.
        frames: logits per example.
        keywords: what the logits stand for.
        frame_s: seconds between two logits.

    Returns:
        (examples, frames, keywords).
    """
    targets = torch.zeros(len(segments), frames, len(keywords))
    ends_s = (torch.arange(frames) + 1) * frame_s
    for value, (first_s, last_s) in ((IGNORED, IGNORED_S), (1.0, POSITIVE_S)):
        for example, in_example in enumerate(segments):
            for segment in in_example:
                after_s = ends_s - segment.end_s
                within = (after_s >= first_s) & (after_s <= last_s)
                targets[example, within, keywords.index(segment.keyword)] = value
    return targets


def frame_bce(logits: Tensor, targets: Tensor, positive_weight: float = 4.0) -> Tensor:
    """Return the weighted mean binary cross-entropy of all frames that count.

    Args:
        logits: (batch, U, keywords).
        targets: (batch, U, keywords) of 0, 1 and `IGNORED`.
        positive_weight: weight of a positive frame relative to a negative one.
    """
    counted = targets != IGNORED
    losses = F.binary_cross_entropy_with_logits(logits, targets.clamp_min(0.0), reduction="none")
    weights = counted * torch.where(targets > 0, positive_weight, 1.0)
    return (losses * weights).sum() / weights.sum().clamp_min(1.0)


def max_pooling(logits: Tensor, targets: Tensor, positive_weight: float = 1.0) -> Tensor:
    """Return the max-pooling loss: the best frame of a keyword, and the worst of all others.

    Where an example contains a keyword, only the highest logit near its end is raised; only the
    highest logit elsewhere is lowered. Source: Sun et al. 2016, "Max-pooling loss training of long
    short-term memory networks for small-footprint keyword spotting".

    Args:
        logits: (batch, U, keywords).
        targets: (batch, U, keywords) of 0, 1 and `IGNORED`.
        positive_weight: weight of the positive frames.
    """
    positive = targets > 0
    has_keyword = positive.any(dim=1)
    inside = logits.masked_fill(~positive, -torch.inf).amax(dim=1)
    outside = logits.masked_fill(targets != 0, -torch.inf).amax(dim=1)
    positive_losses = F.softplus(-inside[has_keyword]) * positive_weight
    negative_losses = F.softplus(outside)
    total = positive_losses.sum() + negative_losses.sum()
    return total / (positive_losses.numel() + negative_losses.numel())


Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, Loss] = {"bce": frame_bce, "max-pooling": max_pooling}


def loss_by_name(name: str) -> Loss:
    """Return a loss by its name.

    Raises:
        ConfigError: unknown name; the message suggests the nearest one.
    """
    if name not in LOSSES:
        raise ConfigError(unknown_name_message("loss", name, LOSSES))
    return LOSSES[name]
