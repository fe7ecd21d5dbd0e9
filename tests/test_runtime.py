"""Exported models run on onnxruntime, on this machine alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wakeword import runtime
from wakeword.errors import CheckpointError


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_onnxruntime_sends_nothing_unless_it_is_wanted(
    before: str | None, after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", before or "")
    if before is None:
        monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    with pytest.raises(CheckpointError):
        runtime.load(tmp_path / "none.onnx")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == after
