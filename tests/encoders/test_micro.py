"""The encoder for microcontrollers: stream, receptive field and checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import detections, stream, synthetic_audio
from tiny_micro import TINY_MICRO, tiny_micro
from torch import Tensor

from wakeword.detection.detector import Detector
from wakeword.encoders.micro import FEATURES_BEFORE, FEATURES_PER_FRAME, KERNELS, MicroEncoder
from wakeword.encoders.micro_frontend import BANDS
from wakeword.encoders.registry import build_encoder, load_encoder, register_encoder
from wakeword.errors import CheckpointError, ConfigError
from wakeword.model.network import WakeWordModel

CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(autouse=True)
def registered(isolated: None) -> None:
    register_encoder(TINY_MICRO)


def encoder(**given: object) -> MicroEncoder:
    torch.manual_seed(0)
    built = build_encoder("tiny-micro", **given)
    assert isinstance(built, MicroEncoder)
    return built.eval().requires_grad_(False)


def features(length: int, seed: int = 1) -> Tensor:
    return 26 * torch.rand(1, length, BANDS, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "given_settings", [{"hop": 1}, {"hop": 5}, {"hop": 2, "output_layers": (1, 2)}]
)
@settings(max_examples=15)
@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_chunked_equals_offline(given_settings: dict[str, object], sizes: list[int]) -> None:
    register_encoder(TINY_MICRO)
    built, x = encoder(**given_settings), features(150)
    offline, _ = built(x)
    frames = 150 // (FEATURES_PER_FRAME * built.hop_frames) * built.hop_frames
    assert offline.shape == (1, frames, len(built.output_layers) * TINY_MICRO.dim)
    torch.testing.assert_close(stream(built, x, [*sizes, 1]), offline, **CLOSE)


@settings(max_examples=8)
@given(sizes=st.lists(st.integers(0, 6000), min_size=1, max_size=4))
def test_a_model_streams_from_samples_to_logits(sizes: list[int]) -> None:
    model = tiny_micro().requires_grad_(False)
    samples = torch.from_numpy(synthetic_audio(2.0))[None]
    offline, _ = model(samples)
    assert offline.shape == (1, 64, 1) and offline.std() > 0.1
    torch.testing.assert_close(stream(model, samples, [*sizes, 700]), offline, **CLOSE)


def test_a_detector_takes_blocks_of_any_size() -> None:
    model, samples = tiny_micro(), synthetic_audio(10.0)
    expected = detections(Detector(model), samples, [len(samples)])
    assert expected and detections(Detector(model), samples, [1, 4001, 160]) == expected


def test_the_hop_changes_no_frame_and_comes_when_declared() -> None:
    for hop in (1, 4):
        built = encoder(hop=hop)
        x = features(built.first_features)
        assert built(x[:, :-1])[0].shape[1] == 0
        assert built(x)[0].shape[1] == built.hop_frames == hop
        torch.testing.assert_close(built(features(120))[0], encoder(hop=8)(features(120))[0])


def test_receptive_field_is_as_declared() -> None:
    built, frame = encoder(hop=2), 20
    for weight in built.parameters():
        weight.abs_()  # no ReLU blocks a gradient
    x = features(90).requires_grad_()
    built(x)[0][0, frame].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().sum(dim=1).nonzero()
    own_end = FEATURES_PER_FRAME * (frame + 1)
    assert 10 * (int(touched.max()) + 1 - own_end) == built.look_ahead_ms == 0
    before = sum(kernel - 1 for kernel in KERNELS[: TINY_MICRO.layers])
    assert own_end - int(touched.min()) == FEATURES_PER_FRAME * (before + 1) + FEATURES_BEFORE


def test_a_state_is_a_value() -> None:
    built = encoder()
    _, state = built(features(50))
    before = [part.clone() for part in state]
    first, _ = built(features(40, seed=2), state)
    again, _ = built(features(40, seed=2), state)
    assert torch.equal(first, again)
    assert all(torch.equal(*pair) for pair in zip(before, state, strict=True))


@pytest.mark.parametrize("sizes", [[120], [7, 1, 30]])
def test_lower_layer_groups_may_be_computed_once(sizes: list[int]) -> None:
    built, x = encoder(hop=2, output_layers=(1, 2)), features(120)
    offline, _ = built(x)
    for depth in built.cacheable_depths()[1:]:
        lower = stream(lambda x, s, d=depth: built(x, s, stop=d), x, sizes)
        upper = stream(lambda x, s, d=depth: built(x, s, start=d), lower, sizes)
        torch.testing.assert_close(upper, offline, **CLOSE)


def test_layer_groups_hold_every_parameter() -> None:
    built = encoder()
    groups = built.layer_groups()
    grouped = [id(p) for group in groups for module in group for p in module.parameters()]
    assert sorted(grouped) == sorted(id(p) for p in built.parameters())
    assert len(groups) == built.depth


def test_a_model_fits_a_microcontroller() -> None:
    model = tiny_micro(encoder_name="wakeword-micro")
    assert isinstance(model, WakeWordModel)
    assert sum(p.numel() for p in model.parameters()) <= 100_000


def test_loading_strips_a_transcription_head(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    tensors = encoder().trunk.state_dict()
    heads = {"ctc.weight": torch.zeros(29, 16), "ctc.bias": torch.zeros(29)}
    safetensors.torch.save_file({**tensors, **heads}, path)
    loaded, stripped, _ = load_encoder("tiny-micro", path=path)
    assert (stripped.kept_tensors, stripped.stripped_tensors) == (len(tensors), 2)
    torch.testing.assert_close(loaded(features(96))[0], encoder()(features(96))[0], **CLOSE)


def test_another_encoder_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    safetensors.torch.save_file({"stem.bias": torch.zeros(16)}, path)
    with pytest.raises(CheckpointError, match=r"stem\.weight"):
        load_encoder("tiny-micro", path=path)


@pytest.mark.parametrize("given_settings", [{"hop": 0}, {"output_layers": (3,)}, {"chunk": 3}])
def test_impossible_settings_are_rejected(given_settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        encoder(**given_settings)
