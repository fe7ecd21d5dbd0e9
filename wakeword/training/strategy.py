"""How much of the network is trained: strategies, and the freezing and grouping they imply."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from wakeword.encoders.base import Encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.training import strategy_table
from wakeword.training.config import STRATEGIES

_TOP = re.compile(r"top:(\d+)")
_LOW_RANK = re.compile(r"lora:([1-9]\d{0,2})")
_HEAD_BELOW_MINUTES = 20  # of keyword clips
_TOP_BELOW_MINUTES = 120


@dataclass(frozen=True)
class Strategy:
    """Which part of a model is trained, and at which rates.

    Attributes:
        name: as requested, or as chosen by "auto".
        reason: why it was chosen, in one sentence.
        frozen: number of layer groups of the encoder, from the lowest, that are not trained.
        encoder_rate: learning rate of the top layer group relative to the head's.
        decay: factor of the learning rate from each layer group to the one below.
        gradual: whether the layer groups start to train one after the other, from the top.
        rank: rank of the trained low-rank update of each matrix, which itself stays frozen; 0
            trains the matrices themselves.
        pretrained: False starts from random weights, the baseline of transfer learning.
    """

    name: str
    reason: str
    frozen: int
    encoder_rate: float = 0.1
    decay: float = 0.7
    gradual: bool = False
    rank: int = 0
    pretrained: bool = True


def choose_strategy(name: str, encoder: Encoder, keyword_minutes: float, clips: float) -> Strategy:
    """Return the strategy of a name.

    "auto" is the best strategy of `training.strategy_table` at the nearest number of clips. Where
    the table has no row (another encoder, fewer than a third or more than three times as many
    clips), it depends on the minutes: below 20 the head alone, below 120 the top layer group too,
    above all layer groups, unfrozen gradually.

    Args:
        name: one of `training.config.STRATEGIES`.
        encoder: the encoder to train.
        keyword_minutes: minutes of keyword clips.
        clips: keyword clips per keyword.

    Raises:
        ConfigError: unknown name, or more layer groups than the encoder has.
    """
    check_strategy(name, encoder.spec)
    reason = "requested"
    if name == "auto":
        name, reason = _choose_automatically(encoder, keyword_minutes, clips)
    if top := _TOP.fullmatch(name):
        return Strategy(name, reason, encoder.depth - int(top[1]))
    if low_rank := _LOW_RANK.fullmatch(name):
        return Strategy(name, reason, 0, encoder_rate=0.5, decay=1.0, rank=int(low_rank[1]))
    if name == "head":
        return Strategy(name, reason, encoder.depth)
    if name == "full":
        return Strategy(name, reason, 0, decay=1.0)
    if name == "layerwise":
        return Strategy(name, reason, 0)
    if name == "gradual":
        return Strategy(name, reason, 0, gradual=True)
    return Strategy(name, reason, 0, encoder_rate=0.25, decay=1.0, pretrained=False)


def check_strategy(name: str, spec: EncoderSpec) -> None:
    """Check a name for an encoder, before anything is read or built.

    Raises:
        ConfigError: unknown name, or more layer groups than the encoder has.
    """
    if top := _TOP.fullmatch(name):
        depth = 1 + spec.layers
        if not 1 <= int(top[1]) <= depth:
            raise ConfigError(
                f"strategy {name}: {spec.name} has {depth} layer groups. "
                f"Choose top:1 to top:{depth}."
            )
    elif not _LOW_RANK.fullmatch(name) and (name not in STRATEGIES or ":" in name):
        raise ConfigError(unknown_name_message("strategy", name, STRATEGIES))


def _choose_automatically(encoder: Encoder, minutes: float, clips: float) -> tuple[str, str]:
    """Return the name of the strategy for an amount of data, and the reason in one sentence."""
    if rows := strategy_table.nearest_rows(encoder.spec.name, clips):
        best = strategy_table.best_row(rows)
        others = "".join(f", {row.strategy} {row.miss_rate:.1%}" for row in rows if row is not best)
        return best.strategy, (
            f"{clips:.0f} clips per keyword; measured with {best.clips}, {best}{others}"
        )
    if minutes < _HEAD_BELOW_MINUTES:
        name, rule = "head", f"below {_HEAD_BELOW_MINUTES}: the head alone"
    elif minutes < _TOP_BELOW_MINUTES:
        name = "top:1"
        rule = f"{_HEAD_BELOW_MINUTES} to {_TOP_BELOW_MINUTES}: the head and the top layer group"
    else:
        name = "gradual"
        rule = f"over {_TOP_BELOW_MINUTES}: all layer groups, unfrozen from the top"
    return name, f"{minutes:.0f} min of keyword clips, {rule}; not measured"


def freeze(encoder: Encoder, layer_groups: int) -> list[str]:
    """Freeze the lowest layer groups for good: gradients, BatchNorm statistics and dropout.

    `model.train()` puts frozen modules back into training mode; call `keep_frozen` after it.

    Args:
        encoder: the encoder.
        layer_groups: how many to freeze.

    Returns:
        Names of the frozen parameters.

    Raises:
        ConfigError: the encoder has fewer layer groups.
    """
    if not 0 <= layer_groups <= encoder.depth:
        raise ConfigError(
            f"cannot freeze {layer_groups} layer groups: {encoder.spec.name} has {encoder.depth}."
        )
    modules = [module for group in encoder.layer_groups()[:layer_groups] for module in group]
    for module in modules:
        module.requires_grad_(False)
        module.eval()
    frozen = {id(p) for module in modules for p in module.parameters()}
    return [name for name, p in encoder.named_parameters() if id(p) in frozen]


def keep_frozen(model: nn.Module) -> None:
    """Put modules whose parameters are all frozen into evaluation mode, after `model.train()`."""
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


class _LowRankUpdate(nn.Module):
    """Parametrisation weight + up · down; up starts at zero, so at first nothing changes.

    Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(torch.randn(rank, columns) / math.sqrt(columns))
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the updated weight."""
        return weight + self.up @ self.down


def add_low_rank(encoder: Encoder, rank: int) -> None:
    """Freeze an encoder and give the matrix of each linear layer a trainable low-rank update.

    The tensors of the encoder have other names until `merge_low_rank`.
    """
    encoder.requires_grad_(False)
    for module in list(encoder.modules()):
        if isinstance(module, nn.Linear):
            update = _LowRankUpdate(module.weight, rank)
            parametrize.register_parametrization(module, "weight", update)


def merge_low_rank(encoder: Encoder) -> None:
    """Add the low-rank updates to their matrices; without updates, nothing changes.

    Parametrisations of other layers, such as a weight norm, stay.
    """
    for module in list(encoder.modules()):
        if isinstance(module, nn.Linear) and parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def parameter_groups(
    encoder: Encoder, head: nn.Module, strategy: Strategy, learning_rate: float
) -> list[dict[str, Any]]:
    """Return the optimiser's parameter groups: the head, then the layer groups from the top.

    Args:
        encoder: the encoder, frozen as `strategy` says.
        head: the head.
        strategy: relative learning rates.
        learning_rate: of the head.
    """
    groups: list[dict[str, Any]] = [{"params": list(head.parameters()), "lr": learning_rate}]
    layer_groups = encoder.layer_groups()
    for below_top, number in enumerate(reversed(range(strategy.frozen, encoder.depth))):
        share = strategy.encoder_rate * strategy.decay**below_top
        parameters = [p for module in layer_groups[number] for p in module.parameters()]
        trainable = [p for p in parameters if p.requires_grad]
        groups.append({"params": trainable, "lr": learning_rate * share})
    return groups
