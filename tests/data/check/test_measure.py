"""Measurements of single clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from faulty_data import SyntheticDataset

from wakeword.data.check import measure
from wakeword.data.clip import Clip


@pytest.fixture
def data(tmp_path: Path) -> SyntheticDataset:
    return SyntheticDataset(tmp_path)


def test_long_files_are_read_in_blocks(
    data: SyntheticDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = data.negative(data.samples(25.0))
    at_once = measure.measure(clip)
    monkeypatch.setattr(measure, "_LONG_S", 20.0)
    monkeypatch.setattr(Clip, "load", lambda self: pytest.fail("read at once"))
    assert measure.measure(clip) == at_once
    assert at_once.seconds == 25.0


def test_only_the_clip_of_a_file_is_measured(data: SyntheticDataset) -> None:
    clip = replace(data.negative(data.samples(2.0)), offset_s=0.5, duration_s=1.0)
    assert measure.measure(clip).seconds == 1.0
    assert measure.measure(clip).file_seconds == 2.0
