"""Whisper: equal to openai-whisper layer by layer; streams equal its offline pass."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny as tiny_family
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import stream
from torch import Tensor, nn

from wakeword.encoders import checkpoints
from wakeword.encoders.frontend import LogMel
from wakeword.encoders.registry import build_encoder, load_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.encoders.whisper import POSITIONS, WhisperChunked, WhisperOffline, sinusoids
from wakeword.encoders.window import WindowEncoder
from wakeword.errors import CheckpointError, ConfigError

CLOSE = {"atol": 1e-4, "rtol": 0.0}
SIZES = ([1], [2], [3], [7, 1, 64], [200])


def features(frames: int, batch: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, frames, 80, generator=generator) * 0.5


def chunked(spec: EncoderSpec, chunk: int = 4, left: int = 6, **more: object) -> nn.Module:
    encoder = WhisperChunked(spec, chunk=chunk, left=left, **{"period": 37, **more})
    encoder.trunk.load_state_dict(tiny_family.weights(spec))
    return encoder.eval().requires_grad_(False)


def window(
    spec: EncoderSpec, size: int = 10, hop: int = 4, output_layers: tuple[int, ...] = ()
) -> nn.Module:
    inner = WhisperOffline(spec, output_layers)
    inner.trunk.load_state_dict(tiny_family.weights(spec))
    return WindowEncoder(inner, size, hop).eval().requires_grad_(False)


def reference_layers(spec: EncoderSpec, weights: dict[str, Tensor], mel: Tensor) -> list[Tensor]:
    """What openai-whisper's own encoder has after its stem, each block and its last norm."""
    whisper_model = pytest.importorskip("whisper.model")
    length = mel.shape[1] // 2
    theirs = whisper_model.AudioEncoder(spec.mels, length, spec.dim, spec.heads, spec.layers)
    positions = weights["positional_embedding"][:length]
    theirs.load_state_dict({**weights, "positional_embedding": positions})
    seen: list[Tensor] = []
    theirs.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for block in theirs.blocks[:-1]:
        block.register_forward_hook(lambda _m, _i, output: seen.append(output))
    with torch.no_grad():
        seen.append(theirs.eval()(mel.mT))
    return seen


# ---------------------------------------------------------------- the reference


@pytest.mark.parametrize("frames", [2, 50, 300])
def test_layers_equal_the_reference(tiny: EncoderSpec, frames: int) -> None:
    weights = tiny_family.weights(tiny)
    ours = WhisperOffline(tiny)
    ours.trunk.load_state_dict(weights)
    mel = features(frames, batch=2)
    with torch.no_grad():
        layers = ours.eval().layers(mel)
    expected = reference_layers(tiny, weights, mel)
    assert len(layers) == len(expected) == 1 + tiny.layers
    for mine, theirs in zip(layers, expected, strict=True):
        torch.testing.assert_close(mine, theirs, **CLOSE)


def test_real_layers_equal_the_reference(recording, whisper_tiny_en) -> None:
    encoder, _ = whisper_tiny_en
    ours = WhisperOffline(encoder.spec)
    ours.trunk.load_state_dict(encoder.trunk.state_dict())
    with torch.no_grad():
        mel, _ = LogMel()(torch.from_numpy(recording)[None, :48_000])
        mel = mel[:, : mel.shape[1] // 2 * 2]
        layers = ours.eval().layers(mel)
    expected = reference_layers(encoder.spec, dict(encoder.trunk.state_dict()), mel)
    assert expected[-1].std() > 0.1
    for mine, theirs in zip(layers, expected, strict=True):
        torch.testing.assert_close(mine, theirs, **CLOSE)


def test_one_chunk_for_all_frames_equals_whisper(tiny: EncoderSpec) -> None:
    encoder = chunked(tiny, chunk=50, left=1, period=POSITIONS)
    mel = features(101)
    mel[:, 100] = 0  # what the reference pads its end with
    frames, _ = encoder(mel)
    expected = reference_layers(tiny, tiny_family.weights(tiny), mel[:, :100])
    torch.testing.assert_close(frames, expected[-1], **CLOSE)


def test_sinusoids_equal_the_reference() -> None:
    whisper_model = pytest.importorskip("whisper.model")
    torch.testing.assert_close(sinusoids(1500, 384), whisper_model.sinusoids(1500, 384), **CLOSE)


# ---------------------------------------------------------------- checkpoints of the family


@pytest.mark.parametrize("kind", tiny_family.FORMATS)
def test_every_format_holds_the_same_tensors(tiny: EncoderSpec, tmp_path: Path, kind: str) -> None:
    weights = tiny_family.weights(tiny)
    encoder, stripped, _ = load_encoder(
        "tiny", path=tiny_family.write(kind, tmp_path, tiny, weights)
    )
    loaded = encoder.trunk.state_dict()
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)
    fused = {
        "pytorch": 5 + 2 + 15 * 2,
        "safetensors": 5 + 2 + 15 * 2,
        "ctranslate2": 5 + 2 + 12 * 2,
    }
    assert stripped.kept_tensors == fused[kind]
    no_key_bias = tiny.layers * tiny.dim if kind == "ctranslate2" else 0
    assert stripped.kept_parameters == sum(t.numel() for t in weights.values()) + no_key_bias
    assert stripped.stripped_tensors == tiny_family.DECODER_TENSORS
    decoder = tiny_family.decoder(tiny)
    assert stripped.stripped_parameters == sum(tensor.numel() for tensor in decoder.values())
    assert f"kept {fused[kind]} encoder tensors" in str(stripped)


def test_real_weights_are_stripped_as_stated(whisper_tiny_en) -> None:
    encoder, stripped = whisper_tiny_en
    assert (stripped.kept_tensors, stripped.kept_parameters) == (55, 8_209_920)
    assert (stripped.stripped_tensors, stripped.stripped_parameters) == (84, 29_554_944)
    own = sum(tensor.numel() for tensor in encoder.trunk.state_dict().values())
    assert stripped.kept_parameters == own + 4 * 384  # CTranslate2 stores zero key biases
    assert len(encoder.trunk.state_dict()) == 67


@pytest.mark.parametrize("kind", tiny_family.FORMATS)
@pytest.mark.parametrize("other", [{"dim": 48}, {"layers": 3}])
def test_weights_of_another_size_are_rejected(
    tiny: EncoderSpec, tmp_path: Path, kind: str, other: dict[str, int]
) -> None:
    bigger = tiny_family.spec(**other)
    path = tiny_family.write(kind, tmp_path, tiny, tiny_family.weights(tiny))
    with pytest.raises(CheckpointError, match=r"not the encoder of tiny: tensor .* should be"):
        checkpoints.read_checkpoint(checkpoints.find_checkpoint(bigger, path), bigger)


# ---------------------------------------------------------------- chunked streaming


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("output_layers", [(), (1, 2)])
def test_chunked_streaming_equals_offline(
    tiny: EncoderSpec, sizes: list[int], output_layers: tuple[int, ...]
) -> None:
    encoder = chunked(tiny, output_layers=output_layers)
    x = features(203, batch=3)
    offline, _ = encoder(x)
    assert offline.shape == (3, 100, tiny.dim * max(1, len(output_layers)))
    torch.testing.assert_close(stream(encoder, x, sizes), offline, **CLOSE)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    chunk=st.integers(1, 9),
    left=st.integers(1, 20),
    start=st.integers(0, 5000),
)
def test_chunked_streaming_equals_offline_for_any_sizes(
    tiny: EncoderSpec, sizes: list[int], chunk: int, left: int, start: int
) -> None:
    encoder = chunked(tiny, chunk, left)
    x = features(90)
    first = torch.tensor([start])
    offline, _ = encoder(x, encoder.initial_state(first))
    torch.testing.assert_close(
        stream(encoder, x, sizes, encoder.initial_state(first)), offline, **CLOSE
    )


@pytest.mark.parametrize("sizes", [[13], [150, 1, 49]])
def test_real_chunked_streaming_equals_offline(recording, whisper_tiny_en, sizes) -> None:
    encoder, _ = whisper_tiny_en
    with torch.no_grad():
        mel, _ = LogMel()(torch.from_numpy(recording)[None, :48_000])
        offline, _ = encoder(mel)
        torch.testing.assert_close(stream(encoder, mel, sizes), offline, **CLOSE)


def test_rows_of_a_batch_are_independent(tiny: EncoderSpec) -> None:
    encoder = chunked(tiny)
    x = features(80, batch=3)
    together, _ = encoder(x)
    for row in range(3):
        torch.testing.assert_close(encoder(x[row : row + 1])[0], together[row : row + 1], **CLOSE)


def flat(state: object) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state]
    return [t for part in state for t in flat(part)] if isinstance(state, tuple) else []


@pytest.mark.parametrize("make", [chunked, window])
def test_a_state_is_a_value(tiny: EncoderSpec, make) -> None:
    """Fed twice from one state, the same comes out; the state is as it was."""
    encoder = make(tiny)
    _, state = encoder(features(33))
    before = [tensor.clone() for tensor in flat(state)]
    assert before
    more = features(40, seed=1)
    first, _ = encoder(more, state)
    again, _ = encoder(more, state)
    assert torch.equal(first, again)
    assert all(torch.equal(a, b) for a, b in zip(before, flat(state), strict=True))


@pytest.mark.parametrize("make", [chunked, window])
def test_interleaved_streams_are_independent(tiny: EncoderSpec, make) -> None:
    encoder = make(tiny)
    inputs = [features(120, seed=seed) for seed in (1, 2)]
    alone = [stream(encoder, x, [10]) for x in inputs]
    states: list[object] = [None, None]
    out: list[list[Tensor]] = [[], []]
    for at in range(0, 120, 10):
        for i, x in enumerate(inputs):
            y, states[i] = encoder(x[:, at : at + 10], states[i])
            out[i].append(y)
    for mine, expected in zip(out, alone, strict=True):
        assert torch.equal(torch.cat(mine, dim=1), expected)


@pytest.mark.parametrize("chunk", [1, 4, 8])
def test_the_first_hop_comes_when_declared(tiny: EncoderSpec, chunk: int) -> None:
    for encoder in (chunked(tiny, chunk), window(tiny, 10, chunk)):
        x = features(encoder.first_features)
        assert encoder(x[:, :-1])[0].shape[1] == 0
        assert encoder(x)[0].shape[1] == encoder.hop_frames == chunk


def last_feature_seen(encoder: nn.Module, frame: int, x: Tensor) -> int:
    x = x.clone().requires_grad_()
    frames, _ = encoder(x)
    # a weighted sum: the plain sum of a normed vector has no gradient
    (frames[0, frame] * torch.linspace(0, 1, frames.shape[2])).sum().backward()
    assert x.grad is not None
    return int(x.grad[0].abs().sum(dim=1).nonzero().max())


@pytest.mark.parametrize("size", [1, 4, 8])
@pytest.mark.parametrize("make", ["chunked", "window"])
def test_look_ahead_is_as_declared(tiny: EncoderSpec, make: str, size: int) -> None:
    """In feature frames of 10 ms: the most that any frame sees after its own end."""
    encoder = chunked(tiny, size) if make == "chunked" else window(tiny, 10, size)
    x = features(60)
    feature_ms = 10
    reach = [last_feature_seen(encoder, u, x) + 1 - 2 * (u + 1) for u in range(2 * size)]
    assert max(reach) * feature_ms == encoder.look_ahead_ms


def test_frames_beyond_the_left_context_change_nothing(tiny: EncoderSpec) -> None:
    """A frame of the last layer sees `left` frames a layer; what is before has no effect."""
    encoder = chunked(tiny, chunk=2, left=4)
    x = features(100)
    changed = x.clone()
    changed[:, :20] = features(20, seed=9)
    (old, _), (new, _) = encoder(x), encoder(changed)
    reach = tiny.layers * 4 + 2 * (tiny.layers - 1)
    first_same = 20 // 2 + 1 + reach
    assert torch.equal(old[:, first_same:], new[:, first_same:])
    assert not torch.allclose(old[:, : 20 // 2], new[:, : 20 // 2])


# ---------------------------------------------------------------- positions without an end


@pytest.mark.parametrize("period", [1, 37, 160, POSITIONS])
@pytest.mark.parametrize("sizes", [[400], [1, 30]])
def test_positions_count_to_the_period_and_start_again(
    tiny: EncoderSpec, period: int, sizes: list[int]
) -> None:
    encoder = chunked(tiny, period=period)
    table = encoder.trunk.positional_embedding
    x = features(400)

    def stem(first: int) -> Tensor:
        begin = encoder.initial_state(torch.tensor([first]))
        return stream(lambda x, state: encoder(x, state, stop=1), x, sizes, begin)[0]

    count = torch.arange(len(stem(0)))
    assert len(count) > 190
    bare = stem(0) - table[count % period]
    for first in (1, period - 1, period, 1_000_003):
        torch.testing.assert_close(stem(first), bare + table[(first + count) % period], **CLOSE)


@pytest.mark.parametrize("first", [0, 1, 777])
def test_streams_begin_at_any_position(tiny: EncoderSpec, first: int) -> None:
    encoder = chunked(tiny)
    x = features(60).repeat(2, 1, 1)
    both, _ = encoder(x, encoder.initial_state(torch.tensor([first, first + 3 * encoder.period])))
    assert torch.equal(both[0], both[1])
    apart, _ = encoder(x, encoder.initial_state(torch.tensor([first, first + 5])))
    assert not torch.allclose(apart[0], apart[1], atol=1e-3)
    from_zero, _ = encoder(x)
    assert torch.allclose(both, from_zero, atol=1e-6) == (first % encoder.period == 0)


@pytest.mark.parametrize("period", [37, 160])
def test_a_long_stream_equals_one_that_began_later(tiny: EncoderSpec, period: int) -> None:
    """Past Whisper's 1500 positions, frames equal those of a stream that began shortly before."""
    encoder = chunked(tiny, chunk=4, left=6, period=period)
    x = features(2 * 1560)
    offline, _ = encoder(x)
    torch.testing.assert_close(stream(encoder, x, [500, 3]), offline, **CLOSE)
    start = 1400
    late, _ = encoder(x[:, 2 * start :], encoder.initial_state(torch.tensor([start])))
    settled = 40  # past the left context of both layers and the convolutions' start
    torch.testing.assert_close(late[:, settled:], offline[:, start + settled :], **CLOSE)


# ---------------------------------------------------------------- layer groups and output layers


@pytest.mark.parametrize("output_layers", [(), (1,), (2,), (1, 2)])
@pytest.mark.parametrize("sizes", [[200], [1, 5, 30]])
def test_layer_groups_run_apart_equal_the_whole_encoder(
    tiny: EncoderSpec, output_layers: tuple[int, ...], sizes: list[int]
) -> None:
    encoder = chunked(tiny, output_layers=output_layers)
    x = features(101)
    whole, _ = encoder(x)
    assert encoder.cacheable_depths()[0] == 0 and encoder.cacheable_depths()[-1] == encoder.depth
    for depth in encoder.cacheable_depths()[1:-1]:
        lower = stream(lambda x, s, d=depth: encoder(x, s, stop=d), x, sizes)
        upper = stream(lambda x, s, d=depth: encoder(x, s, start=d), lower, sizes)
        torch.testing.assert_close(upper, whole, **CLOSE)


@pytest.mark.parametrize("output_layers", [(), (1, 2)])
def test_finished_frames_pass_the_last_depth_unchanged(
    tiny: EncoderSpec, output_layers: tuple[int, ...]
) -> None:
    encoder = chunked(tiny, output_layers=output_layers)
    whole, _ = encoder(features(101))
    assert torch.equal(encoder(whole, start=encoder.depth)[0], whole)


def test_output_layers_are_concatenated(tiny: EncoderSpec) -> None:
    x = features(101)
    both, _ = chunked(tiny, output_layers=(1, 2))(x)
    for i in (1, 2):
        one, _ = chunked(tiny, output_layers=(i,))(x)
        assert torch.equal(both[..., (i - 1) * tiny.dim : i * tiny.dim], one)
    assert torch.equal(both[..., tiny.dim :], chunked(tiny)(x)[0])


@pytest.mark.parametrize("streaming", ["chunked", "window"])
@pytest.mark.parametrize("output_layers", [(0,), (3,), (2, 1), (1, 1), (-1, 2)])
def test_wrong_output_layers_raise(
    tiny: EncoderSpec, streaming: str, output_layers: tuple[int, ...]
) -> None:
    with pytest.raises(ConfigError, match="expected numbers from 1 to 2"):
        build_encoder("tiny", streaming, output_layers=output_layers)


@pytest.mark.parametrize(
    ("streaming", "wrong"),
    [
        ("chunked", {"chunk": 0}),
        ("chunked", {"chunk": -3}),
        ("chunked", {"left": 0}),
        ("chunked", {"left": -1}),
        ("chunked", {"period": 0}),
        ("chunked", {"period": POSITIONS + 1}),
        ("window", {"hop": 0}),
        ("window", {"window": 4, "hop": 8}),
        ("window", {"window": 2000}),
    ],
)
def test_wrong_sizes_raise(tiny: EncoderSpec, streaming: str, wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        build_encoder("tiny", streaming, **wrong)


@pytest.mark.parametrize(
    ("name", "streaming", "given", "message"),
    [
        ("tinny", "chunked", {}, "Did you mean 'tiny'"),
        ("tiny", "chunkd", {}, "Did you mean 'chunked'"),
        ("tiny", "chunked", {"chunks": 3}, "chunks"),
        ("tiny", "window", {"chunk": 3}, "chunk"),
    ],
)
def test_unknown_names_raise(
    tiny: EncoderSpec, name: str, streaming: str, given: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        build_encoder(name, streaming, **given)


@pytest.mark.parametrize("streaming", ["chunked", "window"])
def test_settings_build_the_same_again(tiny: EncoderSpec, streaming: str) -> None:
    given = {"window": 12, "hop": 3}
    if streaming == "chunked":
        given = {"chunk": 3, "left": 5, "period": 7}
    encoder = build_encoder("tiny", streaming, output_layers=(1, 2), **given)
    assert encoder.settings() == {**given, "output_layers": (1, 2)}
    assert build_encoder("tiny", streaming, **encoder.settings()).settings() == encoder.settings()


# ---------------------------------------------------------------- the sliding window


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("output_layers", [(), (1, 2)])
def test_window_chunked_equals_offline(
    tiny: EncoderSpec, sizes: list[int], output_layers: tuple[int, ...]
) -> None:
    encoder = window(tiny, output_layers=output_layers)
    x = features(203, batch=2)
    offline, _ = encoder(x)
    assert offline.shape == (2, 100, tiny.dim * max(1, len(output_layers)))
    torch.testing.assert_close(stream(encoder, x, sizes), offline, **CLOSE)


def test_a_window_is_encoded_by_the_offline_encoder(tiny: EncoderSpec) -> None:
    encoder = window(tiny, size=10, hop=4)
    x = features(48)
    frames, _ = encoder(x)
    before = torch.full((1, 2 * (10 - 4), 80), LogMel().silence)
    padded = torch.cat([before, x], dim=1)
    for hop in range(6):
        end = before.shape[1] + 2 * 4 * (hop + 1)
        by_hand = encoder.offline.forward_layers(padded[:, end - 20 : end])[:, -4:]
        torch.testing.assert_close(frames[:, 4 * hop : 4 * hop + 4], by_hand, **CLOSE)


@pytest.mark.parametrize(("hop", "expected"), [(8, 96), (96, 96), (100, 100)])
def test_a_window_is_never_shorter_than_its_hop(tiny: EncoderSpec, hop: int, expected: int) -> None:
    assert build_encoder("tiny", "window", hop=hop).settings()["window"] == expected


def test_a_window_caches_features_and_finished_frames_only(tiny: EncoderSpec) -> None:
    encoder = window(tiny)
    assert encoder.cacheable_depths() == [0, encoder.depth]
    with pytest.raises(ValueError):
        encoder(features(20), start=1)
