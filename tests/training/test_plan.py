"""The plan of a training: clips, strategies and a time, without a trace on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import training
from two_stage import tiny_two_stage

from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.data.splits import assign_splits
from wakeword.encoders import checkpoints
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.training import plan as planning
from wakeword.training.config import TrainConfig, VerifierConfig
from wakeword.training.examples import ExampleConfig
from wakeword.training.plan import plan_training


@pytest.fixture
def data(tiny: EncoderSpec, tmp_path: Path) -> Dataset:
    return assign_splits(read_dataset(training.write_data(tmp_path / "data")))


def config(**settings: object) -> TrainConfig:
    examples = ExampleConfig().with_hours(0.1)
    return TrainConfig(encoder="tiny", examples=examples, **settings)  # type: ignore[arg-type]


def test_both_stages_are_planned_without_weights(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(*_: object, **__: object) -> None:
        raise AssertionError("weights were looked for")

    monkeypatch.setattr(checkpoints, "find_checkpoint", find)
    verifier = VerifierConfig(encoder="tiny", strategy="full")
    plan = plan_training(data, ["ping"], config(verifier=verifier))
    gate, second = plan.stage_plans
    assert (gate.stage, gate.strategy.name, gate.automatic) == ("gate", "head", True)
    assert (second.stage, second.strategy.name, second.automatic) == ("verifier", "full", False)
    assert gate.seconds == gate.head_seconds and not gate.is_slow
    assert second.seconds and second.head_seconds and second.seconds != second.head_seconds
    assert plan.seconds == (gate.seconds or 0) + second.seconds


def test_only_slow_stages_are_measured_before_a_training(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stage,) = plan_training(data, ["ping"], config(), only_slow=True).stage_plans
    assert stage.seconds is None
    (stage,) = plan_training(data, ["ping"], config(strategy="full"), only_slow=True).stage_plans
    assert stage.seconds is None  # it was asked for
    monkeypatch.setattr("wakeword.training.strategy._HEAD_BELOW_MINUTES", 0)
    (stage,) = plan_training(data, ["ping"], config(), only_slow=True).stage_plans
    assert stage.strategy.name == "top:1" and stage.automatic and stage.seconds


def test_more_work_takes_longer(data: Dataset) -> None:
    short = plan_training(data, ["ping"], config())
    long = plan_training(data, ["ping"], config(epochs=600))
    assert long.seconds > 2 * short.seconds
    assert long.example_hours == short.example_hours == pytest.approx(0.1, rel=0.1)


def test_a_model_to_continue_from_is_not_changed(data: Dataset) -> None:
    start = tiny_two_stage(("ping",))
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    settings = config(strategy="full", verifier=VerifierConfig(encoder="tiny"))
    plan = plan_training(data, ["ping"], settings, start=start)
    assert [stage.encoder for stage in plan.stage_plans] == ["tiny-gate", "tiny"]
    assert all(tensor.equal(before[name]) for name, tensor in start.state_dict().items())
    with pytest.raises(ConfigError, match="pong"):
        plan_training(data, ["ping"], settings, start=tiny_two_stage(("pong",)))


def test_slow_is_a_multiple_of_the_head_alone(data: Dataset) -> None:
    (stage,) = plan_training(data, ["ping"], config()).stage_plans
    at = planning.replace(stage, seconds=planning.SLOW * 10.0, head_seconds=10.0)
    assert not at.is_slow
    assert planning.replace(at, seconds=planning.SLOW * 10.0 + 1).is_slow
