"""Networks of Hugging Face: equal to transformers', and saved in one model file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny as tiny_family
import torch
import training
from hugging_face import write

from wakeword.cli import main
from wakeword.encoders.registry import build_encoder, encoder_spec, load_encoder
from wakeword.errors import CheckpointError, ConfigError, WakewordError
from wakeword.model.file import load_model

transformers = pytest.importorskip("transformers")

KINDS = ("wav2vec2", "hubert", "wavlm", "moonshine")


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_windows_equal_transformers(tmp_path: Path, kind: str, normed: bool) -> None:
    name = write(tmp_path / "net", kind, normed)
    of = encoder_spec(name)
    assert (of.layers, of.dim, of.licence) == (2, 32, "apache-2.0")
    encoder, stripped, sha256 = load_encoder(name, window=20, hop=5, output_layers=(1, 2))
    assert stripped.stripped_tensors >= 2 and stripped.stripped_parameters >= 11 * 33
    assert len(sha256) == 64
    theirs = transformers.AutoModel.from_pretrained(tmp_path / "net").eval()
    theirs = theirs.get_encoder() if kind == "moonshine" else theirs
    hop = encoder.first_features * 160
    samples = torch.from_numpy(tiny_family.synthetic_audio(6 * hop / 16_000, seed=3))[None]
    last = samples[:, -4 * hop :]
    if normed:
        last = torch.from_numpy(
            transformers.Wav2Vec2FeatureExtractor(do_normalize=True)(
                last[0].numpy(), sampling_rate=16_000, return_tensors="np"
            ).input_values
        )
    with torch.no_grad():
        frames = tiny_family.stream(encoder, samples.reshape(1, -1, 160), [3, 1, 40])
        expected = theirs(last, output_hidden_states=True).hidden_states
    assert frames.shape == (1, 30, 64)
    for layer in (1, 2):
        found = frames[:, -5:, (layer - 1) * 32 : layer * 32]
        torch.testing.assert_close(found, expected[layer][:, -5:], atol=1e-4, rtol=0)


def test_a_trained_model_loads_without_the_hub(tmp_path: Path) -> None:
    name = write(tmp_path / "net", mask_time_prob=0.5, layerdrop=0.5)
    data, out = training.write_data(tmp_path / "data"), tmp_path / "ping.wakeword"
    given = training.arguments(data, tmp_path, out, tmp_path / "work", "--strategy", "top:1")
    at = given.index("--weights")
    given[at : at + 2] = []
    given[given.index("tiny")] = name
    main(given, standalone_mode=False)
    for file in (tmp_path / "net").iterdir():
        file.unlink()
    model = load_model(out)
    assert model.origin.licence == "apache-2.0" and model.origin.streaming == "window"
    samples = torch.from_numpy(tiny_family.synthetic_audio(3.0))[None]
    with torch.no_grad():
        whole, _ = model(samples)
        parts = tiny_family.stream(model, samples, [1, 160, 1280, 4001])
    torch.testing.assert_close(parts, whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_layer_groups_hold_every_parameter_once(tmp_path: Path, kind: str) -> None:
    encoder = build_encoder(write(tmp_path / "net", kind)).offline
    parts = [p for group in encoder.layer_groups() for module in group for p in module.parameters()]
    assert len(encoder.layer_groups()) == encoder.depth == 3
    assert sorted(map(id, parts)) == sorted(map(id, encoder.parameters()))


def test_unusable_networks_raise(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such repository"):
        encoder_spec(f"hf:{tmp_path}/nothing")
    whisper = tmp_path / "whisper"
    whisper.mkdir()
    (whisper / "config.json").write_text('{"model_type": "whisper"}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"whisper-tiny\.en"):
        encoder_spec(f"hf:{whisper}")
    name = write(tmp_path / "net")
    with pytest.raises(CheckpointError, match="hf:FOLDER"):
        load_encoder(name, path=tmp_path / "net")
    (tmp_path / "net" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError):
        load_encoder(name)


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_size": 40_000, "num_attention_heads": 1},
        {"num_hidden_layers": 10_000},
        {"model_type": "llama"},
        {"conv_stride": "x"},
        {"hidden_size": None},
    ],
)
def test_a_hostile_description_is_rejected(tmp_path: Path, change: dict[str, object]) -> None:
    name = write(tmp_path / "net")
    description = json.loads(str(build_encoder(name).settings()["description"]))
    description["config"] |= change
    with pytest.raises(WakewordError):
        build_encoder(name, description=json.dumps(description))
