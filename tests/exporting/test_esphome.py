"""Files for ESPHome: what devices accept, and the scores of pymicro-wakeword, which runs them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tiny as tiny_family
from click.testing import CliRunner, Result
from tiny_micro import tiny_micro

from wakeword.audio.files import save_audio
from wakeword.audio.samples import Samples
from wakeword.cli import main
from wakeword.encoders.micro_frontend import RAW_SCALE
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.exporting.esphome import (
    EsphomeFile,
    export_esphome,
    features_of,
    quantised_features,
)
from wakeword.exporting.tflite_file import VERSIONS
from wakeword.model.file import save_model
from wakeword.model.network import WakeWordModel

REGISTERED = {
    *("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"),
    *("RESHAPE", "STRIDED_SLICE", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D"),
    *("MUL", "ADD", "MEAN", "FULLY_CONNECTED", "LOGISTIC", "QUANTIZE"),
    *("AVERAGE_POOL_2D", "MAX_POOL_2D", "PAD", "PACK", "SPLIT_V"),
}
"""The operators of `register_streaming_ops_` in ESPHome's micro_wake_word/streaming_model.cpp."""
MOST_VARIABLES = 20
"""Of `MicroResourceVariables::Create` in the same file."""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    save_audio(tmp_path / "evening.wav", tiny_family.synthetic_audio(20.0))
    return tmp_path / "evening.wav"


@pytest.fixture
def schema() -> Any:
    pytest.importorskip("flatbuffers", reason="needs wakeword[esphome]")
    return pytest.importorskip("tflite", reason="needs wakeword[esphome]")


def exported(
    folder: Path, recording: Path, model: WakeWordModel | None = None
) -> tuple[WakeWordModel, EsphomeFile]:
    model = model or tiny_micro()
    return model, export_esphome(model, folder / "device", [recording])[0]


def scores_of_package(manifest: Path, samples: Samples) -> npt.NDArray[np.int64]:
    """The scores of pymicro-wakeword, of 256 levels, one for each 30 ms."""
    package = pytest.importorskip("pymicro_wakeword")
    model, front_end = package.MicroWakeWord.from_config(manifest), package.MicroWakeWordFeatures()
    audio = np.rint(samples * 32768).clip(-32768, 32767).astype(np.int16).tobytes()
    frames = list(front_end.process_streaming(audio))
    scores = [model.process_streaming_prob(frame) for frame in frames]
    model.close()
    return np.rint(256 * np.array(scores[2::3])).astype(np.int64)


@pytest.mark.parametrize("encoder", ["tiny-micro", "wakeword-micro"])
def test_scores_equal_those_of_the_package(
    schema: Any, recording: Path, tmp_path: Path, encoder: str
) -> None:
    model, file = exported(tmp_path, recording, tiny_micro(encoder_name=encoder))
    samples = tiny_family.synthetic_audio(8.0, seed=3)
    found = scores_of_package(file.manifest, samples)
    expected = file.network.run(quantised_features(features_of(model, [samples])))
    assert len(found) == len(expected) > 260 and expected.std() > 5
    assert np.abs(found - expected).max() <= 1


def test_tensorflow_lite_micro_runs_a_file_in_the_memory_of_its_manifest(
    schema: Any, recording: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tflite_micro", reason="pip install tflite-micro")
    runtime = importlib.import_module("tflite_micro.python.tflite_micro.runtime")
    model, file = exported(tmp_path, recording, tiny_micro(encoder_name="wakeword-micro"))
    interpreter = runtime.Interpreter.from_file(str(file.tflite), arena_size=file.arena)
    features = quantised_features(features_of(model, [tiny_family.synthetic_audio(8.0, seed=3)]))
    scores = []
    for step in features.reshape(-1, 1, 3, 40):
        interpreter.set_input(step, 0)
        interpreter.invoke()
        scores.append(int(interpreter.get_output(0)[0, 0]))
    assert np.abs(np.array(scores) - file.network.run(features)).max() <= 3


def test_scores_are_close_to_those_of_the_model(
    schema: Any, recording: Path, tmp_path: Path
) -> None:
    _, file = exported(tmp_path, recording)
    mean, largest = file.difference
    assert 0 < mean < 0.01 and mean < largest < 0.06


def test_a_file_fits_a_device(schema: Any, recording: Path, tmp_path: Path) -> None:
    _, file = exported(tmp_path, recording, tiny_micro(encoder_name="wakeword-micro"))
    assert file.tflite.stat().st_size <= 120_000
    assert file.arena <= 60_000


def test_a_file_has_what_the_component_takes(schema: Any, recording: Path, tmp_path: Path) -> None:
    assert set(VERSIONS) <= REGISTERED
    _, file = exported(tmp_path, recording)
    model = schema.Model.GetRootAs(file.tflite.read_bytes(), 0)
    assert model.Version() == 3 and model.SubgraphsLength() == 2
    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    versions = {names[code.BuiltinCode()]: code.Version() for code in codes}
    assert versions == {name: VERSIONS[name] for name in versions}
    graph = model.Subgraphs(0)
    operators = [
        names[codes[graph.Operators(i).OpcodeIndex()].BuiltinCode()]
        for i in range(graph.OperatorsLength())
    ]
    assert set(operators) <= REGISTERED
    assert 0 < operators.count("VAR_HANDLE") <= MOST_VARIABLES
    source, result = graph.Tensors(graph.Inputs(0)), graph.Tensors(graph.Outputs(0))
    assert source.ShapeAsNumpy().tolist() == [1, 3, 40]
    assert result.ShapeAsNumpy().tolist() == [1, 1]
    assert (source.Type(), result.Type()) == (schema.TensorType.INT8, schema.TensorType.UINT8)
    metadata = model.Metadata(0)
    notice = model.Buffers(metadata.Buffer()).DataAsNumpy().tobytes().decode()
    assert metadata.Name() == b"NOTICE" and "Encoder: tiny-micro" in notice


def test_a_manifest_is_of_version_2(schema: Any, recording: Path, tmp_path: Path) -> None:
    model = tiny_micro(keywords=("Hey, Ada!", "alexa"))
    files = export_esphome(model, tmp_path / "device", [recording])
    assert [file.manifest.name for file in files] == ["hey_ada.json", "alexa.json"]
    manifest = json.loads(files[0].manifest.read_text("utf-8"))
    micro = manifest.pop("micro")
    assert manifest == {
        "type": "micro",
        "wake_word": "Hey, Ada!",
        "author": "wakeword",
        "website": "https://pypi.org/project/wakeword/",
        "model": "hey_ada.tflite",
        "trained_languages": [],
        "version": 2,
    }
    assert micro == {
        "probability_cutoff": 0.5,
        "feature_step_size": 10,
        "sliding_window_size": 1,
        "tensor_arena_size": files[0].arena,
        "minimum_esphome_version": "2024.7.0",
    }


def test_a_high_threshold_moves_with_its_logits(
    schema: Any, recording: Path, tmp_path: Path
) -> None:
    low, high = (
        exported(tmp_path, recording, tiny_micro(threshold=threshold)) for threshold in (0.5, 0.999)
    )
    assert (low[1].cutoff, low[1].shift) == (0.5, 0.0)
    assert high[1].cutoff == 0.9 and high[1].shift == pytest.approx(4.709, abs=1e-3)
    features = quantised_features(features_of(low[0], [tiny_family.synthetic_audio(8.0)]))
    assert high[1].network.run(features).mean() < low[1].network.run(features).mean() / 2


def test_features_are_those_of_the_device() -> None:
    raw = np.arange(671)
    expected = np.clip((256 * raw + 333) // 666 - 128, -128, 127)
    assert np.array_equal(quantised_features(raw * RAW_SCALE), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tiny_family.model(), "expected an encoder of the family micro"),
        (lambda: tiny_micro(head="conv"), "--head depthwise"),
        (lambda: tiny_micro(output_layers=(1, 2)), "2 layers"),
    ],
)
def test_other_models_are_rejected(
    tiny: EncoderSpec, make: Callable[[], WakeWordModel], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        export_esphome(make(), tmp_path, [])


def test_recordings_are_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="some minutes of speech"):
        export_esphome(tiny_micro(), tmp_path, [])
    save_audio(tmp_path / "a.wav", np.zeros(100, np.float32))
    with pytest.raises(ConfigError, match="shorter than"):
        export_esphome(tiny_micro(), tmp_path, [tmp_path / "a.wav"])


def test_a_missing_package_is_named(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("wakeword.exporting.tflite_file.import_module", refuse)
    with pytest.raises(ConfigError, match=r"flatbuffers: pip install 'wakeword\[esphome\]'"):
        exported(tmp_path, recording)


def run(*arguments: Path | str) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_the_command_writes_and_reports(schema: Any, recording: Path, tmp_path: Path) -> None:
    save_model(tiny_micro(), tmp_path / "m.wakeword")
    arguments = ("--format", "esphome", "--audio", recording)
    done = run(tmp_path / "m.wakeword", *arguments)
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "m").iterdir()} == {"alexa.json", "alexa.tflite"}
    assert "kB of memory, cutoff 0.50" in done.output
    done = run(tmp_path / "m.wakeword", *arguments, "-o", tmp_path / "other")
    assert (tmp_path / "other" / "alexa.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--int8"], "Leave them out"),
        (["--web", "site"], "Leave them out"),
        ([], "--audio FILE"),
    ],
)
def test_impossible_options_are_rejected(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    save_model(tiny_micro(), tmp_path / "m.wakeword")
    done = run(tmp_path / "m.wakeword", "--format", "esphome", *arguments)
    assert done.exit_code == 2 and message in done.output
