"""Moonshine: equal to transformers', read from both formats, trained and streamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import tiny as tiny_family
import torch
import torch.nn.functional as F
import training
from torch import Tensor

from wakeword.cli import main
from wakeword.encoders.attention import split_heads
from wakeword.encoders.moonshine import (
    MoonshineChunked,
    MoonshineOffline,
    _rotary_tables,
    _rotate,
    _Trunk,
)
from wakeword.encoders.registry import build_encoder, hop_settings, load_encoder, register_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import CheckpointError, ConfigError
from wakeword.heads import build_head
from wakeword.model.file import load_model, save_model
from wakeword.model.network import WakeWordModel
from wakeword.model.operating_point import OperatingPoint
from wakeword.model.provenance import Origin

SPEC = EncoderSpec(
    "tiny-moonshine", "moonshine", (), "MIT", "nothing", 0, 0, 32, 2, 2, 125 / 3, "waveform"
)


@pytest.fixture(autouse=True)
def _registered() -> None:
    register_encoder(SPEC)


def weights(seed: int = 0) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {name: tensor + 0.02 for name, tensor in _Trunk(SPEC).state_dict().items()}


def write_safetensors(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"model.encoder.{name}": tensor for name, tensor in weights().items()}
    state["model.decoder.layers.0.mlp.fc1.weight"] = torch.zeros(3, 5)
    safetensors.torch.save_file(state, folder / "model.safetensors")
    return folder


def write_onnx(path: Path, damage: str = "") -> Path:
    """Weights laid out as in the published file: eight-bit matrices, renamed by the exporter."""
    onnx = pytest.importorskip("onnx")
    nodes, held = [], []

    def keep(name: str, array: np.ndarray) -> None:
        held.append(onnx.numpy_helper.from_array(array, name))

    for number, (name, tensor) in enumerate(weights().items()):
        module, kind = name.rsplit(".", 1)
        place = "/" + module.replace("o_proj", "dense").replace(".", "/")
        array = tensor.numpy()
        if kind == "weight" and array.ndim > 1:
            scale = np.float32(np.abs(array).max() / 127)
            whole = np.round(array / scale).astype(np.int8)
            if array.ndim == 2:
                given = f"onnx::MatMul_{number}"
                keep(f"{given}_quantized", whole.T + np.int8(0))
                keep(f"{given}_zero_point", np.int8(0))
                inputs = ["x", f"{given}_quantized", "zero", f"{given}_zero_point"]
                nodes.append(onnx.helper.make_node("MatMulInteger", inputs, ["y"], f"{place}/M_q"))
            else:
                given = name
                keep(f"{given}_quantized", whole)
                keep(f"{given}_zero_point", np.float32([0.0]))
            keep(f"{given}_scale", scale)
        elif module == "groupnorm":
            operation = {"weight": "Mul", "bias": "Add"}[kind]
            keep(f"onnx::{operation}_{number}", array[:, None])
            inputs = ["x", f"onnx::{operation}_{number}"]
            nodes.append(onnx.helper.make_node(operation, inputs, ["y"], f"{place}/{operation}"))
        elif name != damage:
            keep(name, array)
    graph = onnx.helper.make_graph(nodes, "tiny", [], [], held)
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    return path


def test_equals_transformers_layer_by_layer() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.MoonshineConfig(
        hidden_size=32,
        intermediate_size=128,
        encoder_num_hidden_layers=2,
        encoder_num_attention_heads=2,
        encoder_num_key_value_heads=2,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2,
        decoder_num_key_value_heads=2,
    )
    theirs = transformers.AutoModel.from_config(config).get_encoder().eval()
    theirs.load_state_dict(weights())
    ours = MoonshineOffline(SPEC).eval()
    ours.trunk.load_state_dict(weights())
    samples = torch.from_numpy(tiny_family.synthetic_audio(1.3))[None]
    with torch.no_grad():
        expected = theirs(samples, output_hidden_states=True)
        found = ours.layers(samples)
    torch.testing.assert_close(found[-1], expected.last_hidden_state, atol=1e-5, rtol=0)
    for layer, hidden in zip(found[:-1], expected.hidden_states[:-1], strict=False):
        torch.testing.assert_close(layer, hidden, atol=1e-5, rtol=0)


@pytest.mark.parametrize("format", ["safetensors", "onnx"])
def test_reads_both_formats(tmp_path: Path, format: str) -> None:
    if format == "onnx":
        path = write_onnx(tmp_path / "encoder_model.onnx")
    else:
        path = write_safetensors(tmp_path / "hub")
    encoder, stripped, sha256 = load_encoder(SPEC.name, path=path)
    assert encoder.streaming == "chunked" and len(sha256) == 64
    assert stripped.kept_parameters == sum(tensor.numel() for tensor in weights().values())
    assert stripped.stripped_tensors == (format == "safetensors")
    for name, tensor in weights().items():
        step = float(tensor.abs().max()) / 127 if format == "onnx" and tensor.dim() > 1 else 0.0
        assert float((encoder.trunk.state_dict()[name] - tensor).abs().max()) <= 0.51 * step


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "encoder_model.onnx", damage="layers.1.mlp.fc1.bias")
    with pytest.raises(CheckpointError, match=r"layers\.1\.mlp\.fc1\.bias should be \(128,\)"):
        load_encoder(SPEC.name, path=path)
    with pytest.raises(CheckpointError, match=r"onnx holds no weights of whisper-tiny\.en"):
        load_encoder("whisper-tiny.en", path=path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="not a complete ONNX file"):
        load_encoder(SPEC.name, path=path)


def test_window_frames_are_those_of_the_offline_encoder() -> None:
    """Hops of five frames are 120 ms; a window slides over silence, then over the samples."""
    encoder = build_encoder(SPEC.name, "window", window=40, hop=5, output_layers=(1, 2)).eval()
    samples = torch.from_numpy(tiny_family.synthetic_audio(1.2))[None]
    with torch.no_grad():
        frames = tiny_family.stream(encoder, samples.reshape(1, -1, 160), [5, 1, 30])
        assert frames.shape == (1, 50, 64)
        before = torch.cat([torch.zeros(1, 960 * 16), samples], dim=1)
        for hop in (0, 3, 9):
            end = 960 * 16 + (hop + 1) * 120 * 16
            expected = encoder.offline.forward_layers(before[:, end - 960 * 16 : end], 5)
            torch.testing.assert_close(
                frames[:, hop * 5 : hop * 5 + 5], expected, atol=1e-5, rtol=0
            )


def chunked(**more: object) -> MoonshineChunked:
    encoder = MoonshineChunked(SPEC, **{"chunk": 5, "left": 7, "norm_chunks": 3, **more})
    encoder.trunk.load_state_dict(weights())
    return encoder.eval()


def reference(encoder: MoonshineChunked, samples: Tensor) -> Tensor:
    """The last layer of the whole stream: one masked attention with absolute positions."""
    trunk, chunk = encoder.trunk, encoder.chunk
    hop, frames, sounds = chunk * 384, [], []
    for at in range(0, samples.shape[1] - hop - 511 + 1, hop):
        sounds.append(torch.tanh(trunk.conv1(samples[:, None, at : at + hop + 511])))
        past = torch.cat([s[:, :, : chunk * 6] for s in sounds[-encoder.norm_chunks :]], dim=2)
        normed = (sounds[-1] - past.mean()) / (past.var(correction=0) + 1e-5).sqrt()
        normed = normed * trunk.groupnorm.weight[:, None] + trunk.groupnorm.bias[:, None]
        frames.append(F.gelu(trunk.conv3(F.gelu(trunk.conv2(normed)))).mT)
    x = torch.cat(frames, dim=1)
    number = torch.arange(x.shape[1])
    first = number[:, None] // chunk * chunk
    visible = (number >= first - encoder.left) & (number < first + chunk)
    rotary = _rotary_tables(x.shape[1], 14, x)
    for layer in trunk.layers:
        attn, y = layer.self_attn, layer.input_layernorm(x)
        q, k, v = (split_heads(part(y), 2) for part in (attn.q_proj, attn.k_proj, attn.v_proj))
        y = F.scaled_dot_product_attention(
            _rotate(q, *rotary), _rotate(k, *rotary), v, attn_mask=visible
        )
        x = x + attn.o_proj(y.transpose(1, 2).flatten(2))
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    return trunk.layer_norm(x)


@pytest.mark.parametrize("sizes", [[1], [7, 1, 30], [1000]])
def test_chunked_streaming_equals_one_masked_pass(sizes: list[int]) -> None:
    encoder = chunked()
    samples = torch.from_numpy(tiny_family.synthetic_audio(7.0))[None]
    with torch.no_grad():
        expected = reference(encoder, samples)
        found = tiny_family.stream(encoder, samples.reshape(1, -1, 160), sizes)
    assert found.shape == expected.shape == (1, 290, 32)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


def test_layer_groups_can_run_apart() -> None:
    encoder = chunked(output_layers=(1, 2))
    features = torch.from_numpy(tiny_family.synthetic_audio(3.0))[None].reshape(1, -1, 160)
    with torch.no_grad():
        whole = encoder(features)[0]
        for depth in encoder.cacheable_depths()[1:]:
            below = encoder(features, stop=depth)[0]
            torch.testing.assert_close(encoder(below, start=depth)[0], whole)


def test_look_ahead_is_what_the_gradient_says() -> None:
    encoder = chunked(chunk=10, norm_chunks=2)
    samples = torch.from_numpy(tiny_family.synthetic_audio(2.0))[None].requires_grad_()
    frames = encoder(samples.reshape(1, -1, 160))[0]
    frames[0, 20].sum().backward()  # the first of a chunk waits longest
    assert samples.grad is not None
    last = int(samples.grad[0].nonzero().max())
    assert last + 1 - 21 * 384 == round(encoder.look_ahead_ms * 16)


def test_chunks_are_multiples_of_feature_frames() -> None:
    with pytest.raises(ConfigError, match="a multiple of 5"):
        build_encoder(SPEC.name, "chunked", chunk=8)


def test_windows_are_multiples_of_feature_frames() -> None:
    with pytest.raises(ConfigError, match="multiples of 5"):
        build_encoder(SPEC.name, "window", window=41, hop=5)
    with pytest.raises(ConfigError, match="a multiple of 120"):
        hop_settings(SPEC.name, "window", 160)
    assert hop_settings(SPEC.name, "window", 240) == {"hop": 10}


@pytest.mark.parametrize("streaming", ["chunked", "window"])
def test_a_model_is_trained_saved_and_streamed(tmp_path: Path, streaming: str) -> None:
    data = training.write_data(tmp_path / "data")
    out = tmp_path / "ping.wakeword"
    weights_at = write_safetensors(tmp_path / "hub")
    more = ("--streaming", streaming)
    given = training.arguments(data, weights_at, out, tmp_path / "work", *more)
    given[given.index("tiny")] = SPEC.name
    main(given, standalone_mode=False)
    model = load_model(out)
    assert model.origin.streaming == streaming
    waits_ms = {"chunked": (9 * 384 + 511) / 16, "window": 19 * 24}[streaming]
    assert model.look_ahead_ms == pytest.approx(waits_ms - 24)  # logits come every two frames
    samples = torch.from_numpy(tiny_family.synthetic_audio(3.0))[None]
    with torch.no_grad():
        whole, _ = model(samples)
        parts = tiny_family.stream(model, samples, [1, 160, 1280, 4001])
    torch.testing.assert_close(parts, whole, atol=1e-4, rtol=0)


def test_a_hostile_number_of_chunks_is_rejected(tmp_path: Path) -> None:
    encoder = chunked()
    head = build_head("linear", encoder.dim, 1, 1, encoder.frame_rate_hz)
    origin = Origin(SPEC.name, "chunked", "0" * 64, "MIT", "linear")
    point = OperatingPoint({"ping": 0.5})
    model = WakeWordModel(encoder, head, ["ping"], origin, point)
    encoder.norm_chunks = 10**9
    save_model(model, tmp_path / "m.wakeword")
    with pytest.raises(CheckpointError, match="norm_chunks of 1000000000"):
        load_model(tmp_path / "m.wakeword")
