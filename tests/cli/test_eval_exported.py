"""`wakeword eval` on exported files: the same results as on their models, without torch."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny as tiny_family
from click.testing import CliRunner
from two_stage import tiny_two_stage

import wakeword
from wakeword import runtime
from wakeword.cli import main
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation.scoring import score_streams
from wakeword.evaluation.test_streams import positive_stream
from wakeword.exporting.onnx import export_onnx
from wakeword.model.file import save_model


@pytest.fixture(params=["one", "two"])
def files(request: pytest.FixtureRequest, tiny: EncoderSpec, tmp_path: Path) -> tuple[Path, Path]:
    """A model file of one stage or of two, and its export."""
    model = tiny_two_stage() if request.param == "two" else tiny_family.model()
    save_model(model, tmp_path / "a.wakeword")
    export_onnx(model, tmp_path / "a.onnx")
    return tmp_path / "a.wakeword", tmp_path / "a.onnx"


def evaluation(*arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["eval", *map(str, arguments), "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    values: dict[str, Any] = json.loads(result.stdout)
    return values


def test_an_exported_file_is_evaluated_like_its_model(files: tuple[Path, Path], data: Path) -> None:
    conditions = ("--condition", "clean", "--condition", "5 dB")
    expected, found = (evaluation(file, data, *conditions) for file in files)
    assert found["negative_hours"] == expected["negative_hours"]
    for ours, theirs in zip(expected["rows"], found["rows"], strict=True):
        assert theirs["shipped"]["missed"] == ours["shipped"]["missed"]
        assert theirs.get("gate_recall") == ours.get("gate_recall")
        points = zip(ours["curve"], theirs["curve"], strict=True)
        different = [a for a, b in points if a["missed"] != b["missed"]]
        assert len(different) <= 1  # rounding, where a threshold lies at a score
    assert found.get("verifier_calls") == expected.get("verifier_calls")
    compared = evaluation(files[1], data, *conditions, "--compare", files[0])
    assert "compared" in compared


def test_the_scores_of_an_exported_file_are_those_of_its_model(
    files: tuple[Path, Path], data: Path
) -> None:
    streams = [positive_stream(read_dataset(data))]
    models = (wakeword.load(files[0]), runtime.load(files[1]))
    ours, theirs = (score_streams(model, streams, ClipLoader())[0] for model in models)
    frames = len(theirs.logits)
    assert 0 <= len(ours.logits) - frames < 25  # whole blocks alone; the end is silence
    np.testing.assert_allclose(theirs.logits, ours.logits[:frames], atol=1e-3)
    assert theirs.segments == ours.segments


def test_an_opened_file_is_sent_to_workers_as_its_path(files: tuple[Path, Path]) -> None:
    model = runtime.load(files[1])
    copy = pickle.loads(pickle.dumps(model))
    block = tiny_family.synthetic_audio(1.0)[: model.first_block]
    np.testing.assert_array_equal(copy.step(block)[0], model.step(block)[0])


def test_evaluating_an_exported_file_imports_no_torch(files: tuple[Path, Path], data: Path) -> None:
    code = (
        "import sys; from wakeword.cli import main; "
        f"main(['eval', {str(files[1])!r}, {str(data)!r}, '--condition', 'clean'], "
        "standalone_mode=False); sys.exit('torch' in sys.modules)"
    )
    root = Path(wakeword.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "alexa" in done.stdout
