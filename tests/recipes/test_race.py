"""The race of recipes/benchmark: its rules, and a run on small data with made-up engines."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import pytest
import soundfile
import tiny as tiny_family
import training
from click.testing import CliRunner
from figures import texts_outside
from recipe_runner import RECIPES, imports_from
from tiny_micro import tiny_micro
from two_stage import tiny_gate, tiny_two_stage

from wakeword.audio.files import load_audio, save_audio
from wakeword.data.clip import KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation import metrics
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.test_streams import CONFUSABLES, StreamReader
from wakeword.exporting.esphome import export_esphome
from wakeword.exporting.onnx import export_onnx
from wakeword.model.file import save_model

FOLDER = RECIPES / "benchmark"

# An engine that detects all keywords at its low threshold, and all but the first at its high one.
# At the low one it has a false accept. It writes a log of the streams that it was given.
EVENTS = """
import json, pathlib, sys
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
truth = json.loads(pathlib.Path(job["audio"]).with_suffix(".json").read_text())
ends = [segment["end_s"] for segment in truth["segments"]]
log = pathlib.Path(__file__).with_suffix(".log")
log.write_text((log.read_text() if log.exists() else "") + truth["condition"] + "\\n")
strict, loose = ([], [1.0]) if truth["condition"] == "negatives" else (ends[1:], ends)
result = {"rtf": 0.25, "memory_mb": 10, "model_mb": 2}
result["events"] = {"0.9": [t + 0.1 for t in strict], "0.1": [t + 0.3 for t in loose]}
pathlib.Path(sys.argv[2]).write_text(json.dumps(result))
"""


class Benchmark:
    """The modules of recipes/benchmark, imported anew for each test."""

    def __getattr__(self, name: str) -> ModuleType:
        return importlib.import_module(name)


@pytest.fixture
def benchmark() -> Iterator[Any]:
    with imports_from(FOLDER):
        yield Benchmark()


def add_fake_engines(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, script: Path, **attributes: object
) -> None:
    """Replace the peers: one in the interpreter of the tests, one missing, one without 'ping'."""
    engine = benchmark.engines.Engine
    fake = engine("fake", "Fake 1.0", "MIT", script, **attributes)
    absent = engine("absent", "Absent 2.0", "MIT", script)
    other = engine("other", "Other 3.0", "MIT", script, keywords=("pong",))
    monkeypatch.setattr(benchmark.race, "peer_engines", lambda: [fake, absent, other])
    real = benchmark.environments.interpreter
    monkeypatch.setattr(
        benchmark.engine_runs,
        "interpreter",
        lambda engine, out: Path(sys.executable) if engine is fake else real(engine, out),
    )


def add_event_engine(benchmark: Any, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Write the script `EVENTS` and enter it as an engine."""
    script = folder / "fake.py"
    script.write_text(EVENTS, encoding="utf-8")
    add_fake_engines(benchmark, monkeypatch, script)
    return script


def run(benchmark: Any, *arguments: object) -> str:
    command = [str(argument) for argument in arguments]
    result = CliRunner().invoke(benchmark.race.main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def dev_split(folder: Path) -> Dataset:
    """The dev split of a small data set, for the keyword 'ping'."""
    return select_keywords(read_dataset(training.write_data(folder)), ["ping"]).subset("dev")


@pytest.mark.parametrize("keywords", [("alexa",), ("hey there my old computer", "jarvis")])
def test_no_text_leaves_the_picture(benchmark: Any, keywords: tuple[str, ...]) -> None:
    point = DetPoint(0.5, 2, 40, 1, 3.0)
    rows = [
        benchmark.scoring.EngineResult(
            f"{name} with a long description", keyword, condition, (point,)
        )
        for name in ("wakeword, two stages", "another engine", "a third engine", "Porcupine")
        for keyword in keywords
        for condition in ("clean", "10 dB of the neighbour's washing machine")
    ]
    assert texts_outside(benchmark.race_plot.race_figure(rows)) == []


def test_an_unknown_keyword_is_named(benchmark: Any, tmp_path: Path) -> None:
    data = training.write_data(tmp_path / "data")
    command = [str(data), str(tmp_path / "out"), "--keyword", "pling", "--engine", "wakeword"]
    refused = CliRunner().invoke(benchmark.race.main, command)
    assert refused.exit_code == 2 and isinstance(refused.exception, SystemExit)
    assert "unknown keyword 'pling'" in refused.output


def test_a_race_and_its_resumption(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = add_event_engine(benchmark, monkeypatch, tmp_path)
    data, out = training.write_data(tmp_path / "data"), tmp_path / "out"
    printed = run(benchmark, data, out, "--condition", "clean", "--condition", "10 dB")
    rows = [line for line in printed.splitlines() if line.startswith("| Fake")]
    # four clips; the low threshold's false accept in a few seconds is far above both rates
    assert [row.split(" | ")[2:5] for row in rows] == [
        [name, "1 of 4: 25.0% (4.6%–69.9%)", "1 of 4: 25.0% (4.6%–69.9%)"]
        for name in ("clean", "10 dB")
    ]
    assert all("| 0.10 / 0.10 | 0.2500 | 10 | 2.0 | MIT |" in row for row in rows)
    assert "| Absent 2.0 | ping | not installed |" in printed
    assert "| Other 3.0 | ping | keyword not offered |" in printed
    assert "| wakeword | ping | no model |" in printed
    assert "Even with zero false accepts in" in printed
    assert (out / "race.png").stat().st_size > 10_000
    assert len(json.loads((out / "race.json").read_text())) == 5
    streams = script.with_suffix(".log").read_text().split("\n")[:-1]
    assert streams == ["negatives", "clean", "10 dB"]
    again = run(benchmark, data, out, "--condition", "clean", "--condition", "10 dB")
    assert again == printed
    assert script.with_suffix(".log").read_text().split("\n")[:-1] == streams


def test_results_of_earlier_versions_are_read(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = add_event_engine(benchmark, monkeypatch, tmp_path)
    data, out = training.write_data(tmp_path / "data"), tmp_path / "out"
    arguments = (data, out, "--condition", "clean", "--engine", "fake")
    printed = run(benchmark, *arguments)
    for file in (out / "results" / "fake" / "ping").glob("*.json"):
        result = json.loads(file.read_text())
        result["made_of"] = result.pop("cache_key")
        file.write_text(json.dumps(result))
    assert run(benchmark, *arguments) == printed
    assert script.with_suffix(".log").read_text().split("\n")[:-1] == ["negatives", "clean"]


def test_confusable_phrases_are_counted_apart(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_event_engine(benchmark, monkeypatch, tmp_path)
    plain = training.write_data(tmp_path / "data")
    lines = [json.loads(line) for line in plain.read_text("utf-8").splitlines()]
    others = [row for row in lines if row["split"] == "dev" and not row["label"]]
    for row in others[1:]:
        row["source"] = "confusable/made up"
    data = plain.with_name("confusable.jsonl")
    data.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    options = ("--condition", "clean", "--engine", "fake")
    first, confusable = run(benchmark, data, tmp_path / "a", *options).splitlines()[2:4]
    expected = "2 of 3 falsely accepted: 66.7% (20.8%–93.9%)"
    assert confusable == f"| Fake 1.0 | ping | {CONFUSABLES} |  | {expected} |"
    (without,) = run(benchmark, plain, tmp_path / "b", *options).splitlines()[2:3]
    assert first.split(" | ")[:4] == without.split(" | ")[:4]
    results = [json.loads((tmp_path / out / "race.json").read_text())[0] for out in "ab"]
    assert results[0]["negative_hours"] < 0.5 * results[1]["negative_hours"]


def test_files_hold_the_streams(benchmark: Any, tmp_path: Path) -> None:
    (stream, *_) = benchmark.stream_files.keyword_streams(dev_split(tmp_path / "data"))
    file = benchmark.stream_files.write_stream(stream, tmp_path)
    info = soundfile.info(file.audio)
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    assert file.hours == pytest.approx(info.duration / 3600)
    reader = StreamReader(stream, ClipLoader())
    samples = np.concatenate(list(reader))
    assert np.abs(load_audio(file.audio) - samples).max() <= 1 / 32768
    assert file.segments == tuple(reader.segments)


def test_our_model_runs(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: EncoderSpec
) -> None:
    """In this process, where the tiny encoder is known: its scores are those of `evaluate`."""
    model = tiny_family.model(keywords=("ping",))
    save_model(model, tmp_path / "ping.wakeword")
    (stream, *_) = benchmark.stream_files.keyword_streams(dev_split(tmp_path / "data"))
    file = benchmark.stream_files.write_stream(stream, tmp_path)
    job = {"keyword": "ping", "model": str(tmp_path / "ping.wakeword"), "audio": str(file.audio)}
    (tmp_path / "job").write_text(json.dumps(job))
    monkeypatch.setattr(sys, "argv", ["ours.py", str(tmp_path / "job"), str(tmp_path / "r.json")])
    monkeypatch.syspath_prepend(str(FOLDER / "peers"))
    ours = importlib.import_module("ours")
    ours.main()
    result = json.loads((tmp_path / "r.json").read_text())
    scores = np.load(tmp_path / result["scores"])
    detections = Detector(model, threshold=0.5).feed(load_audio(file.audio))
    # the model's refractory period is 0.2 s here, so compare where that cannot matter
    assert bool(detections) == bool(benchmark.scoring.upward_crossings(scores, 0.5))
    late = scores[:, 0] - (np.arange(len(scores)) + 1) * model.frame_s
    assert late.min() >= 0 and late.max() <= model.look_ahead_ms / 1000 + 0.16
    assert result["rtf"] > 0 and result["memory_mb"] > 1 and result["model_mb"] > 0
    export_onnx(model, tmp_path / "ping.onnx")  # an exported file is preferred where there is one
    (engine,) = benchmark.engines.own_engines([str(tmp_path)])
    job |= {"model": benchmark.engine_runs.job_for(engine, "ping", tmp_path, [])["model"]}
    assert job["model"] == str(tmp_path / "ping.onnx")
    (tmp_path / "job").write_text(json.dumps(job))
    ours.main()
    result = json.loads((tmp_path / "r.json").read_text())
    assert np.allclose(np.load(tmp_path / result["scores"]), scores, atol=1e-4)


def test_the_stages_of_a_model_are_taken_apart(benchmark: Any, tmp_path: Path) -> None:
    data, file = training.write_data(tmp_path / "data"), tmp_path / "two.wakeword"
    save_model(tiny_two_stage(("ping",)), file)
    save_model(tiny_gate(("ping",), seed=1), tmp_path / "gate.wakeword")
    main, arguments = benchmark.two_stages.main, [str(data), str(file)]
    gates = ["--gate", str(tmp_path / "gate.wakeword")]
    result = CliRunner().invoke(main, [*arguments, *gates], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    head, _, *rows = result.stdout.splitlines()
    conditions = ["clean", "10 dB", "0 dB", "talker"]
    assert head == f"| stages | calls per hour | {' | '.join(conditions)} |"
    names = [row.split(" | ")[0] for row in rows]
    assert names[0] == "| gate of two alone" and names[-1] == "| verifier alone"
    assert names[11] == "| gate of gate alone" and len(names) == 23
    calls = [int(row.split(" | ")[1]) for row in rows]
    assert calls[0] == 0 and calls[1] == calls[2] <= calls[9] <= calls[-1]
    result = CliRunner().invoke(main, [str(data), str(tmp_path / "gate.wakeword")])
    assert result.exit_code == 2 and "a model of one stage" in result.output


def test_an_engine_that_fails_is_a_line(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "fake.py"
    script.write_text("raise SystemExit('no such microphone')", encoding="utf-8")
    add_fake_engines(benchmark, monkeypatch, script)
    data = training.write_data(tmp_path / "data")
    printed = run(benchmark, data, tmp_path / "out", "--engine", "fake")
    assert "| Fake 1.0 | ping | failed: no such microphone |" in printed


def test_a_threshold_is_crossed_upwards_and_not_twice_in_a_second(benchmark: Any) -> None:
    scores = np.zeros(40)
    scores[[3, 4, 8, 30]] = (0.7, 0.9, 0.9, 0.6)
    timed = np.column_stack([np.arange(40) * 0.1, scores])
    crossings = benchmark.scoring.upward_crossings
    assert crossings(timed, 0.6) == pytest.approx([0.3, 3.0])
    assert crossings(timed, 0.8) == pytest.approx([0.4])
    assert crossings(timed, 0.95) == []


def test_every_count_of_false_accepts_can_be_reached(benchmark: Any) -> None:
    rng = np.random.default_rng(0)
    times = np.arange(2000) * 0.08
    negative = np.column_stack([times, rng.random(2000)])
    positive = np.column_stack([times, rng.random(2000)])
    output = benchmark.engine_runs.EngineOutput
    thresholds = benchmark.scoring.thresholds_between(output(positive), output(negative))
    counts = {len(benchmark.scoring.upward_crossings(negative, each)) for each in thresholds}
    assert set(range(20)) <= counts


def test_latency_is_from_the_end_of_the_keyword(benchmark: Any) -> None:
    segments = [KeywordSegment("ping", start_s, start_s + 0.5) for start_s in (1.0, 4.0, 8.0)]
    latencies = benchmark.scoring.latencies([0.9, 1.4, 1.7, 5.3, 9.31], segments)
    assert latencies == pytest.approx([-0.1, 0.8])


def test_several_of_our_models_race_by_name(benchmark: Any, tmp_path: Path) -> None:
    folders = [str(tmp_path / "plain"), f"window={tmp_path / 'other'}"]
    engines = benchmark.engines.own_engines(folders)
    assert [(engine.name, engine.title) for engine in engines] == [
        ("wakeword", "wakeword"),
        ("wakeword-window", "wakeword, window"),
    ]
    job_for = benchmark.engine_runs.job_for
    models = [job_for(engine, "ping", tmp_path, [])["model"] for engine in engines]
    assert models == [str(tmp_path / name / "ping.wakeword") for name in ("plain", "other")]


def test_a_file_for_microcontrollers_races_in_pymicro_wakeword(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("flatbuffers", "tflite", "pymicro_wakeword"):
        pytest.importorskip(package, reason="needs wakeword[esphome] and pymicro-wakeword")
    save_audio(tmp_path / "evening.wav", tiny_family.synthetic_audio(20.0))
    model = tiny_micro()
    (exported,) = export_esphome(model, tmp_path / "device", [tmp_path / "evening.wav"])
    (engine,) = benchmark.engines.own_engines([f"micro={tmp_path / 'device'}"])
    job = benchmark.engine_runs.job_for(engine, model.keywords[0], tmp_path, [])
    assert engine.is_own and job["model"] == str(exported.manifest)
    (tmp_path / "job").write_text(json.dumps({**job, "audio": str(tmp_path / "evening.wav")}))
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path / "job"), str(tmp_path / "r.json")])
    monkeypatch.syspath_prepend(str(FOLDER / "peers"))
    importlib.import_module("micro_wakeword").main()
    result = json.loads((tmp_path / "r.json").read_text())
    times, scores = np.load(tmp_path / result["scores"]).T
    assert len(scores) == pytest.approx(20.0 / 0.03, abs=3) and scores.std() > 0
    assert times[0] == 0.08 and times[-1] == pytest.approx(20.0)


@pytest.mark.parametrize("folders", [["a", "b"], ["x=a", "y=a", "x=b"]])
def test_two_of_our_models_under_one_name_teach(benchmark: Any, folders: list[str]) -> None:
    with pytest.raises(click.UsageError, match=r"a second wakeword.*NAME=FOLDER"):
        benchmark.engines.own_engines(folders)


def test_every_engine_has_its_scripts(benchmark: Any) -> None:
    for engine in (*benchmark.engines.own_engines([]), *benchmark.engines.peer_engines()):
        assert engine.script.is_file() and engine.licence
        assert engine.training_script is None or engine.training_script.is_file()


def test_picovoices_protocol(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = dev_split(tmp_path / "data")
    segments = list(benchmark.picovoice_file.mix_segments(part, 0.02))
    keywords = [samples for samples, is_keyword in segments if is_keyword]
    assert len(keywords) == 4
    assert sum(len(samples) for samples, _ in segments) >= 0.02 * 3600 * 16_000
    file = benchmark.picovoice_file.write_picovoice_file(part, 0.02, tmp_path / "long.flac")
    samples = load_audio(file.audio)
    assert np.abs(samples).max() == pytest.approx(1.0, abs=1e-3)
    assert file.hours == pytest.approx(len(samples) / 16_000 / 3600)
    lengths = [segment.end_s - segment.start_s for segment in file.segments]
    assert sorted(lengths) == pytest.approx(sorted(len(k) / 16_000 + 0.5 for k in keywords))
    protocol = benchmark.picovoice_protocol
    first = file.segments[0]
    middle = (first.start_s + first.end_s) / 2
    events = {0.9: [middle, middle + 0.2], 0.5: [middle, first.end_s + 0.1]}
    output = benchmark.engine_runs.EngineOutput(events=events)
    monkeypatch.setattr(protocol, "run_engine", lambda *_: [output])
    line = protocol.score(benchmark.engines.OWN, {"keyword": "ping"}, file, tmp_path)
    # two events in a clip are one hit; the event after the clip is a false accept
    assert line.count("3 of 4") == 2


def test_the_loudest_frames_are_10_db_apart(benchmark: Any) -> None:
    rng = np.random.default_rng(0)
    speech, noise = (rng.standard_normal(16_000).astype(np.float32) for _ in range(2))
    track = benchmark.picovoice_file.NoiseTrack(Dataset(Path(), "folders"), ClipLoader(), rng)
    track._pending = noise
    mixed = track.mix(speech)
    energy = benchmark.picovoice_file.loudest_frame_energy
    assert 10 * np.log10(energy(mixed - noise) / energy(noise)) == pytest.approx(10.0, abs=0.01)


def test_the_mean_over_keywords_has_the_interval_of_all_their_clips(benchmark: Any) -> None:
    points = [DetPoint(0.5, misses, spoken, 0, 3.0) for misses, spoken in ((1, 10), (3, 60))]
    row = benchmark.scoring.EngineResult
    rows = [
        row("Fake", keyword, "clean", (point, None), (0.1,), 3.0)
        for keyword, point in zip(("ping", "pong"), points, strict=True)
    ]
    rows.append(row("Fake", "pang", note="keyword not offered"))
    mean = benchmark.race_table.format_table(rows).splitlines()[5]
    pooled = metrics.wilson(4, 70)
    assert mean.startswith("| Fake | mean of 2 keywords | clean | 7.5% ")
    assert f"({pooled.low:.1%}–{pooled.high:.1%})" in mean
    assert "| 100.0% (0.0%–100.0%) |" in mean  # no threshold: as if all were missed
