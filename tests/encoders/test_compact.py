"""The compact encoder: stream, receptive field and checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import stream
from torch import Tensor

from wakeword.encoders.compact import CONTEXT, FEATURES_PER_FRAME, GAPS, CompactEncoder
from wakeword.encoders.registry import (
    build_encoder,
    load_encoder,
    locate_weights,
    register_encoder,
)
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import CheckpointError, ConfigError

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
MELS, DIM, LAYERS = 8, 12, 3
CONTEXT_FRAMES = (CONTEXT - 1) * sum(GAPS[:LAYERS])  # frames of left context above the stem


@pytest.fixture
def spec() -> EncoderSpec:
    small = EncoderSpec(
        "small", "compact", (), "Apache-2.0", "nothing", 0, MELS, DIM, LAYERS, 0, 25.0
    )
    register_encoder(small)
    return small


def encoder(hop: int = 2, output_layers: tuple[int, ...] = ()) -> CompactEncoder:
    torch.manual_seed(0)
    built = build_encoder("small", hop=hop, output_layers=output_layers)
    assert isinstance(built, CompactEncoder)
    return built.eval().requires_grad_(False)


def features(length: int, seed: int = 1) -> Tensor:
    return torch.randn(1, length, MELS, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("hop", [1, 2, 5])
@pytest.mark.parametrize("output_layers", [(), (1, 3)])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_chunked_equals_offline(
    spec: EncoderSpec, hop: int, output_layers: tuple[int, ...], sizes: list[int]
) -> None:
    built, x = encoder(hop, output_layers), features(150)
    offline, _ = built(x)
    assert offline.shape == (
        1,
        150 // (FEATURES_PER_FRAME * hop) * hop,
        DIM * max(1, len(output_layers)),
    )
    torch.testing.assert_close(stream(built, x, [*sizes, 1]), offline, **CLOSE)


def test_the_hop_does_not_change_the_frames(spec: EncoderSpec) -> None:
    x = features(120)
    torch.testing.assert_close(encoder(1)(x)[0], encoder(6)(x)[0], **CLOSE)


def test_the_first_hop_comes_when_declared(spec: EncoderSpec) -> None:
    for hop in (1, 4):
        built = encoder(hop)
        x = features(built.first_features)
        assert built(x[:, :-1])[0].shape[1] == 0
        assert built(x)[0].shape[1] == built.hop_frames == hop


def test_receptive_field_is_as_declared(spec: EncoderSpec) -> None:
    built = encoder()
    x = features(200).requires_grad_()
    frame = 40
    built(x)[0][0, frame].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().sum(dim=1).nonzero()
    own_end = FEATURES_PER_FRAME * (frame + 1)
    assert 10 * (int(touched.max()) + 1 - own_end) == built.look_ahead_ms == 0
    assert own_end - int(touched.min()) == FEATURES_PER_FRAME * (
        CONTEXT_FRAMES + 2
    )  # the stem takes one frame more


def test_a_state_is_a_value(spec: EncoderSpec) -> None:
    built = encoder()
    _, state = built(features(50))
    first, _ = built(features(40, seed=2), state)
    again, _ = built(features(40, seed=2), state)
    other, _ = built(features(40, seed=2), built(features(50, seed=3))[1])
    assert torch.equal(first, again)
    assert not torch.allclose(first[:, 0], other[:, 0])


@pytest.mark.parametrize("sizes", [[120], [7, 1, 30]])
def test_lower_layer_groups_may_be_computed_once(spec: EncoderSpec, sizes: list[int]) -> None:
    built, x = encoder(output_layers=(2, 3)), features(120)
    offline, _ = built(x)
    for depth in built.cacheable_depths():
        if depth:
            lower = stream(lambda x, s, d=depth: built(x, s, stop=d), x, sizes)
            upper = stream(lambda x, s, d=depth: built(x, s, start=d), lower, sizes)
            torch.testing.assert_close(upper, offline, **CLOSE)


def test_layer_groups_hold_every_parameter(spec: EncoderSpec) -> None:
    built = encoder()
    grouped = [
        id(p) for group in built.layer_groups() for module in group for p in module.parameters()
    ]
    assert sorted(grouped) == sorted(id(p) for p in built.parameters())
    assert len(built.layer_groups()) == built.depth


def test_loading_strips_the_transcription_head(spec: EncoderSpec, tmp_path: Path) -> None:
    tensors = encoder().trunk.state_dict()
    kept = len(tensors)
    path = tmp_path / "small.safetensors"
    head = {"ctc.weight": torch.zeros(29, DIM), "ctc.bias": torch.zeros(29)}
    safetensors.torch.save_file({**tensors, **head}, path)
    loaded, stripped, _ = load_encoder("small", path=path)
    assert (stripped.kept_tensors, stripped.stripped_tensors) == (kept, 2)
    assert stripped.stripped_parameters == 29 * (DIM + 1)
    torch.testing.assert_close(loaded(features(96))[0], encoder(6)(features(96))[0], **CLOSE)


@pytest.mark.parametrize("fault", ["missing", "shape"])
def test_another_encoder_is_rejected(spec: EncoderSpec, tmp_path: Path, fault: str) -> None:
    tensors = encoder().trunk.state_dict()
    if fault == "missing":
        del tensors["stem.bias"]
    else:
        tensors["stem.bias"] = torch.zeros(DIM + 1)
    path = tmp_path / "small.safetensors"
    safetensors.torch.save_file(tensors, path)
    with pytest.raises(CheckpointError, match=r"stem\.bias should be"):
        load_encoder("small", path=path)


@pytest.mark.parametrize(
    "given", [{"hop": 0}, {"output_layers": (4,)}, {"output_layers": (2, 1)}, {"chunk": 3}]
)
def test_impossible_settings_are_rejected(spec: EncoderSpec, given: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        build_encoder("small", **given)


def test_the_compact_encoder_has_no_window_mode(spec: EncoderSpec) -> None:
    with pytest.raises(ConfigError, match=r"streaming mode of small.*chunked"):
        build_encoder("small", "window")


def test_the_weights_are_inside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAKEWORD_CACHE", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", None)
    built, stripped, sha256 = load_encoder("wakeword-stream", output_layers=(4, 5, 6))
    assert locate_weights("wakeword-stream") == "package wakeword.encoders"
    assert sha256 == built.spec.sources[0].sha256
    assert sum(p.numel() for p in built.parameters()) == stripped.kept_parameters == 1_010_112
    assert stripped.stripped_parameters == 193 * 29  # the CTC head: letters and blank
    speech = torch.randn(1, 480, 80, generator=torch.Generator().manual_seed(0))
    frames, _ = built(speech)
    assert frames.shape == (1, 120, 3 * 192) and frames.std() > 0.1
