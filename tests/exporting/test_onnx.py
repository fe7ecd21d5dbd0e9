"""An exported file equals its model, and its runtime needs no torch."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import runtime_process
import tiny as tiny_family
import torch
from click.testing import CliRunner

from wakeword import runtime
from wakeword.audio.files import save_audio
from wakeword.audio.resampling import resample
from wakeword.cli import main
from wakeword.detection.detector import Detector
from wakeword.encoders.registry import build_encoder, temporarily_registered
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import CheckpointError, ConfigError
from wakeword.exporting.compare import compare_export
from wakeword.exporting.onnx import export_onnx
from wakeword.heads import ExamplesHead, build_head
from wakeword.model.file import save_model
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin

SOUND = tiny_family.synthetic_audio(4.0)


def random_model(name: str, kind: str, seed: int, **settings: int) -> WakeWordModel:
    """A model with random weights, of an encoder that only these tests register."""
    torch.manual_seed(seed)
    encoder = build_encoder(name, output_layers=(1, 2), **settings)
    head = build_head(kind, encoder.dim, 1, 2, encoder.frame_rate_hz)
    torch.nn.init.normal_(head.out.weight, std=2.0)
    point = OperatingPoint({"alexa": 0.5}, 0.08, 0.2, "made up")
    origin = Origin(name, "chunked", "0" * 64, "MIT", kind)
    return WakeWordModel(encoder, head, ["alexa"], origin, point).eval()


def with_median_thresholds(model: WakeWordModel) -> WakeWordModel:
    """The model with thresholds at the median of its scores, so that it detects often."""
    with torch.inference_mode():
        logits, _ = model(torch.from_numpy(SOUND)[None])
    middle = logits[0].quantile(0.5, dim=0).sigmoid().tolist()
    thresholds = dict(zip(model.keywords, middle, strict=True))
    times = {"latency_s": {"alexa": 0.07}, "duration_s": {"alexa": 0.5}}
    model.operating_point = replace(model.operating_point, thresholds=thresholds, **times)
    return model


MODELS = {
    "chunked, convolutions": tiny_family.model,
    "window, recurrent": lambda: tiny_family.model("window", "gru", ("alexa",)),
    "compact, attention": lambda: random_model("small", "attention", 0, hop=3),
    "emformer, convolutions": lambda: random_model("segments", "conv", 2),
}


@pytest.fixture(scope="module", params=MODELS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[WakeWordModel, Path]]:
    """A model and its exported file."""
    compact = EncoderSpec("small", "compact", (), "MIT", "nothing", 0, 80, 16, 3, 0, 25.0)
    segments = EncoderSpec(
        "segments", "emformer", (), "MIT", "nothing", 0, 80, 16, 2, 2, 25.0, "piecewise-log-mel"
    )
    with temporarily_registered(tiny_family.spec(), compact, segments):
        model = with_median_thresholds(MODELS[request.param]())
        path = tmp_path_factory.mktemp("exported") / "model.onnx"
        export_onnx(model, path)
        yield model, path


def found_in_sound(detector: Detector, sizes: list[int]) -> list[tuple[str, float]]:
    return [(each.keyword, each.time) for each in tiny_family.detections(detector, SOUND, sizes)]


def test_an_export_equals_its_model(pair: tuple[WakeWordModel, Path]) -> None:
    model, path = pair
    exported = runtime.load(path)
    found = compare_export(model, exported, [[SOUND[:9001], SOUND[9001:]], [SOUND[5000:]]])
    assert found.difference < 1e-4
    assert found.identical and found.detections[0] == found.detections[1] == found.shared > 0
    assert exported.about["format"] == "wakeword-onnx/2"
    assert exported.keywords == model.keywords and exported.operating_point == model.operating_point
    assert (exported.frame_s, exported.look_ahead_ms) == (model.frame_s, model.look_ahead_ms)


@pytest.mark.parametrize("sizes", [[1280], [1, 4001, 160]])
def test_both_detectors_detect_the_same(pair: tuple[WakeWordModel, Path], sizes: list[int]) -> None:
    model, path = pair
    detector = runtime.Detector(runtime.load(path))
    expected = found_in_sound(Detector(model), [len(SOUND)])
    assert expected and found_in_sound(detector, sizes) == expected
    detector.reset()
    assert found_in_sound(detector, sizes) == expected


def test_detectors_of_one_export_are_independent(pair: tuple[WakeWordModel, Path]) -> None:
    model = runtime.load(pair[1])
    expected = found_in_sound(runtime.Detector(model), [1600])
    one, other = runtime.Detector(model), runtime.Detector(model)
    found = []
    for at in range(0, len(SOUND), 1600):
        found += one.feed(SOUND[at : at + 1600])
        other.feed(-0.5 * SOUND[::-1][at : at + 800])
    assert [(each.keyword, each.time) for each in found + one.flush()] == expected


def test_samples_of_another_rate_and_kind(pair: tuple[WakeWordModel, Path]) -> None:
    model, path = pair
    fast = resample(SOUND, 16_000, 48_000)
    pcm = (fast.clip(-1, 1) * 32767).astype(np.int16)
    ours, theirs = Detector(model, rate=48_000), runtime.Detector(runtime.load(path), rate=48_000)
    expected = [(each.keyword, each.time) for each in ours.feed(pcm)]
    found = theirs.feed(pcm)
    assert expected and [(e.keyword, e.time) for e in found] == expected
    latest = [each for each in found if each.keyword == "alexa"][-1]
    assert (latest.time - latest.end, latest.end - latest.start) == pytest.approx((0.07, 0.5))


def test_a_comparison_reports_other_weights(pair: tuple[WakeWordModel, Path]) -> None:
    """A model with other weights differs from the file."""
    model = copy.deepcopy(pair[0])
    with torch.no_grad():
        model.head.out.weight.neg_()
    found = compare_export(model, runtime.load(pair[1]), [[SOUND]])
    assert found.difference > 0.1 and not found.identical


FRONT_END = 4 * (400 * 2 * 201 + 201 * 80 + 400)  # bytes


def test_weights_are_stored_once(pair: tuple[WakeWordModel, Path]) -> None:
    """Two graphs share one set of weights, and unused positions are left out."""
    model, path = pair
    parameters = sum(each.numel() for each in model.parameters())
    assert path.stat().st_size < FRONT_END + 4.4 * parameters + 200_000


def test_one_graph_serves_all_blocks_where_a_stream_starts_from_a_state(
    pair: tuple[WakeWordModel, Path],
) -> None:
    """The branches then hold no more than the start of a stream."""
    model, path = pair
    graph = onnx.load(path).graph
    (choice,) = (node for node in graph.node if node.op_type == "If")
    nodes = [len(attribute.g.node) for attribute in choice.attribute]
    if type(model.encoder).__name__ == "CompactEncoder":
        assert max(nodes) < 10 < len(graph.node)
    assert (len(graph.node) == 1) == (max(nodes) > 20)


def test_a_state_that_does_not_start_at_zero(tmp_path: Path) -> None:
    """Path costs of spoken examples start high; two streams in a row start alike."""
    compact = EncoderSpec("small", "compact", (), "MIT", "nothing", 0, 80, 16, 3, 0, 25.0)
    with temporarily_registered(compact):
        model = random_model("small", "examples", 0)
        head = model.head
        assert isinstance(head, ExamplesHead)
        torch.nn.init.normal_(head.examples)
        head.lengths[:, :3] = 20.0
        export_onnx(model, tmp_path / "m.onnx")
    exported = runtime.load(tmp_path / "m.onnx")
    assert len(onnx.load(tmp_path / "m.onnx").graph.node) > 1
    found = compare_export(model, exported, [[SOUND], [SOUND[5000:]]])
    assert found.difference < 1e-4


def test_int8_is_smaller_and_close(
    tiny: EncoderSpec, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = tiny_family.model()
    path = tmp_path / "m.onnx"
    export_onnx(model, path, int8=True)
    assert capfd.readouterr() == ("", "")
    parameters = sum(each.numel() for each in model.parameters())
    assert path.stat().st_size < FRONT_END + 1.6 * parameters + 120_000
    exported = runtime.load(path)
    assert exported.about["int8"]
    logits, _ = exported(SOUND[: exported.first_block])
    with torch.inference_mode():
        expected, _ = model(torch.from_numpy(SOUND[None, : exported.first_block]))
    difference = np.abs(logits - expected[0].numpy())
    assert 0 < difference.max() < 0.1 * np.abs(expected.numpy()).max()


def test_the_runtime_loads_neither_torch_nor_audio_libraries(
    pair: tuple[WakeWordModel, Path], tmp_path: Path
) -> None:
    model, path = pair
    found, heavy = runtime_process.detect(path, SOUND, tmp_path)
    assert found == found_in_sound(Detector(model), [len(SOUND)])
    assert heavy == []


def broken(path: Path, out: Path, fault: str) -> Path:
    raw = path.read_bytes()
    if fault == "truncated":
        raw = raw[: len(raw) // 2]
    elif fault == "text":
        raw = b"not a model" * 50
    elif fault == "empty":
        raw = b""
    else:
        graph = onnx.load_model_from_string(raw)
        about = json.loads(graph.metadata_props[0].value)
        if fault == "foreign":
            del graph.metadata_props[:]
        else:
            changes: dict[str, Any] = {
                "format": {"format": "wakeword-onnx/9"},
                "keywords": {"keywords": []},
                "threshold": {
                    "operating_point": {**about["operating_point"], "thresholds": {"alexa": 1e9}}
                },
                "block": {"block": -1},
                "nonsense": {"operating_point": 3},
                "short": {"first_block": 100},
                "more words": {
                    "keywords": [*about["keywords"], "other"],
                    "operating_point": {
                        **about["operating_point"],
                        "thresholds": {**about["operating_point"]["thresholds"], "other": 0.5},
                    },
                },
            }
            about |= changes[fault]
            graph.metadata_props[0].value = json.dumps(about)
        raw = graph.SerializeToString()
    out.write_bytes(raw)
    return out


@pytest.mark.parametrize(
    "fault",
    [
        *("truncated", "text", "empty", "foreign", "format"),
        *("keywords", "threshold", "block", "nonsense", "short", "more words"),
    ],
)
def test_foreign_files_are_rejected(
    pair: tuple[WakeWordModel, Path], tmp_path: Path, fault: str
) -> None:
    path = broken(pair[1], tmp_path / "bad.onnx", fault)
    with pytest.raises(CheckpointError, match=r"bad\.onnx.*wakeword export"):
        runtime.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such model file"):
        runtime.load(tmp_path / "none.onnx")


def test_a_file_of_an_earlier_version_gives_the_same(
    pair: tuple[WakeWordModel, Path], tmp_path: Path
) -> None:
    """Format 1 has other names in its metadata; the graph is the same."""
    graph = onnx.load(pair[1])
    (written,) = (each for each in graph.metadata_props if each.key == "wakeword")
    about = json.loads(written.value)
    point = about.pop("operating_point")
    point["evidence"] = point.pop("provenance")
    about |= {"format": "wakeword-onnx/1", "point": point}
    if about["origin"]["streaming"] == "chunked":
        about["origin"]["streaming"] = "exact"
    written.value = json.dumps(about)
    onnx.save(graph, tmp_path / "old.onnx")
    new, old = runtime.load(pair[1]), runtime.load(tmp_path / "old.onnx")
    assert old.operating_point == new.operating_point
    assert old.about["origin"] == new.about["origin"]
    detections = [runtime.Detector(each).feed(SOUND) for each in (new, old)]
    assert detections[0] and detections[0] == detections[1]
    assert np.array_equal(*(runtime.Detector(each).logits(SOUND) for each in (new, old)))


def test_a_step_is_the_models_own(pair: tuple[WakeWordModel, Path]) -> None:
    model, exported = pair[0], runtime.load(pair[1])
    states: list[Any] = [None, None]
    for start in (0, model.first_block):
        size = model.block if start else model.first_block
        block = SOUND[start : start + size]
        results = [m.step(block, s) for m, s in zip((model, exported), states, strict=True)]
        states = [state for _, state in results]
        assert results[0][0].dtype == results[1][0].dtype == np.float64
        np.testing.assert_allclose(results[1][0], results[0][0], atol=1e-3)


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [(0, lambda count: count + 1), (torch.zeros(1), lambda count: torch.cat([count, count]))],
)
def test_a_state_that_no_graph_can_hold_raises(
    tiny: EncoderSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    begins: Any,
    goes_on: Callable[[Any], Any],
) -> None:
    """A number that counts, and a tensor that grows."""
    model = tiny_family.model()
    remembers = model.encoder.forward

    def counts(x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        inner, count = (None, begins) if state is None else state
        frames, inner = remembers(x, inner)
        return frames, (inner, goes_on(count))

    monkeypatch.setattr(model.encoder, "forward", counts)
    with pytest.raises(ConfigError, match="no graph can hold it"):
        export_onnx(model, tmp_path / "m.onnx")
    assert not list(tmp_path.glob("m.onnx*"))


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(
    tiny: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"{package}.*wakeword\[export\]"):
        export_onnx(tiny_family.model(), tmp_path / "m.onnx")
    assert not list(tmp_path.glob("m.onnx*"))


def test_the_runtime_without_onnxruntime_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"pip install onnxruntime"):
        runtime.load(tmp_path / "m.onnx")


def test_export_verify_and_bench_commands(model_file: Path, tmp_path: Path) -> None:
    """Export, verify, rejection of another model, exit code of a difference, and bench."""
    speech = tmp_path / "speech.wav"
    save_audio(speech, SOUND)
    out = CliRunner().invoke(main, ["export", str(model_file), "--audio", str(speech)])
    exported = model_file.with_suffix(".onnx")
    assert out.exit_code == 0, out.output
    assert exported.is_file() and "detections identical" in out.output
    verify = ["verify-export", "--audio", str(speech)]
    out = CliRunner().invoke(main, [*verify, str(model_file), str(exported)])
    assert out.exit_code == 0 and "s of speech; detections identical" in out.output
    other = tmp_path / "other.wakeword"
    save_model(tiny_family.model(seed=1), other)
    out = CliRunner().invoke(main, [*verify, str(other), str(exported)])
    assert out.exit_code == 1 and "detections shared, within 0.2 s" in out.output
    save_model(tiny_family.model(keywords=("jarvis",)), other)
    out = CliRunner().invoke(main, [*verify, str(other), str(exported)])
    assert out.exit_code == 2 and "made from another model" in out.output
    bench = ["bench", str(model_file), "--seconds", "3", "--json", "--exported", str(exported)]
    out = CliRunner().invoke(main, bench)
    assert out.exit_code == 0, out.output
    engines = [each["engine"] for each in json.loads(out.stdout)["engines"]]
    assert engines[:2] == ["this model", str(exported)]


def test_detect_takes_either_file(pair: tuple[WakeWordModel, Path], tmp_path: Path) -> None:
    model, path = pair
    save_model(model, tmp_path / "m.wakeword")
    save_audio(tmp_path / "speech.wav", SOUND)
    outs = [
        CliRunner().invoke(main, ["detect", str(file), str(tmp_path / "speech.wav"), "--json"])
        for file in (tmp_path / "m.wakeword", path)
    ]
    assert [out.exit_code for out in outs] == [0, 0]
    found = [
        [(line["keyword"], line["time"]) for line in map(json.loads, out.stdout.splitlines())]
        for out in outs
    ]
    assert found[0] and found[0] == found[1]
    peaks = [[json.loads(line)["peak"] for line in out.stdout.splitlines()] for out in outs]
    assert peaks[1] == pytest.approx(peaks[0], abs=1e-3)


def test_a_missing_recording_is_reported_before_the_export(
    model_file: Path, tmp_path: Path
) -> None:
    missing = str(tmp_path / "none.wav")
    out = CliRunner().invoke(main, ["export", str(model_file), "--audio", missing])
    assert out.exit_code == 2 and "none.wav" in out.output
    assert not model_file.with_suffix(".onnx").exists()
