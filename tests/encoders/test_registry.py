"""Encoders by name: hop settings of every one, resolving, and registering."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny as tiny_family
import torch

from wakeword.encoders.base import MAX_FRAMES, Family
from wakeword.encoders.registry import (
    build_encoder,
    encoder_spec,
    hop_settings,
    how_to_get_weights,
    list_encoders,
    load_encoder,
    register_encoder,
    resolve_encoder,
    streaming_modes,
    temporarily_registered,
)
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError

EVERY_MODE = [
    (spec.name, streaming) for spec in list_encoders() for streaming in streaming_modes(spec.name)
]
FIXED_HOP = {"emformer-base-960h"}


def small(name: str) -> EncoderSpec:
    """Register an encoder of the same family and rates that is small enough to build."""
    spec = replace(encoder_spec(name), name=f"small-{name}", dim=32, layers=2, heads=2)
    register_encoder(spec)
    return spec


@pytest.mark.parametrize("hop_ms", [120, 480, 1920])
@pytest.mark.parametrize(("name", "streaming"), EVERY_MODE)
def test_every_encoder_gets_the_requested_hop(name: str, streaming: str, hop_ms: int) -> None:
    spec = small(name)
    if name in FIXED_HOP:
        with pytest.raises(ConfigError, match=f"{spec.name} has a fixed hop"):
            hop_settings(spec.name, streaming, hop_ms)
        return
    settings = hop_settings(spec.name, streaming, hop_ms)
    encoder = build_encoder(spec.name, streaming, **settings)
    assert 1000 * encoder.hop_frames / encoder.frame_rate_hz == pytest.approx(hop_ms)
    features = encoder.spec.new_front_end()(torch.zeros(1, 64_000))[0]
    with torch.no_grad():
        first, state = encoder.eval()(features[:, : encoder.first_features])
        later, _ = encoder(
            features[:, encoder.first_features : encoder.first_features + hop_ms // 10], state
        )
    assert first.shape[1] == later.shape[1] == encoder.hop_frames


@pytest.mark.parametrize(("name", "streaming"), EVERY_MODE)
def test_without_a_hop_every_encoder_keeps_its_default(name: str, streaming: str) -> None:
    assert hop_settings(name, streaming, None) == {}


@pytest.mark.parametrize("hop_ms", [0, -40, 20, 50, 2040, 10**9])
def test_wrong_hops_raise(tiny: EncoderSpec, hop_ms: int) -> None:
    with pytest.raises(ConfigError, match="expected 40 to 2000, a multiple of 40"):
        hop_settings("tiny", "chunked", hop_ms)


def test_a_hop_of_an_unknown_mode_raises(tiny: EncoderSpec) -> None:
    with pytest.raises(ConfigError, match=r"streaming mode of tiny 'chunkd'.*'chunked'"):
        hop_settings("tiny", "chunkd", 80)


# ---------------------------------------------------------------- resolving


def test_a_name_is_resolved_once(tiny: EncoderSpec, tmp_path: Path) -> None:
    weights = tiny_family.write("pytorch", tmp_path, tiny, tiny_family.weights(tiny))
    resolved = resolve_encoder("tiny", hop_ms=160, weights=weights, left=9)
    assert (resolved.spec, resolved.streaming) == (tiny, "chunked")
    assert resolved.settings == {"chunk": 8, "left": 9}
    with_layers = resolved.with_settings(output_layers=(1, 2))
    assert resolved.settings == {"chunk": 8, "left": 9}
    loaded = with_layers.load()
    assert loaded.encoder.settings() == {
        "chunk": 8,
        "left": 9,
        "period": 160,
        "output_layers": (1, 2),
    }
    assert not loaded.encoder.training and loaded.report.stripped_tensors > 0
    encoder, report, sha256 = load_encoder("tiny", path=weights)
    assert (report, sha256) == (loaded.report, loaded.sha256)
    torch.manual_seed(3)
    built = with_layers.build()
    torch.manual_seed(3)
    again = build_encoder("tiny", **loaded.encoder.settings())
    assert all(
        torch.equal(tensor, again.state_dict()[name]) for name, tensor in built.state_dict().items()
    )
    assert not torch.equal(built.trunk.conv1.weight, encoder.trunk.conv1.weight)


@pytest.mark.parametrize("streaming", ["chunked", "window"])
@pytest.mark.parametrize("value", [0, -1, MAX_FRAMES + 1, 10**9, 2.0, "4", True])
def test_settings_that_count_frames_are_bounded(
    tiny: EncoderSpec, streaming: str, value: object
) -> None:
    name = {"chunked": "chunk", "window": "hop"}[streaming]
    with pytest.raises(ConfigError, match=r"of .*: expected an integer from 1 to 1500"):
        build_encoder("tiny", streaming, **{name: value})


def test_where_weights_come_from() -> None:
    ways = {spec.name: how_to_get_weights(spec.name) for spec in list_encoders()}
    assert ways["whisper-tiny.en"] == "downloaded when first used"
    assert ways["moonshine-base"] == "give it: --weights"
    assert how_to_get_weights("hf:some/network") == "downloaded when first used"


# ---------------------------------------------------------------- registering


def test_an_encoder_is_forgotten_after_the_block(tiny: EncoderSpec) -> None:
    other = tiny_family.spec(name="other")
    with temporarily_registered(other):
        assert encoder_spec("other") == other
        register_encoder(replace(other, name="third"))
    for name in ("other", "third"):
        with pytest.raises(ConfigError, match=f"unknown encoder '{name}'"):
            encoder_spec(name)
    assert encoder_spec("tiny") == tiny


def test_names_belong_to_one_encoder(tiny: EncoderSpec) -> None:
    register_encoder(tiny)  # the same again
    with pytest.raises(ConfigError, match="an encoder tiny is known already"):
        register_encoder(replace(tiny, dim=64))
    with pytest.raises(ConfigError, match="an encoder hf:mine is known already"):
        register_encoder(replace(tiny, name="hf:mine"))
    with pytest.raises(ConfigError, match="a family whisper is known already"):
        register_encoder(replace(tiny, name="mine"), Family(weights="a file"))
    with pytest.raises(ConfigError, match=r"unknown encoder family 'whispr'.*'whisper'"):
        register_encoder(replace(tiny, name="mine", family="whispr"))
