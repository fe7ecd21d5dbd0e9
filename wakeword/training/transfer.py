"""How much of the network learns: strategies, parameter groups, and the rule that picks one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from torch import nn

from wakeword.encoders import Encoder
from wakeword.errors import ConfigError, unknown

STRATEGIES = ("auto", "head", "top:N", "full", "gradual", "scratch")


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
        pretrained: False for random weights, the honest baseline.
    """

    name: str
    reason: str
    frozen: int
    encoder_rate: float = 0.1
    decay: float = 0.7
    gradual: bool = False
    pretrained: bool = True


def choose(asked: str, encoder: Encoder, keyword_minutes: float) -> Strategy:
    """The strategy for a name: head, top:N, full, gradual, scratch or auto.

    `auto` goes by minutes of keyword audio: below 20 only the head learns; below 120 the top layer
    too; above, all layers by and by. Raises ConfigError for other names.
    """
    if asked == "auto":
        if keyword_minutes < 20:
            name, why = "head", "under 20: the new layers alone"
        elif keyword_minutes < 120:
            name, why = "top:1", "20 to 120: the new layers and the top one of the encoder"
        else:
            name, why = "gradual", "over 120: all layers, unfrozen from the top"
        reason = f"{keyword_minutes:.0f} min of keyword audio is {why}"
    else:
        name, reason = asked, "asked for"
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
    if name == "full":
        return Strategy(name, reason, 0, decay=1.0)
    if name == "gradual":
        return Strategy(name, reason, 0, gradual=True)
    if name == "scratch":
        return Strategy(name, reason, 0, encoder_rate=0.25, decay=1.0, pretrained=False)
    raise ConfigError(unknown("strategy", asked, STRATEGIES))


def freeze(encoder: Encoder, stages: int) -> list[str]:
    """Stop the lowest stages from learning in every way: gradients, statistics, dropout; for good.

    Returns the names of the parameters frozen. A later `.train()` of the whole model does not wake
    them: see `keep_frozen`. Raises ConfigError where the encoder has fewer stages.
    """
    if not 0 <= stages <= encoder.depth:
        raise ConfigError(f"{stages} stages to freeze: {encoder.spec.name} has {encoder.depth}.")
    modules = [module for stage in encoder.stages()[:stages] for module in stage]
    for module in modules:
        module.requires_grad_(False)
        module.eval()
    frozen = {id(p) for module in modules for p in module.parameters()}
    return [name for name, p in encoder.named_parameters() if id(p) in frozen]


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
    stages = encoder.stages()
    for below_top, number in enumerate(reversed(range(strategy.frozen, encoder.depth))):
        share = strategy.encoder_rate * strategy.decay**below_top
        parameters = [p for module in stages[number] for p in module.parameters()]
        groups.append({"params": parameters, "lr": rate * share})
    return groups
