"""How much of the network learns: strategies, parameter groups, and the rule that picks one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from wakeword.encoders.base import Encoder
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.training import strategy_table

STRATEGIES = ("auto", "head", "top:N", "lora:R", "full", "layerwise", "gradual", "scratch")
_MEASURED_MINUTES = 20  # of keyword audio: depths were compared below


@dataclass(frozen=True)
class Strategy:
    """Which part of a model learns, and how fast.

    Attributes:
        name: as it was asked for or chosen.
        reason: why, in one sentence.
        frozen: stages of the encoder, from the lowest, that never learn.
        encoder_rate: learning rate of the top stage as a share of the head's.
        decay: factor from each stage to the one below it.
        gradual: the stages join one after the other, from the top.
        rank: of what is learned beside each matrix of the encoder, which stays; 0: the matrices
            themselves learn.
        pretrained: False for random weights, the honest baseline.
    """

    name: str
    reason: str
    frozen: int
    encoder_rate: float = 0.1
    decay: float = 0.7
    gradual: bool = False
    rank: int = 0
    pretrained: bool = True


def choose_strategy(asked: str, encoder: Encoder, keyword_minutes: float, clips: float) -> Strategy:
    """The strategy for a name: head, top:N, lora:R, full, layerwise, gradual, scratch or auto.

    `auto` takes what missed least where depths were measured (`training.depth`) with the number of
    clips nearest to `clips`, of each word. Where no row reaches (another encoder, a third or three
    times as many clips, 20 minutes of keyword audio and more), it goes by minutes: below 20 only
    the head learns; below 120 the top layer too; above, all layers by and by. Raises ConfigError
    for other names.
    """
    name, reason = (
        _auto(encoder, keyword_minutes, clips) if asked == "auto" else (asked, "asked for")
    )
    top = re.fullmatch(r"top:(\d+)", name)
    if name == "head":
        return Strategy(name, reason, encoder.depth)
    if top:
        layers = int(top[1])
        if not 1 <= layers <= encoder.depth:
            raise ConfigError(
                f"strategy {name}: {encoder.spec.name} has {encoder.depth} stages. "
                f"Choose top:1 to top:{encoder.depth}."
            )
        return Strategy(name, reason, encoder.depth - layers)
    low_rank = re.fullmatch(r"lora:([1-9]\d{0,2})", name)
    if low_rank:
        return Strategy(name, reason, 0, encoder_rate=0.5, decay=1.0, rank=int(low_rank[1]))
    if name == "full":
        return Strategy(name, reason, 0, decay=1.0)
    if name == "layerwise":
        return Strategy(name, reason, 0)
    if name == "gradual":
        return Strategy(name, reason, 0, gradual=True)
    if name == "scratch":
        return Strategy(name, reason, 0, encoder_rate=0.25, decay=1.0, pretrained=False)
    raise ConfigError(unknown_name_message("strategy", asked, STRATEGIES))


def _auto(encoder: Encoder, minutes: float, clips: float) -> tuple[str, str]:
    """A strategy's name, and why in one sentence."""
    rows = (
        strategy_table.nearest_rows(encoder.spec.name, clips) if minutes < _MEASURED_MINUTES else []
    )
    if rows:
        best = strategy_table.best_row(rows)
        others = [row for row in rows if row is not best]
        beside = "".join(f", {row.strategy} {row.missed:.1%}" for row in others)
        return best.strategy, (
            f"{clips:.0f} clips a word: where it was measured, with {best.clips}, {best}{beside}"
        )
    if minutes < _MEASURED_MINUTES:
        name, why = "head", "under 20: the new layers alone"
    elif minutes < 120:
        name, why = "top:1", "20 to 120: the new layers and the top one of the encoder"
    else:
        name, why = "gradual", "over 120: all layers, unfrozen from the top"
    return name, f"{minutes:.0f} min of keyword audio is {why}; not measured"


def freeze(encoder: Encoder, layer_groups: int) -> list[str]:
    """Stop the lowest stages from learning in every way: gradients, statistics, dropout; for good.

    Returns the names of the parameters frozen. A later `.train()` of the whole model does not wake
    them: see `keep_frozen`. Raises ConfigError where the encoder has fewer stages.
    """
    if not 0 <= layer_groups <= encoder.depth:
        raise ConfigError(
            f"{layer_groups} stages to freeze: {encoder.spec.name} has {encoder.depth}."
        )
    modules = [module for stage in encoder.layer_groups()[:layer_groups] for module in stage]
    for module in modules:
        module.requires_grad_(False)
        module.eval()
    frozen = {id(p) for module in modules for p in module.parameters()}
    return [name for name, p in encoder.named_parameters() if id(p) in frozen]


class _LowRank(nn.Module):
    """weight + up · down, of which up begins at zero: at first nothing is changed.

    Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(torch.randn(rank, columns) / math.sqrt(columns))
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


def add_low_rank(encoder: Encoder, rank: int) -> None:
    """Freeze the encoder but for a product of `rank` beside each matrix of its linear layers.

    Until `merge`, its tensors have other names.
    """
    encoder.requires_grad_(False)
    for module in list(encoder.modules()):
        if isinstance(module, nn.Linear):
            beside = _LowRank(module.weight, rank)
            parametrize.register_parametrization(module, "weight", beside)


def merge_low_rank(encoder: Encoder) -> None:
    """Add what `adapt` has let be learned to the matrices; nothing where nothing is adapted.

    Other parametrisations, such as a weight norm, stay.
    """
    for module in list(encoder.modules()):
        if isinstance(module, nn.Linear) and parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def keep_frozen(model: nn.Module) -> None:
    """After `model.train()`: modules whose every parameter is frozen go back to evaluation."""
    for module in model.modules():
        own = list(module.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()


def parameter_groups(
    encoder: Encoder, head: nn.Module, strategy: Strategy, rate: float
) -> list[dict[str, Any]]:
    """Optimiser groups: the head first, then the learning stages from the top, slower downwards."""
    groups: list[dict[str, Any]] = [{"params": list(head.parameters()), "lr": rate}]
    layer_groups = encoder.layer_groups()
    for below_top, number in enumerate(reversed(range(strategy.frozen, encoder.depth))):
        share = strategy.encoder_rate * strategy.decay**below_top
        parameters = [p for module in layer_groups[number] for p in module.parameters()]
        learning = [p for p in parameters if p.requires_grad]
        groups.append({"params": learning, "lr": rate * share})
    return groups
