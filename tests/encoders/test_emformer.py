"""Emformer: a stream equals torchaudio's, segment by segment and offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny as tiny_family
import torch
import training
from torch import Tensor

from wakeword.cli import main
from wakeword.encoders._torchaudio import torchaudio
from wakeword.encoders.emformer import SPECS, EmformerEncoder, _Trunk
from wakeword.encoders.frontend import PiecewiseLogMel
from wakeword.encoders.registry import build_encoder, hop_settings, load_encoder, register_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import CheckpointError, ConfigError
from wakeword.model.file import load_model

SPEC = EncoderSpec(
    "tiny-em", "emformer", (), "MIT", "nothing", 0, 80, 32, 3, 2, 25.0, "piecewise-log-mel"
)
STATISTICS = "global_stats_rnnt_librispeech.json"


@pytest.fixture(autouse=True)
def _registered() -> None:
    register_encoder(SPEC)


def recogniser(of: EncoderSpec = SPEC) -> torch.nn.Module:
    """torchaudio's transducer of the published architecture, smaller."""
    torch.manual_seed(0)
    built = torchaudio.models.rnnt.emformer_rnnt_model(
        input_dim=of.mels,
        encoding_dim=2 * of.dim,
        num_symbols=11,
        segment_length=16,
        right_context_length=4,
        time_reduction_input_dim=of.dim // 4,
        time_reduction_stride=4,
        transformer_num_heads=of.heads,
        transformer_ffn_dim=4 * of.dim,
        transformer_num_layers=of.layers,
        transformer_dropout=0.1,
        transformer_activation="gelu",
        transformer_left_context_length=30,
        transformer_max_memory_size=0,
        transformer_weight_init_scale_strategy="depthwise",
        transformer_tanh_on_mem=True,
        symbol_embedding_dim=8,
        num_lstm_layers=1,
        lstm_layer_norm=True,
        lstm_layer_norm_epsilon=1e-3,
        lstm_dropout=0.3,
    )
    return built.eval()


def statistics() -> dict[str, list[float]]:
    return {
        "mean": [5 + i / 80 for i in range(80)],
        "invstddev": [0.2 + i / 800 for i in range(80)],
    }


def write(folder: Path, of: EncoderSpec = SPEC) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / STATISTICS).write_text(json.dumps(statistics()), encoding="utf-8")
    torch.save(recogniser(of).state_dict(), folder / "emformer.pt")
    return folder / "emformer.pt"


@pytest.fixture
def encoder(tmp_path: Path) -> EmformerEncoder:
    loaded, _, _ = load_encoder(SPEC.name, path=write(tmp_path / "hub"), output_layers=(1, 3))
    assert isinstance(loaded, EmformerEncoder)
    return loaded


def features(seconds: float) -> Tensor:
    waveform = torch.from_numpy(tiny_family.synthetic_audio(seconds, seed=5))[None]
    return PiecewiseLogMel()(waveform)[0]


def normed(x: Tensor) -> Tensor:
    mean, scale = (torch.tensor(each) for each in statistics().values())
    return (x - mean) * scale


def test_features_equal_torchaudios() -> None:
    waveform = torch.from_numpy(tiny_family.synthetic_audio(2.0))
    waveform[8_000:12_000] *= 1e-4  # below e, where the piecewise logarithm is linear
    pipeline = torchaudio.pipelines.rnnt_pipeline
    mel = torchaudio.transforms.MelSpectrogram(16_000, n_fft=400, n_mels=80, hop_length=160)
    expected = pipeline._piecewise_linear_log(mel(waveform).T * pipeline._gain)
    assert 0.01 < (expected < 1).float().mean() < 0.5
    frames = PiecewiseLogMel()(waveform[None])[0][0]
    assert len(expected) - len(frames) <= 2
    torch.testing.assert_close(frames, expected[: len(frames)], atol=1e-4, rtol=0)
    silent, _ = PiecewiseLogMel()(torch.zeros(1, 4000))
    assert torch.all(silent == PiecewiseLogMel.silence)


@pytest.mark.parametrize("sizes", [[1], [7, 1, 30], [1000]])
@torch.no_grad()
def test_a_stream_equals_torchaudios_stream(encoder: EmformerEncoder, sizes: list[int]) -> None:
    """The audio is longer than the left context; the lowest layer is compared too."""
    x = features(5.0)
    found = tiny_family.stream(encoder, x, sizes)
    theirs = recogniser().transcriber
    layers = theirs.transformer.emformer_layers
    states, given, lowest = None, [], []
    for first in range(0, x.shape[1] - 20 + 1, 16):
        part = theirs.input_linear(normed(x[:, first : first + 20]))
        reduced, lengths = theirs.time_reduction(part, torch.tensor([20]))
        utterance, after = reduced[:, :4].transpose(0, 1), reduced[:, 4:].transpose(0, 1)
        nothing = torch.empty(0)
        state = None if states is None else [each.clone() for each in states[0]]
        lowest.append(layers[0].infer(utterance, lengths - 1, after, state, nothing)[0])
        out, _, states = theirs.transformer.infer(reduced, lengths, states)
        given.append(out)
    whole, first_layer = torch.cat(given, 1), torch.cat(lowest).transpose(0, 1)
    assert found.shape == (1, whole.shape[1], 64) and whole.shape[1] == 120
    torch.testing.assert_close(found[..., 32:], whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(found[..., :32], first_layer, atol=1e-5, rtol=0)


@torch.no_grad()
def test_offline_equals_torchaudios_training(encoder: EmformerEncoder) -> None:
    x = features(3.0)[:, : 16 * 18 + 4]
    theirs = recogniser().transcriber
    reduced, lengths = theirs.time_reduction(
        theirs.input_linear(normed(x)), torch.tensor([x.shape[1]])
    )
    expected, _ = theirs.transformer(reduced, lengths - 1)
    torch.testing.assert_close(encoder(x)[0][..., 32:], expected, atol=1e-5, rtol=0)


def test_look_ahead_holds_for_the_gradient(encoder: EmformerEncoder) -> None:
    """The first frame of a segment waits for it and depends on the four features after it."""
    assert encoder.look_ahead_ms == 160 and encoder.first_features == 20
    x = features(2.0).requires_grad_()
    encoder(x)[0][0, 20, 40].backward()
    assert x.grad is not None
    last = int(x.grad[0].abs().sum(1).nonzero().max())
    assert (last + 1) * 10 == 21 * 40 + encoder.look_ahead_ms


@torch.no_grad()
def test_two_streams_in_one_batch_are_independent(encoder: EmformerEncoder) -> None:
    one, other = features(1.5), features(1.5).flip(1)
    both = encoder(torch.cat([one, other]))[0]
    for number, alone in enumerate((one, other)):
        torch.testing.assert_close(both[[number]], encoder(alone)[0])


def test_a_checkpoint_is_read_trained_and_saved(tmp_path: Path) -> None:
    path = write(tmp_path / "hub")
    _, stripped, _ = load_encoder(SPEC.name, path=path)
    whole = recogniser().state_dict()
    assert stripped.kept_tensors == 2 + 1 + 3 * 16
    assert stripped.kept_tensors + stripped.stripped_tensors == len(whole) + 2
    data, out = training.write_data(tmp_path / "data"), tmp_path / "ping.wakeword"
    given = training.arguments(data, path, out, tmp_path / "w", "--strategy", "top:1")
    given[given.index("tiny")] = SPEC.name
    main(given, standalone_mode=False)
    model = load_model(out)
    samples = torch.from_numpy(tiny_family.synthetic_audio(4.0))[None]
    with torch.no_grad():
        at_once, _ = model(samples)
        parts = tiny_family.stream(model, samples, [1, 160, 1280, 4001])
    torch.testing.assert_close(parts, at_once, atol=1e-4, rtol=0)


def test_tensor_shapes_are_those_of_the_published_network() -> None:
    with torch.device("meta"):
        theirs = torchaudio.models.rnnt.emformer_rnnt_base(num_symbols=4097)
    shapes = {key: t.shape for key, t in theirs.transcriber.state_dict().items()}
    ours = {key: t.shape for key, t in _Trunk(SPECS[0], "meta").state_dict().items()}
    statistics = {ours.pop("mean"), ours.pop("invstddev")}
    assert statistics == {(80,)} and ours.items() <= shapes.items()
    assert {key.split(".")[0] for key in shapes.keys() - ours.keys()} == {
        "output_linear",
        "layer_norm",
    }
    transformer = theirs.transcriber.transformer
    bundle = torchaudio.pipelines.EMFORMER_RNNT_BASE_LIBRISPEECH
    assert (transformer.segment_length, transformer.right_context_length) == (4, 1)
    assert (transformer.left_context_length, transformer.max_memory_size) == (30, 0)
    source = SPECS[0].sources[0]
    assert source.location.endswith(bundle._rnnt_path)
    assert source.companion.endswith(bundle._global_stats_path)
    assert (bundle.sample_rate, bundle.n_fft, bundle.n_mels, bundle.hop_length) == (
        *(16_000, 400, 80),
        160,
    )


@pytest.mark.parametrize(
    "text", [None, "", "[]", '{"mean": [1]}', '{"mean": [1], "invstddev": [1]}', '{"mean": 3}']
)
def test_missing_or_other_statistics_raise(tmp_path: Path, text: str | None) -> None:
    path = write(tmp_path / "hub")
    path.with_name(STATISTICS).unlink()
    if text is not None:
        path.with_name(STATISTICS).write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=STATISTICS):
        load_encoder(SPEC.name, path=path)


def test_the_hop_is_fixed() -> None:
    with pytest.raises(ConfigError, match="tiny-em has a fixed hop"):
        build_encoder(SPEC.name, **hop_settings(SPEC.name, "chunked", 320))
