"""An exported file of two stages equals its model, and its runtime needs no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import runtime_process
import tiny as tiny_family
import torch
import two_stage
from click.testing import CliRunner
from hostile_files import check_rejected

from wakeword import runtime
from wakeword.audio.files import save_audio
from wakeword.audio.samples import Samples
from wakeword.cli import main
from wakeword.detection.detector import Detector
from wakeword.encoders.registry import temporarily_registered
from wakeword.encoders.spec import EncoderSpec
from wakeword.exporting.compare import compare_export
from wakeword.exporting.onnx import export_onnx
from wakeword.model.cascade import CascadeConfig, Logits
from wakeword.model.file import save_model
from wakeword.model.two_stage import TwoStageModel

FRONT_END = 4 * (400 * 2 * 201 // 2 + 201 * 80 + 400)  # bytes
SOUND = tiny_family.synthetic_audio(6.0)


def with_chunked_gate() -> TwoStageModel:
    """A gate whose streams do not start from a state of the usual structure."""
    gate = tiny_family.model("chunked")
    verifier = tiny_family.model("window", window=two_stage.WINDOW, hop=two_stage.WINDOW)
    logits = np.quantile(Detector(gate).logits(SOUND), 0.7, axis=0)
    scores = (1 / (1 + np.exp(-logits))).tolist()
    thresholds = dict(zip(gate.keywords, scores, strict=True))
    config = CascadeConfig(thresholds, rise=1000.0)  # the last bits must not decide on a call
    point = replace(gate.operating_point, smoothing_s=gate.frame_s)
    return TwoStageModel(gate, verifier, config, point).eval()


def with_middle_thresholds(model: TwoStageModel) -> TwoStageModel:
    """The model with thresholds amid its final scores, so that it detects often.

    Each lies in a gap between two scores: rounding must not matter.
    """
    thresholds = {}
    for keyword, logits in zip(model.keywords, Detector(model).logits(SOUND).T, strict=True):
        called = np.unique(logits)[1:]  # the lowest is that of the frames without a call
        gaps = np.diff(called[: 1 + len(called) * 3 // 4])
        widest = int(gaps.argmax())
        assert gaps[widest] > 0.01
        thresholds[keyword] = float(1 / (1 + np.exp(-called[widest : widest + 2].mean())))
    model.operating_point = replace(model.operating_point, thresholds=thresholds)
    return model


MODELS = {
    "compact gate": lambda: two_stage.tiny_two_stage(gate_threshold=0.3),
    "chunked gate": with_chunked_gate,
}


@pytest.fixture(scope="module", params=MODELS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TwoStageModel, Path]]:
    """A model and its exported file."""
    with temporarily_registered(tiny_family.spec(), two_stage.GATE):
        model = with_middle_thresholds(MODELS[request.param]())
        path = tmp_path_factory.mktemp("exported") / "model.onnx"
        export_onnx(model, path)
        yield model, path


@pytest.fixture
def exported(pair: tuple[TwoStageModel, Path]) -> runtime.ExportedTwoStageModel:
    model = runtime.load(pair[1])
    assert isinstance(model, runtime.ExportedTwoStageModel)
    return model


def found_in_sound(detector: Detector, sizes: list[int]) -> list[tuple[str, float]]:
    return [(each.keyword, each.time) for each in tiny_family.detections(detector, SOUND, sizes)]


def test_an_export_equals_its_model(
    pair: tuple[TwoStageModel, Path], exported: runtime.ExportedTwoStageModel
) -> None:
    model, _ = pair
    found = compare_export(model, exported, [[SOUND[:9001], SOUND[9001:]], [SOUND[5000:]]])
    assert found.difference < 1e-4
    assert found.identical and found.detections[0] == found.detections[1] == found.shared > 2
    assert found.verifier and found.verifier.windows >= 12 and found.verifier.difference < 1e-4
    assert exported.about["format"] == "wakeword-onnx/3"
    assert exported.cascade.config == model.cascade.config
    for name in ("keywords", "operating_point", "frame_s", "look_ahead_ms", "first_block", "block"):
        assert getattr(exported, name) == getattr(model, name)


@pytest.mark.parametrize("sizes", [[1280], [1, 4001, 160]])
def test_both_detectors_detect_the_same(
    pair: tuple[TwoStageModel, Path], exported: runtime.ExportedTwoStageModel, sizes: list[int]
) -> None:
    detector = runtime.Detector(exported)
    expected = found_in_sound(Detector(pair[0]), [len(SOUND)])
    assert expected and found_in_sound(detector, sizes) == expected
    detector.reset()
    assert found_in_sound(detector, sizes) == expected


def test_detectors_of_one_export_are_independent(exported: runtime.ExportedTwoStageModel) -> None:
    expected = found_in_sound(runtime.Detector(exported), [1600])
    one, other = runtime.Detector(exported), runtime.Detector(exported)
    found = []
    for at in range(0, len(SOUND), 1600):
        found += one.feed(SOUND[at : at + 1600])
        other.feed(-0.5 * SOUND[::-1][at : at + 800])
    assert expected
    assert [(each.keyword, each.time) for each in found + one.flush()] == expected


def test_threads_share_one_export(exported: runtime.ExportedTwoStageModel) -> None:
    sounds = [SOUND[start:] for start in range(0, 16000, 2000)]

    def logits(samples: Samples) -> Logits:
        return runtime.Detector(exported).logits(samples)

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(logits, sounds))
    for found, expected in zip(together, map(logits, sounds), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_verifier_is_called_where_that_of_the_model_is(
    pair: tuple[TwoStageModel, Path],
    exported: runtime.ExportedTwoStageModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    windows: dict[str, list[Samples]] = {"model": [], "export": []}

    def record(model: Any, name: str) -> None:
        verify = model.verify

        def recorded(samples: Samples) -> Any:
            windows[name].append(samples)
            return verify(samples)

        monkeypatch.setattr(model, "verify", recorded)

    record(pair[0], "model")
    record(exported, "export")
    for model in (pair[0], exported):
        Detector(model).logits(SOUND)
    blocks = len(SOUND) // exported.block
    assert 2 < len(windows["model"]) < blocks
    np.testing.assert_array_equal(windows["export"], windows["model"])


def test_a_step_in_two_parts_is_one_step(exported: runtime.ExportedTwoStageModel) -> None:
    """A server finishes blocks with a call elsewhere."""
    state, parts, at, calls = None, None, 0, 0
    while at + exported.first_block <= len(SOUND):
        size = exported.block if at else exported.first_block
        block = SOUND[at : at + size]
        at += size
        logits, state = exported.step(block, state)
        started = exported.begin(block, parts)
        assert started.window.shape == (exported.window,)
        calls += started.call is not None
        split, parts = exported.finish(started)
        assert split.dtype == np.float64
        np.testing.assert_array_equal(split, logits)
    assert calls > 2


def test_the_weights_of_the_verifier_belong_to_its_branch(
    pair: tuple[TwoStageModel, Path],
) -> None:
    """Other calls then have nothing to do with them."""
    graph = onnx.load(pair[1]).graph
    (choice,) = (node for node in graph.node if "verify" in node.input)
    inside = {
        attribute.name: sum(np.prod(each.dims, dtype=int) for each in attribute.g.initializer)
        for attribute in choice.attribute
    }
    used = {name for attribute in choice.attribute for node in attribute.g.node
            for name in node.input}  # fmt: skip
    parameters = sum(each.numel() for each in pair[0].verifier.parameters())
    assert inside["then_branch"] > parameters and inside["else_branch"] == 0
    assert not used & {each.name for each in graph.initializer}


def test_int8_is_smaller_and_close(
    tiny: EncoderSpec, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = two_stage.tiny_two_stage()
    export_onnx(model, tmp_path / "m.onnx", int8=True)
    assert capfd.readouterr() == ("", "")
    head, whole = (
        sum(each.numel() for each in module.parameters()) for module in (model.verifier.head, model)
    )
    size = 2 * FRONT_END + 4 * head + 1.6 * (whole - head) + 120_000
    assert (tmp_path / "m.onnx").stat().st_size < size
    exported = runtime.load(tmp_path / "m.onnx")
    assert isinstance(exported, runtime.ExportedTwoStageModel) and exported.about["int8"]
    window = SOUND[: model.window]
    expected = model.verify(window)
    difference = np.abs(exported.verify(window) - expected).max()
    assert 0 < difference < 0.1 * np.abs(expected).max()
    block = SOUND[: model.first_block]
    gate, _ = model.gate.step(block)
    logits, _ = exported._run(block)
    assert 0 < np.abs(logits - gate).max() < 0.1 * np.abs(gate).max()


def test_the_runtime_loads_neither_torch_nor_audio_libraries(
    pair: tuple[TwoStageModel, Path], tmp_path: Path
) -> None:
    model, path = pair
    found, heavy = runtime_process.detect(path, SOUND, tmp_path)
    assert found == found_in_sound(Detector(model), [len(SOUND)])
    assert heavy == []


def test_detect_needs_few_packages(pair: tuple[TwoStageModel, Path], tmp_path: Path) -> None:
    """Those that docs/how-to/raspberry-pi.md installs, and what these depend on."""
    save_audio(tmp_path / "speech.wav", SOUND)
    others = ("torch", "torchaudio", "platformdirs", "scipy", "soxr", "librosa", "onnx")
    program = f"""
import sys
sys.modules.update(dict.fromkeys({others!r}))
from wakeword.cli import main
main(["detect", {str(pair[1])!r}, {str(tmp_path / "speech.wav")!r}, "--json"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    found = [(line["keyword"], line["time"]) for line in map(json.loads, done.stdout.splitlines())]
    assert found and found == found_in_sound(Detector(pair[0]), [len(SOUND)])


def with_metadata(path: Path, out: Path, changes: Mapping[str, Any]) -> Path:
    """A copy of an exported file with other metadata; a mapping within changes single values."""
    graph = onnx.load(path)
    (written,) = (each for each in graph.metadata_props if each.key == "wakeword")
    about = json.loads(written.value)
    for name, value in changes.items():
        about[name] = {**about[name], **value} if isinstance(value, Mapping) else value
    written.value = json.dumps(about)
    out.write_bytes(graph.SerializeToString())
    return out


HOSTILE: dict[str, dict[str, Any]] = {
    "no two stages": {"format": "wakeword-onnx/2"},
    "no cascade": {"cascade": None},
    "unknown rule": {"cascade": {"patience": 3}},
    "other keyword": {"cascade": {"gate_thresholds": {"jarvis": 0.5}}},
    "no threshold": {"cascade": {"gate_thresholds": {"alexa": 2.0, "computer": 0.5}}},
    "text": {"cascade": {"gate_thresholds": {"alexa": "0.5", "computer": 0.5}}},
    "weight": {"cascade": {"verifier_weight": float("nan")}},
    "long smoothing": {"cascade": {"smoothing_s": 50.0}},
    "no window": {"window": 0},
    "endless window": {"window": 10**12},
    "other window": {"window": 8000},
    "text window": {"window": "8000"},
    "short frames": {"verifier_frame_s": 1e-9},
    "short gate frames": {"frame_s": 1e-9},
    "short blocks": {"first_block": 100},
    "threshold": {"operating_point": {"thresholds": {"alexa": 1e9, "computer": 0.5}}},
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_files_with_other_metadata_are_rejected(
    pair: tuple[TwoStageModel, Path], tmp_path: Path, fault: str
) -> None:
    path = with_metadata(pair[1], tmp_path / "bad.onnx", HOSTILE[fault])
    check_rejected(runtime.load, path, "wakeword export")


def test_a_verifier_of_other_keywords_is_rejected(
    pair: tuple[TwoStageModel, Path], tmp_path: Path
) -> None:
    """A logit too many, of the verifier alone."""
    graph = onnx.load(pair[1])
    (choice,) = (node for node in graph.graph.node if "verify" in node.input)
    (branch,) = (each.g for each in choice.attribute if each.name == "then_branch")
    (logits,) = branch.output
    branch.node.append(onnx.helper.make_node("Concat", [logits.name] * 2, ["twice"], axis=2))
    logits.name = "twice"
    logits.type.tensor_type.shape.dim[2].dim_value *= 2
    (verified,) = (each for each in graph.graph.output if each.name == "verified")
    verified.type.tensor_type.shape.dim[2].dim_value *= 2
    (skipped,) = (each.g for each in choice.attribute if each.name == "else_branch")
    skipped.output[0].type.tensor_type.shape.dim[2].dim_value *= 2
    skipped.node[0].attribute[0].t.dims[2] *= 2
    onnx.save(graph, tmp_path / "bad.onnx")
    check_rejected(runtime.load, tmp_path / "bad.onnx", "wakeword export", "2 keywords")


def test_detect_prints_the_same_peaks_for_either_file(
    pair: tuple[TwoStageModel, Path], tmp_path: Path
) -> None:
    model, path = pair
    save_model(model, tmp_path / "m.wakeword")
    save_audio(tmp_path / "speech.wav", SOUND)
    speech = str(tmp_path / "speech.wav")
    peaks = []
    for file in (tmp_path / "m.wakeword", path):
        command = ["detect", str(file), speech, "--json", "--threshold", "0"]
        out = CliRunner().invoke(main, command)
        assert out.exit_code == 0, out.output
        peaks.append([json.loads(line) for line in out.stdout.splitlines()])
    ours, theirs = ([(each["keyword"], each["time"]) for each in found] for found in peaks)
    assert len(ours) > 5 and theirs == ours
    scores = np.array([[each["score"] for each in found] for found in peaks])
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-4)


def test_export_verify_and_info_commands(tmp_path: Path) -> None:
    """The table tells of the verifier; other models are told apart; all parameters are counted."""
    model = two_stage.tiny_two_stage()
    file, exported = tmp_path / "m.wakeword", tmp_path / "m.onnx"
    save_model(model, file)
    save_audio(tmp_path / "speech.wav", SOUND)
    speech = ["--audio", str(tmp_path / "speech.wav")]
    out = CliRunner().invoke(main, ["export", str(file), *speech])
    assert out.exit_code == 0, out.output
    assert "verifier: " in out.output and "over 7 windows" in out.output
    save_model(model.gate, tmp_path / "gate.wakeword")
    for other in (tmp_path / "gate.wakeword", file):
        out = CliRunner().invoke(main, ["verify-export", str(other), str(exported), *speech])
        assert out.exit_code == (0 if other == file else 2), out.output
        assert ("detections identical" if other == file else "another model") in out.output
    described = []
    for each in (file, exported):
        out = CliRunner().invoke(main, ["info", str(each), "--json"])
        assert out.exit_code == 0, out.output
        described.append(json.loads(out.stdout))
    same = ("keywords", "thresholds", "encoder", "parameters", "origin", "notice")
    assert [described[0][name] for name in same] == [described[1][name] for name in same]
    assert described[1]["parameters"] == sum(each.numel() for each in model.parameters())
    notice = CliRunner().invoke(main, ["license", str(exported)]).stdout
    assert "tiny-gate + tiny" in notice and "Apache-2.0 + MIT" in notice
    with torch.no_grad():
        model.verifier.head.out.weight.neg_()
    found = compare_export(model, runtime.load(exported), [[SOUND]])
    assert found.verifier and found.verifier.difference > 0.1
