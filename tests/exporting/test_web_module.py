"""The JavaScript module computes what the Python detector does, however the stream is cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import tiny as tiny_family
import two_stage
import web_module

from wakeword import runtime
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.detection.blocks import BlockBuffer
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import StreamTrigger, trigger_for
from wakeword.encoders.registry import temporarily_registered
from wakeword.exporting.onnx import export_onnx
from wakeword.model.cascade import Cascade, CascadeConfig
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint

KEYWORDS = ("alexa", "computer")
SOUND = tiny_family.synthetic_audio(6.0)


def with_median_thresholds(model: WakeWordModel) -> WakeWordModel:
    """The model with thresholds amid its scores, so that it detects often."""
    middle = 1 / (1 + np.exp(-np.median(Detector(model).logits(SOUND), axis=0)))
    thresholds = dict(zip(model.keywords, middle.tolist(), strict=True))
    model.operating_point = replace(model.operating_point, thresholds=thresholds)
    return model


MODELS = {
    "one stage": lambda: with_median_thresholds(tiny_family.model("chunked")),
    "window, recurrent": lambda: with_median_thresholds(
        tiny_family.model("window", "gru", ("alexa",))
    ),
    "two stages": lambda: two_stage.tiny_two_stage(gate_threshold=0.3, threshold=0.01),
}

pytestmark = pytest.mark.usefixtures("node")


@pytest.fixture(scope="module")
def node() -> None:
    web_module.require_node()


@pytest.fixture(scope="module", params=MODELS)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    web_module.onnxruntime_web()
    with temporarily_registered(tiny_family.spec(), two_stage.GATE):
        path = tmp_path_factory.mktemp("exported") / "model.onnx"
        export_onnx(MODELS[request.param](), path)
        yield path


def detect(
    model: Path,
    samples: Any,
    folder: Path,
    sizes: list[list[int]],
    **options: Any,
) -> list[dict[str, Any]]:
    """Detections in JavaScript, of one run for each list of sizes."""
    job = {
        **web_module.audio(folder, samples),
        "ort": str(web_module.onnxruntime_web() / "dist" / "ort.wasm.min.mjs"),
        "model": str(model),
        "sizes": sizes,
        "options": options,
    }
    found: list[dict[str, Any]] = web_module.run("detect", job)
    return found


@pytest.mark.parametrize("threshold", [None, 0.0])
def test_detections_equal_those_of_python(
    exported: Path, tmp_path: Path, threshold: float | None
) -> None:
    detector = runtime.Detector(runtime.load(exported), threshold=threshold)
    expected = detector.feed(SOUND) + detector.flush()
    sizes = [[1280], [len(SOUND)], [1, 4001, 160]]
    runs = detect(exported, SOUND, tmp_path, sizes, threshold=threshold)
    assert len(runs) == 3 and len(expected) > (3 if threshold == 0.0 else 0)
    assert runs[0] == runs[1] == runs[2]
    found = runs[0]["detections"]
    assert [(each["keyword"], each["time"]) for each in found] == [
        (each.keyword, each.time) for each in expected
    ]
    scores = [each["score"] for each in found]
    np.testing.assert_allclose(scores, [each.score for each in expected], atol=1e-4)
    assert runs[0]["scores"] == pytest.approx(detector.scores, abs=1e-4)


def test_integers_are_scaled(exported: Path, tmp_path: Path) -> None:
    pcm = (SOUND * 32768).astype(np.int16)
    detector = runtime.Detector(runtime.load(exported))
    expected = detector.feed(pcm) + detector.flush()
    (run,) = detect(exported, pcm, tmp_path, [[1280]])
    assert expected
    assert [(each["keyword"], each["time"]) for each in run["detections"]] == [
        (each.keyword, each.time) for each in expected
    ]


def test_another_rate_is_resampled(exported: Path, tmp_path: Path) -> None:
    """The filters differ from those of Python, and so do scores, a little."""
    model = runtime.load(exported)
    detector = runtime.Detector(model, threshold=0.0, rate=44100)
    samples = resample(SOUND, SAMPLE_RATE, 44100)
    expected = detector.feed(samples) + detector.flush()
    (run,) = detect(exported, samples, tmp_path, [[3528]], threshold=0.0, rate=44100)
    times = {(each["keyword"], each["time"]): each["score"] for each in run["detections"]}
    same = [each for each in expected if (each.keyword, each.time) in times]
    assert len(same) > 0.7 * len(expected) > 3
    for each in same:
        assert times[each.keyword, each.time] == pytest.approx(each.score, abs=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": {"jarvis": 0.5}}, 'unknown keyword "jarvis". Known: alexa'),
        ({"threshold": 1.5}, "a threshold of 1.5: expected 0"),
        ({"rate": 44.1}, "a sample rate of 44.1 Hz is out of range"),
    ],
)
def test_wrong_options_are_explained(
    exported: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RuntimeError, match=f"^WakewordError: {message}"):
        detect(exported, SOUND[:100], tmp_path, [[100]], **options)


THREE = asdict(OperatingPoint(dict.fromkeys("abc", 0.5)))


def with_metadata(path: Path, out: Path, **changes: Any) -> Path:
    graph = onnx.load(path)
    (written,) = (each for each in graph.metadata_props if each.key == "wakeword")
    written.value = json.dumps(json.loads(written.value) | changes)
    out.write_bytes(graph.SerializeToString())
    return out


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"format": "wakeword-onnx/9"}, "format wakeword-onnx/9"),
        ({"keywords": ["jarvis"]}, "keywords and thresholds do not match"),
        ({"block": 10**12}, "block of 1000000000000 samples"),
        ({"keywords": ["a", "b", "c"], "operating_point": THREE}, "3 keywords|gate thresholds"),
    ],
)
def test_other_metadata_are_rejected(
    exported: Path, tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    path = with_metadata(exported, tmp_path / "bad.onnx", **changes)
    with pytest.raises(RuntimeError, match=f"^WakewordError: .*{fault}"):
        detect(path, SOUND[:100], tmp_path, [[100]])


def test_other_files_are_rejected(tmp_path: Path) -> None:
    for content in (b"", b"no ONNX file", bytes(range(256)), b"\x0a\xff\xff\x7f"):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(RuntimeError, match=r"bad\.onnx: not a wakeword model.*export`\.$"):
            web_module.run("metadata", {"file": str(tmp_path / "bad.onnx")})


@pytest.mark.parametrize("thresholds", [(0.5, 0.7), (0.0, 0.6)])
@pytest.mark.parametrize("sizes", [[400], [1, 3, 2]])
def test_the_trigger_equals_that_of_python(
    thresholds: tuple[float, float], sizes: list[int]
) -> None:
    logits = np.random.default_rng(0).normal(0, 2, (400, 2)).round(1)  # with equal neighbours
    named = dict(zip(KEYWORDS, thresholds, strict=True))
    times_s = {"latency_s": {KEYWORDS[0]: 0.25}, "duration_s": {KEYWORDS[1]: 0.9}}
    point = OperatingPoint({}, 0.12, 0.5, **times_s)
    python: Any = SimpleNamespace(keywords=KEYWORDS, operating_point=point, frame_s=0.04)
    trigger = StreamTrigger(python, named)
    expected = [asdict(each) for each in trigger.run(logits)]
    model = {"keywords": KEYWORDS, "operatingPoint": asdict(point), "frameS": 0.04}
    job = {"model": model, "thresholds": named, "logits": logits.tolist(), "sizes": sizes}
    found = web_module.run("trigger", job)
    by_time = sorted(found, key=lambda each: (each["time"], KEYWORDS.index(each["keyword"])))
    assert len(expected) > 20 and trigger.trigger == trigger_for(python, thresholds)
    assert by_time == [
        {**each, "score": pytest.approx(each["score"], abs=1e-12)} for each in expected
    ]


@pytest.mark.parametrize("block_frames", [1, 4])
def test_the_cascade_equals_that_of_python(block_frames: int) -> None:
    rng = np.random.default_rng(1)
    config = CascadeConfig({"alexa": 0.8, "computer": 0.9}, 0.3, 0.8, -0.1, 0.12, 0.3, 0.2)
    window, blocks = 50, 300 // block_frames
    gate = rng.normal(0, 3, (blocks, block_frames, 2))
    samples = rng.normal(0, 0.1, (blocks, 20)).astype(np.float32)
    verifier = rng.normal(0, 3, (7, 12, 2))
    cascade = Cascade(config, KEYWORDS, 0.04, 0.02)
    state, final, windows = None, [], []
    for block, logits in zip(samples, gate, strict=True):
        started = cascade.begin(block, logits, None, window, state)
        answer = None
        if started.call:
            answer = verifier[len(windows) % len(verifier)]
            windows.append(started.window)
        rows, state = cascade.finish(started, answer)
        final.append(rows)
    job = {
        "config": asdict(config),
        "keywords": KEYWORDS,
        "frame_s": 0.04,
        "verifier_frame_s": 0.02,
        "window": window,
        "verifier": verifier.tolist(),
        "blocks": [
            {"samples": block.tolist(), "gate": logits.tolist()}
            for block, logits in zip(samples, gate, strict=True)
        ],
    }
    found = web_module.run("cascade", job)
    assert 10 < len(windows) < blocks
    np.testing.assert_array_equal(np.float32(found["windows"]), windows)
    np.testing.assert_allclose(found["final"], np.concatenate(final), atol=1e-12)


@pytest.mark.parametrize("sizes", [[10_000], [7, 300, 1]])
def test_blocks_equal_those_of_python(tmp_path: Path, sizes: list[int]) -> None:
    samples = SOUND[:5000]
    model: Any = SimpleNamespace(first_block=700, block=320, frame_s=0.02)
    buffer = BlockBuffer(model, SAMPLE_RATE)
    buffer.push(samples)
    buffer.finish()
    expected = [block.samples for block in buffer.pop_all()]
    job = {"model": {"firstBlock": 700, "block": 320}, "sizes": sizes}
    found = web_module.run("blocks", {**job, **web_module.audio(tmp_path, samples)})
    assert [len(block) for block in found] == [len(block) for block in expected]
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))


def test_samples_of_another_type_are_explained(tmp_path: Path) -> None:
    job = {"model": {"firstBlock": 700, "block": 320}, "sizes": [3]}
    samples = web_module.audio(tmp_path, np.zeros(3, dtype=np.int32))
    with pytest.raises(RuntimeError, match="samples of type Int32Array: expected a Float32Array"):
        web_module.run("blocks", {**job, **samples})


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_the_resampler_is_close_to_soxr_and_ignores_pieces(tmp_path: Path, rate: int) -> None:
    samples = tiny_family.synthetic_audio(0.5, rate=rate)
    job = {"rate": rate, **web_module.audio(tmp_path, samples)}
    whole = web_module.run("resample", {**job, "sizes": [len(samples)]})
    assert whole == web_module.run("resample", {**job, "sizes": [1, 1000, 333]})
    expected = resample(samples, rate, SAMPLE_RATE)
    assert abs(len(whole) - len(expected)) <= 1
    size = min(len(whole), len(expected)) - 200  # the ends differ
    difference = np.array(whole[200:size]) - expected[200:size]
    assert np.sqrt(np.mean(difference**2)) < 0.01 * np.sqrt(np.mean(samples**2))


def test_the_resampler_keeps_what_is_below_and_removes_what_is_above_half_the_rate(
    tmp_path: Path,
) -> None:
    time_s = np.arange(24_000) / 48_000
    levels = {}
    for hertz in (1000, 7000, 8100, 12_000):
        tone = np.sin(2 * np.pi * hertz * time_s).astype(np.float32)
        job = {"rate": 48_000, "sizes": [24_000], **web_module.audio(tmp_path, tone)}
        found = np.array(web_module.run("resample", job))[1000:-1000]
        levels[hertz] = 10 * np.log10(2 * np.mean(found**2))
    assert abs(levels[1000]) < 0.01 and abs(levels[7000]) < 0.01
    assert levels[8100] < -90 and levels[12_000] < -90


def test_times_in_frames_are_rounded_as_in_python() -> None:
    times = [(0.5, 1.0), (1.5, 1.0), (2.5, 1.0), (0.12, 0.08), (0.12, 0.04), (1.0, 0.06), (0, 1)]
    expected = [max(1, round(seconds / frame_s)) for seconds, frame_s in times]
    assert web_module.run("frames", times) == expected


def test_the_module_reads_what_python_reads(exported: Path) -> None:
    found = web_module.run("metadata", {"file": str(exported)})
    about = dict(runtime.load(exported).about)
    assert {name: found[name] for name in about} == about
