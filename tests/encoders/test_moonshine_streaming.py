"""Moonshine streaming: a stream equals transformers' offline encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import tiny as tiny_family
import torch
import training
from torch import Tensor

from wakeword.cli import main
from wakeword.encoders.moonshine_streaming import SPECS, MoonshineStreamingEncoder, _Trunk
from wakeword.encoders.registry import load_encoder, register_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.model.file import load_model

SPEC = EncoderSpec(
    "tiny-ms", "moonshine-streaming", (), "MIT", "nothing", 0, 0, 32, 6, 2, 50.0, "waveform"
)
MODELING = "transformers.models.moonshine_streaming.modeling_moonshine_streaming"


@pytest.fixture(autouse=True)
def _registered() -> None:
    register_encoder(SPEC)


def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {name: tensor + 0.02 for name, tensor in _Trunk(SPEC).state_dict().items()}


def encoder(**settings: object) -> MoonshineStreamingEncoder:
    built = MoonshineStreamingEncoder(SPEC, **settings)
    built.trunk.load_state_dict(weights())
    return built.eval()


def waveform(seconds: float) -> Tensor:
    return torch.from_numpy(tiny_family.synthetic_audio(seconds, seed=5))[None]


def theirs(samples: Tensor) -> tuple[Tensor, ...]:
    """transformers' outputs: before the layers and after each, the last one normalised."""
    modeling = pytest.importorskip(MODELING)
    config = modeling.MoonshineStreamingConfig().encoder_config
    config.hidden_size, config.intermediate_size, config.head_dim = 32, 128, 16
    config.num_attention_heads = config.num_key_value_heads = 2
    network = modeling.MoonshineStreamingEncoder(config).eval()
    network.load_state_dict(weights())
    with torch.no_grad():
        out = network(
            samples, attention_mask=torch.ones_like(samples).long(), output_hidden_states=True
        )
    return (*out.hidden_states[:-1], out.last_hidden_state)


@pytest.mark.parametrize("sizes", [[1], [7, 1, 30], [1000]])
@pytest.mark.parametrize("hop", [1, 8])
def test_a_stream_equals_transformers_offline(sizes: list[int], hop: int) -> None:
    samples = waveform(3.0)
    expected = theirs(samples)
    with torch.no_grad():
        two_outputs = encoder(hop=hop, output_layers=(2, 5, 6))
        found = tiny_family.stream(two_outputs, samples.reshape(1, -1, 160), sizes)
    assert found.shape == (1, (150 - 12) // hop * hop, 96)
    for number, layer in enumerate((2, 5, 6)):
        ours, whole = (
            found[..., number * 32 : number * 32 + 32],
            expected[layer][:, : found.shape[1]],
        )
        torch.testing.assert_close(ours, whole, atol=1e-4, rtol=0)


def test_lower_output_layers_have_less_look_ahead() -> None:
    assert encoder(hop=4, output_layers=(1, 2)).look_ahead_ms == (3 + 6) * 20
    assert encoder(hop=4, output_layers=(2, 4)).look_ahead_ms == (3 + 6) * 20
    assert encoder(hop=4).look_ahead_ms == (3 + 12) * 20


def test_look_ahead_holds_for_the_gradient() -> None:
    """With hops of one frame: 12 frames of layers, the last of which depend on 5 ms of samples."""
    samples = waveform(1.0).requires_grad_()
    frames = encoder(hop=1)(samples.reshape(1, -1, 160))[0]
    frames[0, 20].sum().backward()
    assert samples.grad is not None
    last = int(samples.grad[0].nonzero().max())
    assert last + 1 == (20 + 12) * 320 + 80 <= (21 * 20 + encoder(hop=1).look_ahead_ms) * 16


def test_layer_groups_can_run_apart() -> None:
    two_outputs = encoder(output_layers=(4, 6))
    features = waveform(2.0).reshape(1, -1, 160)
    with torch.no_grad():
        whole = two_outputs(features)[0]
        for depth in two_outputs.cacheable_depths()[1:]:
            below = two_outputs(features, stop=depth)[0]
            torch.testing.assert_close(two_outputs(below, start=depth)[0], whole)


def test_two_streams_in_one_batch_are_independent() -> None:
    one, other = waveform(1.5), waveform(1.5).flip(1)
    with torch.no_grad():
        both = encoder()(torch.cat([one, other]).reshape(2, -1, 160))[0]
        for number, alone in enumerate((one, other)):
            torch.testing.assert_close(both[[number]], encoder()(alone.reshape(1, -1, 160))[0])


def write(folder: Path) -> Path:
    folder.mkdir()
    state = {f"model.encoder.{name}": tensor for name, tensor in weights().items()}
    state["model.decoder.proj.weight"] = torch.zeros(3, 5)
    safetensors.torch.save_file(state, folder / "model.safetensors")
    return folder


def test_a_checkpoint_is_read_trained_and_streamed(tmp_path: Path) -> None:
    loaded, stripped, _ = load_encoder(SPEC.name, path=write(tmp_path / "hub"))
    assert (stripped.stripped_tensors, stripped.stripped_parameters) == (1, 15)
    assert loaded.streaming == "chunked"
    data, out = training.write_data(tmp_path / "data"), tmp_path / "ping.wakeword"
    given = training.arguments(data, tmp_path / "hub", out, tmp_path / "w", "--strategy", "top:1")
    given[given.index("tiny")] = SPEC.name
    main(given, standalone_mode=False)
    model = load_model(out)
    samples = waveform(4.0)
    with torch.no_grad():
        whole, _ = model(samples)
        parts = tiny_family.stream(model, samples, [1, 160, 1280, 4001])
    torch.testing.assert_close(parts, whole, atol=1e-4, rtol=0)


def test_tensor_shapes_are_those_of_the_published_network() -> None:
    modeling = pytest.importorskip(MODELING)
    config = modeling.MoonshineStreamingConfig().encoder_config
    with torch.device("meta"):
        network = modeling.MoonshineStreamingEncoder(config)
    ours = {key: tensor.shape for key, tensor in _Trunk(SPECS[0], "meta").state_dict().items()}
    assert ours == {key: tensor.shape for key, tensor in network.state_dict().items()}
    assert [list(each) for each in config.sliding_windows] == [
        [16, ahead + 1 if ahead else 0] for ahead in MoonshineStreamingEncoder(SPECS[0]).right
    ]


def test_wrong_hops_raise() -> None:
    with pytest.raises(ConfigError, match="hop of 0"):
        MoonshineStreamingEncoder(SPEC, hop=0)
