"""Losses over per-frame logits; frames marked `IGNORED` count for nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from wakeword.data.clip import KeywordSegment
from wakeword.errors import ConfigError, unknown_name_message

IGNORED = -1.0

POSITIVE_S = (-0.06, 0.22)  # around the end of the word: here the detector should fire
IGNORED_S = (-0.40, 0.80)  # around the end of the word: here it may


def frame_targets(
    segments: Sequence[Sequence[KeywordSegment]],
    frames: int,
    keywords: Sequence[str],
    frame_s: float,
) -> Tensor:
    """(scenes, frames, keywords): 1 where a keyword has just ended, IGNORED around it, else 0."""
    targets = torch.zeros(len(segments), frames, len(keywords))
    ends = (torch.arange(frames) + 1) * frame_s
    for value, (first_s, last_s) in ((IGNORED, IGNORED_S), (1.0, POSITIVE_S)):
        for example, spoken in enumerate(segments):
            for segment in spoken:
                after = ends - segment.end_s
                within = (after >= first_s) & (after <= last_s)
                targets[example, within, keywords.index(segment.keyword)] = value
    return targets


def frame_bce(logits: Tensor, targets: Tensor, positive_weight: float = 4.0) -> Tensor:
    """Binary cross entropy of every frame: (batch, U, keywords) twice → a number."""
    counted = targets != IGNORED
    losses = F.binary_cross_entropy_with_logits(logits, targets.clamp_min(0.0), reduction="none")
    weights = counted * torch.where(targets > 0, positive_weight, 1.0)
    return (losses * weights).sum() / weights.sum().clamp_min(1.0)


def max_pooling(logits: Tensor, targets: Tensor, positive_weight: float = 1.0) -> Tensor:
    """One decision a scene: the best frame of the word, else the worst false one.

    Where a keyword is spoken only its highest logit near its end is taught to be high; where it is
    not, only the highest logit of the scene to be low. Source: Sun et al. 2016.
    """
    due = targets > 0
    spoken = due.any(dim=1)
    inside = logits.masked_fill(~due, -torch.inf).amax(dim=1)
    outside = logits.masked_fill(targets != 0, -torch.inf).amax(dim=1)
    found = F.softplus(-inside[spoken]) * positive_weight
    false = F.softplus(outside)
    return (found.sum() + false.sum()) / (found.numel() + false.numel())


Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, Loss] = {"bce": frame_bce, "max-pooling": max_pooling}


def loss_by_name(name: str) -> Loss:
    """A loss by name. Raises ConfigError with the nearest one."""
    if name not in LOSSES:
        raise ConfigError(unknown_name_message("loss", name, LOSSES))
    return LOSSES[name]
