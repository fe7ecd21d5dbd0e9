"""Fixtures of the recipes' tests: trainings that take seconds, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import training

import wakeword.training.train
from wakeword.data.dataset import Dataset
from wakeword.encoders.spec import EncoderSpec
from wakeword.training.config import TrainConfig
from wakeword.training.result import TrainResult


@pytest.fixture
def small_trainings(
    tiny: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A data set; every training within uses the tiny encoder, for one epoch."""
    weights = training.write_weights(tmp_path / "weights")
    real = wakeword.training.train.train

    def small(
        data: Dataset, keywords: list[str], config: TrainConfig, **options: Any
    ) -> TrainResult:
        config = replace(config, encoder="tiny", epochs=1)
        return real(data, keywords, config, **{**options, "weights": weights})

    monkeypatch.setattr(wakeword.training.train, "train", small)
    yield training.write_data(tmp_path / "data")


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes are threads: other processes would not know what a test patches."""

    def threads(workers: int, context: object) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(workers)

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", threads)
