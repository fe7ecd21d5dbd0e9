"""Averaged weights, and a checkpoint that restores everything a training needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from wakeword.training.checkpoint import AveragedWeights, Checkpoint
from wakeword.training.result import EpochResult


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    return model


def optimiser_of(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)


def step(model: nn.Module, optimiser: torch.optim.Optimizer, seed: int = 0) -> None:
    optimiser.zero_grad()
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
    model(x).square().sum().backward()
    optimiser.step()


def copy_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_equal(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


def test_the_mean_moves_towards_the_weights() -> None:
    model = network()
    weights = AveragedWeights(model)
    assert set(weights.mean) == {"1.weight", "1.bias"}  # the trainable ones
    before = copy_of(model)
    step(model, optimiser_of(model))
    weights.update(0.25)
    for name, mean in weights.mean.items():
        expected = 0.75 * before[name] + 0.25 * model.state_dict()[name]
        torch.testing.assert_close(mean, expected)


def test_the_mean_is_applied_within_the_block_alone() -> None:
    model = network()
    weights = AveragedWeights(model)
    initial = copy_of(model)
    step(model, optimiser_of(model))
    trained = copy_of(model)
    with weights.applied():
        assert_equal(model, initial)
    assert_equal(model, trained)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_within_the_block_leaves_the_trained_weights(
    error: type[BaseException],
) -> None:
    model = network()
    weights = AveragedWeights(model)
    step(model, optimiser_of(model))
    trained = copy_of(model)
    with pytest.raises(error), weights.applied():
        raise error
    assert_equal(model, trained)


def test_the_best_mean_is_kept_while_training_continues() -> None:
    model = network()
    weights = AveragedWeights(model)
    initial = copy_of(model)
    weights.keep_as_best()
    step(model, optimiser_of(model))
    weights.update(0.5)
    weights.load(weights.best)
    assert_equal(model, initial)


def test_a_restored_training_takes_the_same_steps(tmp_path: Path) -> None:
    file = tmp_path / "run" / "checkpoint.safetensors"
    history = [EpochResult(0, 0.5, 0.25), EpochResult(1, 0.4, 0.125)]
    model = network()
    optimiser, weights = optimiser_of(model), AveragedWeights(model)
    for seed in range(3):
        step(model, optimiser, seed)
        weights.update(0.5)
    weights.keep_as_best()
    Checkpoint(file, weights, optimiser).save(history)

    other = network()
    other_optimiser, other_weights = optimiser_of(other), AveragedWeights(other)
    assert Checkpoint(file, other_weights, other_optimiser).restore() == history
    for name in weights.mean:
        assert torch.equal(other_weights.mean[name], weights.mean[name])
        assert torch.equal(other_weights.best[name], weights.best[name])
    for each, its_optimiser in ((model, optimiser), (other, other_optimiser)):
        step(each, its_optimiser, seed=9)
    assert_equal(other, copy_of(model))


def test_without_a_checkpoint_there_is_no_history(tmp_path: Path) -> None:
    model = network()
    checkpoint = Checkpoint(tmp_path / "none", AveragedWeights(model), optimiser_of(model))
    assert checkpoint.restore() == []
