"""Strategies: what they freeze, how they group parameters, and how "auto" chooses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny as tiny_family
import torch
from torch import nn

from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.training import strategy_table
from wakeword.training.config import STRATEGIES
from wakeword.training.strategy import (
    add_low_rank,
    choose_strategy,
    freeze,
    keep_frozen,
    merge_low_rank,
    parameter_groups,
)

NAMES = ("head", "top:1", "top:2", "top:3", "full", "layerwise", "gradual", "scratch")


@pytest.mark.parametrize("streaming", ["chunked", "window"])
@pytest.mark.parametrize("name", NAMES)
def test_every_trainable_parameter_is_in_one_group(
    tiny: EncoderSpec, streaming: str, name: str
) -> None:
    model = tiny_family.model(streaming)
    strategy = choose_strategy(name, model.encoder, 10, 50)
    frozen = freeze(model.encoder, strategy.frozen)
    sizes = {n: parameter.numel() for n, parameter in model.encoder.named_parameters()}
    groups = parameter_groups(model.encoder, model.head, strategy, 1e-3)
    listed = [parameter for group in groups for parameter in group["params"]]
    assert len(listed) == len({id(parameter) for parameter in listed})
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert {id(p) for p in listed} == {id(p) for p in trainable}
    total = sum(parameter.numel() for parameter in model.parameters())
    assert sum(sizes[each] for each in frozen) + sum(p.numel() for p in trainable) == total
    assert len(groups) == 1 + model.encoder.depth - strategy.frozen


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("head", [1.0]),
        ("top:1", [1.0, 0.1]),
        ("top:2", [1.0, 0.1, 0.07]),
        ("gradual", [1.0, 0.1, 0.07, 0.049]),
        ("layerwise", [1.0, 0.1, 0.07, 0.049]),
        ("full", [1.0, 0.1, 0.1, 0.1]),
        ("scratch", [1.0, 0.25, 0.25, 0.25]),
    ],
)
def test_rates_fall_from_the_top(tiny: EncoderSpec, name: str, rates: list[float]) -> None:
    model = tiny_family.model()
    strategy = choose_strategy(name, model.encoder, 10, 50)
    groups = parameter_groups(model.encoder, model.head, strategy, 1.0)
    assert [group["lr"] for group in groups] == pytest.approx(rates)
    if len(groups) > 1:
        top = {id(p) for p in model.encoder.trunk.blocks[-1].parameters()}
        assert top <= {id(p) for p in groups[1]["params"]}


@pytest.mark.parametrize("strategy_name", ["head", "top:1", "top:2"])
def test_frozen_weights_do_not_move(tiny: EncoderSpec, strategy_name: str) -> None:
    model = tiny_family.model()
    strategy = choose_strategy(strategy_name, model.encoder, 10, 50)
    freeze(model.encoder, strategy.frozen)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    groups = parameter_groups(model.encoder, model.head, strategy, 0.1)
    optimiser = torch.optim.AdamW(groups, weight_decay=0.1)
    model.train()
    keep_frozen(model)
    logits, _ = model(torch.from_numpy(tiny_family.synthetic_audio(0.5))[None])
    logits.square().sum().backward()
    optimiser.step()
    moved = {n for n, tensor in model.state_dict().items() if not torch.equal(tensor, before[n])}
    trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert moved == trainable
    assert any(name.startswith("head.") for name in moved)
    assert any(name.startswith("encoder.") for name in moved) == (strategy_name != "head")


def test_low_rank_updates_are_trained_and_merged(tiny: EncoderSpec) -> None:
    model = tiny_family.model()
    samples = torch.from_numpy(tiny_family.synthetic_audio(0.5))[None]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    unchanged = model(samples)[0]
    add_low_rank(model.encoder, 2)
    assert torch.equal(model(samples)[0], unchanged)
    strategy = choose_strategy("lora:2", model.encoder, 10, 50)
    groups = parameter_groups(model.encoder, model.head, strategy, 0.01)
    optimiser = torch.optim.Adam(groups)
    for _ in range(2):  # the first step moves one side of the product alone
        optimiser.zero_grad()
        model(samples)[0].square().sum().backward()
        optimiser.step()
    trained = model(samples)[0]
    merge_low_rank(model.encoder)
    assert torch.allclose(model(samples)[0], trained, atol=1e-5)
    after = model.state_dict()
    assert after.keys() == before.keys()
    matrices = {
        f"encoder.{name}.weight"
        for name, module in model.encoder.named_modules()
        if isinstance(module, nn.Linear)
    }
    moved = {n for n in after if n.startswith("encoder.") and not torch.equal(after[n], before[n])}
    assert moved and moved <= matrices
    ranks = [int(torch.linalg.matrix_rank(after[n] - before[n], rtol=1e-3)) for n in moved]
    assert set(ranks) == {2}


def test_frozen_modules_stay_frozen() -> None:
    """Gradients, statistics and dropout, also after another `.train()`."""

    class TwoGroups(nn.Module):
        depth = 2

        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
            self.trained = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))

        def layer_groups(self) -> list[list[nn.Module]]:
            return [[self.frozen], [self.trained]]

    model = TwoGroups()
    frozen, trained = model.frozen, model.trained
    expected = ["frozen.0.weight", "frozen.0.bias", "frozen.1.weight", "frozen.1.bias"]
    assert freeze(model, 1) == expected
    assert not any(module.training for module in frozen.modules())
    for _ in range(2):
        model.train()
        keep_frozen(model)
        assert not frozen[1].training and not frozen[2].training
        assert trained[0].training and trained[1].training
        x = torch.randn(8, 4)
        assert torch.equal(frozen(x), frozen(x))
        assert frozen[1].num_batches_tracked == 0
        assert not any(parameter.requires_grad for parameter in frozen.parameters())
        assert all(parameter.requires_grad for parameter in trained.parameters())


@pytest.mark.parametrize(
    ("minutes", "name", "frozen"),
    [
        (0, "head", 3),
        (19.9, "head", 3),
        (20, "top:1", 2),
        (119, "top:1", 2),
        (120, "gradual", 0),
        (1e6, "gradual", 0),
    ],
)
def test_auto_depends_on_minutes_without_a_measured_row(
    tiny: EncoderSpec, minutes: float, name: str, frozen: int
) -> None:
    strategy = choose_strategy("auto", tiny_family.model().encoder, minutes, 50)
    assert (strategy.name, strategy.frozen) == (name, frozen)
    assert f"{minutes:.0f} min" in strategy.reason and "not measured" in strategy.reason
    assert strategy.pretrained and strategy.gradual == (name == "gradual")


def row(
    strategy: str, clips: int, miss_rate: float, trainable: int = 9
) -> strategy_table.MeasuredStrategy:
    return strategy_table.MeasuredStrategy(
        "tiny", strategy, clips, trainable, miss_rate, miss_rate / 2, miss_rate * 2
    )


@pytest.mark.parametrize(
    ("clips", "minutes", "name", "measured_with"),
    [
        (0, 0, "head", None),  # no row is near: by minutes
        (3, 0, "head", None),
        (4, 0, "top:1", 10),
        (22, 1, "top:1", 10),
        (23, 1, "head", 50),  # half a point behind, and trains less
        (50, 2, "head", 50),
        (600, 19, "full", 200),
        (601, 19, "head", None),
        (500, 20, "full", 200),  # measured, however many minutes
        (601, 20, "top:1", None),  # enough minutes
    ],
)
def test_auto_uses_the_nearest_measured_row(
    clips: int,
    minutes: float,
    name: str,
    measured_with: int | None,
    tiny: EncoderSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = (
        *(row("head", 10, 0.3, 1), row("top:1", 10, 0.2, 2), row("full", 10, 0.25)),
        *(row("head", 50, 0.105, 1), row("full", 50, 0.1)),
        *(row("head", 200, 0.056, 1), row("full", 200, 0.05), row("scratch", 200, 0.4)),
        replace(row("full", 50, 0.0), encoder="another"),
    )
    monkeypatch.setattr(strategy_table, "measured_strategies", lambda: rows)
    strategy = choose_strategy("auto", tiny_family.model().encoder, minutes, clips)
    assert strategy.name == name
    if measured_with is None:
        assert "not measured" in strategy.reason
        return
    assert f"with {measured_with}, {name} missed" in strategy.reason
    if measured_with == 200:
        assert "full missed 5.0% (2.5%–10.0%), head 5.6%, scratch 40.0%" in strategy.reason


def test_scratch_is_not_pretrained(tiny: EncoderSpec) -> None:
    assert not choose_strategy("scratch", tiny_family.model().encoder, 10, 50).pretrained


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ful", "Did you mean 'full'"),
        ("top:0", "top:1 to top:3"),
        ("top:4", "top:1 to top:3"),
        ("top:-1", "top:N"),
        ("top:x", "top:N"),
        ("top", "top:N"),
        ("lora:0", "lora:R"),
        ("lora", "lora:R"),
        ("", "auto"),
    ],
)
def test_an_unknown_strategy_is_an_error(tiny: EncoderSpec, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_strategy(name, tiny_family.model().encoder, 10, 50)


def test_every_listed_strategy_is_known(tiny: EncoderSpec) -> None:
    for name in STRATEGIES:
        choose_strategy(
            name.replace(":N", ":1").replace(":R", ":1"), tiny_family.model().encoder, 10, 50
        )


@pytest.mark.parametrize("layer_groups", [-1, 5])
def test_more_layer_groups_than_there_are(tiny: EncoderSpec, layer_groups: int) -> None:
    model = tiny_family.model()
    with pytest.raises(ConfigError, match=f"cannot freeze {layer_groups} layer groups: tiny has 3"):
        freeze(model.encoder, layer_groups)
