"""Benchmarks: blocks fed, streaming against offline, peers; no time is asserted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny as tiny_family
import torch
from click.testing import CliRunner
from two_stage import tiny_two_stage

from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli import main
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation import benchmark
from wakeword.evaluation.scoring import model_logits
from wakeword.model.file import save_model


def test_every_full_block_is_fed_once_after_a_second_of_warm_up() -> None:
    fed: list[Samples] = []
    samples = tiny_family.synthetic_audio(2.0)[: 20 * benchmark.BLOCK_SAMPLES + 7]
    cost = benchmark.measure_engine("engine", fed.append, samples)
    assert np.array_equal(np.concatenate(fed[-20:]), samples[: 20 * benchmark.BLOCK_SAMPLES])
    assert sum(map(len, fed[:-20])) >= SAMPLE_RATE
    assert cost.engine == "engine" and 0 <= cost.p50_ms <= cost.p99_ms


@pytest.mark.parametrize("streaming", ["chunked", "window"])
def test_stream_and_offline_differ_by_rounding_only(tiny: EncoderSpec, streaming: str) -> None:
    model = tiny_family.model(streaming)
    assert 0 <= benchmark.stream_difference(model, tiny_family.synthetic_audio(3.0)) <= 1e-4


def test_a_lost_state_shows_in_the_stream_difference(
    tiny: EncoderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_family.model()
    forward = model.encoder.forward

    def forward_without_cache(x: torch.Tensor, state: object) -> tuple[torch.Tensor, object]:
        frames, state = forward(x, state)
        return frames, state._replace(caches=tuple((0 * k, 0 * v) for k, v in state.caches))

    monkeypatch.setattr(model.encoder, "forward", forward_without_cache)
    assert benchmark.stream_difference(model, tiny_family.synthetic_audio(3.0)) > 1e-2


@pytest.mark.parametrize("chunk", [4, 100])
def test_the_sliding_window_copy_has_the_same_weights(tiny: EncoderSpec, chunk: int) -> None:
    model = tiny_family.model(chunk=chunk, left=12, output_layers=(1, 2))
    copy = benchmark.sliding_window_copy(model)
    assert copy.encoder.hop_frames == chunk
    assert copy.encoder.streaming == "window"
    assert copy.encoder.output_layers == model.encoder.output_layers
    copied = copy.encoder.trunk.state_dict()
    assert all(torch.equal(t, copied[n]) for n, t in model.encoder.trunk.state_dict().items())


def test_streams_per_core_counts_the_audio_of_all_streams(
    tiny: EncoderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 12.0])  # two processor seconds between the two readings
    monkeypatch.setattr(benchmark.time, "process_time", lambda: next(clock))
    streams = benchmark.streams_per_core(tiny_family.model(), tiny_family.synthetic_audio(4.0), 3)
    assert streams == pytest.approx(3 * 40 * 0.08 / 2.0)


def test_peers_are_fed_frames_of_their_own_length(monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[list[int]] = []
    engine = SimpleNamespace(frame_length=512, process=fed.append)
    fake = SimpleNamespace(create=lambda keywords: engine)
    monkeypatch.setitem(sys.modules, "pvporcupine", fake)
    monkeypatch.setitem(sys.modules, "pyopen_wakeword", None)
    monkeypatch.setattr(benchmark.metadata, "version", lambda _name: "1.9.5")
    (feed,) = benchmark.installed_peers().values()
    samples = np.linspace(-1, 1, 5 * benchmark.BLOCK_SAMPLES, dtype=np.float32)
    for block in np.split(samples, 5):
        feed(block)
    assert {len(frame) for frame in fed} == {512}
    joined = np.concatenate(fed)
    assert np.array_equal(joined, (samples * 32767).astype(np.int16)[: len(joined)])
    assert 0 <= len(samples) - len(joined) < 512


def test_bench_as_a_table_and_as_json(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "installed_peers", lambda: {"a peer": lambda samples: None})
    command = ["bench", str(model_file), "--seconds", "3"]
    shown = CliRunner().invoke(main, command)
    assert shown.exit_code == 0, shown.output
    assert "a peer" in shown.output and "max |stream − offline|" in shown.output
    values = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    names = ["this model", "the same over a sliding window", "a peer"]
    assert [each["engine"] for each in values["engines"]] == names
    assert values["stream_difference"] <= 1e-4 and values["memory_mb"] > 1
    assert values["streams_per_core"] > 0 and "two_stage" not in values


def test_bench_of_two_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "installed_peers", dict)
    model = tiny_two_stage()
    save_model(model, tmp_path / "two.wakeword")
    save_audio(tmp_path / "long.wav", tiny_family.synthetic_audio(20.0))
    command = ["bench", str(tmp_path / "two.wakeword"), "--audio", str(tmp_path / "long.wav")]
    values = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    costs = values["two_stage"]
    assert [each["engine"] for each in values["engines"]] == ["this model"]
    counts = [sum(p.numel() for p in each.parameters()) for each in (model.gate, model.verifier)]
    assert [costs["gate_parameters"], costs["verifier_parameters"]] == counts
    assert values["parameters"] == sum(counts)
    samples = load_audio(tmp_path / "long.wav")
    calls = len(model.calls(model_logits(model.gate, [samples])))
    assert calls > 5 and costs["calls_per_hour"] == pytest.approx(calls * 180)
    added = costs["verification_ms"] / 1000 * calls * 180 / 3600
    assert costs["real_time_factor"] == pytest.approx(costs["gate_real_time_factor"] + added)
    assert values["stream_difference"] <= 1e-4
    shown = CliRunner().invoke(main, command)
    assert shown.exit_code == 0 and "ms a call" in " ".join(shown.output.split())


def test_bench_on_a_recording(model_file: Path, tmp_path: Path) -> None:
    save_audio(tmp_path / "long.wav", tiny_family.synthetic_audio(5.0))
    save_audio(tmp_path / "short.wav", tiny_family.synthetic_audio(1.0))
    command = ["bench", str(model_file), "--json", "--seconds", "4", "--audio"]
    values = json.loads(CliRunner().invoke(main, [*command, str(tmp_path / "long.wav")]).stdout)
    assert values["seconds"] == 4
    refused = CliRunner().invoke(main, [*command, str(tmp_path / "short.wav")])
    assert refused.exit_code == 2 and "expected 3 s" in refused.output
    too_short = CliRunner().invoke(main, ["bench", str(model_file), "--seconds", "2"])
    assert too_short.exit_code == 2 and "expected 3 s or more" in too_short.output
