"""What a model costs, and that its stream equals offline; no time is asserted."""

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

from wakeword.audio.files import save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli import main
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation import benchmark


def test_a_cost_feeds_every_whole_block_once_after_a_second_of_warming_up() -> None:
    fed: list[Samples] = []
    sound = tiny_family.sound(2.0)[: 20 * benchmark.BLOCK_SAMPLES + 7]
    found = benchmark.measure_engine("ears", fed.append, sound)
    assert np.array_equal(np.concatenate(fed[-20:]), sound[: 20 * benchmark.BLOCK_SAMPLES])
    assert sum(map(len, fed[:-20])) >= SAMPLE_RATE
    assert found.engine == "ears" and 0 <= found.p50_ms <= found.p99_ms


@pytest.mark.parametrize("streaming", ["chunked", "window"])
def test_stream_and_offline_differ_by_rounding_alone(tiny: EncoderSpec, streaming: str) -> None:
    model = tiny_family.model(streaming)
    assert 0 <= benchmark.stream_difference(model, tiny_family.sound(3.0)) <= 1e-4


def test_a_stream_that_forgets_is_noticed(
    tiny: EncoderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_family.model()
    remembers = model.encoder.forward

    def forgets(x: torch.Tensor, state: object) -> tuple[torch.Tensor, object]:
        frames, state = remembers(x, state)
        return frames, state._replace(caches=tuple((0 * k, 0 * v) for k, v in state.caches))

    monkeypatch.setattr(model.encoder, "forward", forgets)
    assert benchmark.stream_difference(model, tiny_family.sound(3.0)) > 1e-2


@pytest.mark.parametrize("chunk", [4, 100])
def test_the_twin_in_windows_has_the_same_weights(tiny: EncoderSpec, chunk: int) -> None:
    model = tiny_family.model(chunk=chunk, left=12, output_layers=(1, 2))
    twin = benchmark.sliding_window_copy(model)
    assert twin.encoder.hop_frames == chunk
    assert (
        twin.encoder.streaming == "window"
        and twin.encoder.output_layers == model.encoder.output_layers
    )
    theirs = twin.encoder.trunk.state_dict()
    assert all(torch.equal(t, theirs[n]) for n, t in model.encoder.trunk.state_dict().items())


def test_streams_per_core_counts_the_audio_of_all_streams(
    tiny: EncoderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 12.0])  # two processor seconds between its two looks at the clock
    monkeypatch.setattr(benchmark.time, "process_time", lambda: next(clock))
    found = benchmark.streams_per_core(tiny_family.model(), tiny_family.sound(4.0), 3)
    assert found == pytest.approx(3 * 40 * 0.08 / 2.0)


def test_peers_hear_the_sound_in_frames_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[list[int]] = []
    engine = SimpleNamespace(frame_length=512, process=heard.append)
    fake = SimpleNamespace(create=lambda keywords: engine)
    monkeypatch.setitem(sys.modules, "pvporcupine", fake)
    monkeypatch.setitem(sys.modules, "pyopen_wakeword", None)
    monkeypatch.setattr(benchmark.metadata, "version", lambda _name: "1.9.5")
    (feed,) = benchmark.installed_peers().values()
    sound = np.linspace(-1, 1, 5 * benchmark.BLOCK_SAMPLES, dtype=np.float32)
    for block in np.split(sound, 5):
        feed(block)
    assert {len(frame) for frame in heard} == {512}
    joined = np.concatenate(heard)
    assert np.array_equal(joined, (sound * 32767).astype(np.int16)[: len(joined)])
    assert 0 <= len(sound) - len(joined) < 512


def test_bench_as_a_table_and_as_json(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "installed_peers", lambda: {"a peer": lambda samples: None})
    command = ["bench", str(model_file), "--seconds", "3"]
    shown = CliRunner().invoke(main, command)
    assert shown.exit_code == 0, shown.output
    assert "a peer" in shown.output and "max |stream − offline|" in shown.output
    told = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    names = ["this model", "the same over a sliding window", "a peer"]
    assert [each["engine"] for each in told["engines"]] == names
    assert told["stream_difference"] <= 1e-4 and told["memory_mb"] > 1
    assert told["streams_per_core"] > 0


def test_bench_on_a_recording(model_file: Path, tmp_path: Path) -> None:
    save_audio(tmp_path / "long.wav", tiny_family.sound(5.0))
    save_audio(tmp_path / "short.wav", tiny_family.sound(1.0))
    command = ["bench", str(model_file), "--json", "--seconds", "4", "--audio"]
    told = json.loads(CliRunner().invoke(main, [*command, str(tmp_path / "long.wav")]).stdout)
    assert told["seconds"] == 4
    refused = CliRunner().invoke(main, [*command, str(tmp_path / "short.wav")])
    assert refused.exit_code == 2 and "expected 3 s" in refused.output
