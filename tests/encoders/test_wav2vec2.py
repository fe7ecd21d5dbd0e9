"""wav2vec 2.0 and its relatives: equal to torchaudio's, and streamed over a window."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny as tiny_family
import torch
import training

from wakeword.cli import main
from wakeword.encoders import wav2vec2
from wakeword.encoders._torchaudio import torchaudio
from wakeword.encoders.registry import list_encoders, load_encoder, register_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.encoders.wav2vec2 import SPECS, Wav2Vec2Offline
from wakeword.errors import CheckpointError
from wakeword.model.file import load_model

KINDS = ("wav2vec2", "wav2vec2-large", "hubert-large", "wavlm")


def spec(kind: str) -> EncoderSpec:
    return EncoderSpec(f"tiny-{kind}", kind, (), "MIT", "", 0, 0, 32, 2, 2, 50.0, "waveform")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small = [(16, width, stride) for _, width, stride in wav2vec2._CONVOLUTIONS]
    monkeypatch.setattr(wav2vec2, "_CONVOLUTIONS", small)
    for kind in KINDS:
        register_encoder(spec(kind))


def write(path: Path, of: EncoderSpec) -> Path:
    torch.manual_seed(0)
    state = wav2vec2._trunk(of).state_dict()
    output_layer = {"aux.weight": torch.zeros(29, of.dim), "aux.bias": torch.zeros(29)}
    torch.save({**state, **output_layer}, path)
    return path


@pytest.mark.parametrize("name", [each.name for each in SPECS])
def test_the_network_is_built_as_torchaudio_builds_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    of = next(each for each in SPECS if each.name == name)
    file = of.sources[0].location.rsplit("/", 1)[1]
    bundles = [getattr(torchaudio.pipelines, each) for each in dir(torchaudio.pipelines)]
    bundle = next(each for each in bundles if getattr(each, "_path", None) == file)
    factory = {"Wav2Vec2": "wav2vec2_model", "WavLM": "wavlm_model"}[bundle._model_type]
    with torch.device("meta"):
        theirs = getattr(torchaudio.models, factory)(**bundle._params)
        ours = wav2vec2._trunk(of)
    shapes = {key: tensor.shape for key, tensor in theirs.state_dict().items()}
    dropped = {key: shapes.pop(key) for key in list(shapes) if key.startswith("aux.")}
    assert {key: tensor.shape for key, tensor in ours.state_dict().items()} == shapes
    assert bool(dropped) == ("asr" in file)
    assert wav2vec2._VARIANTS[of.family].normalise_samples == bundle._normalize_waveform


@pytest.mark.parametrize("kind", KINDS)
def test_windows_equal_torchaudios(tmp_path: Path, kind: str) -> None:
    of = spec(kind)
    path = write(tmp_path / "tiny.pth", of)
    output_layers = {"window": 20, "hop": 4, "output_layers": (1, 2)}
    encoder, stripped, _ = load_encoder(of.name, path=path, **output_layers)
    assert stripped.stripped_tensors == 2 and stripped.stripped_parameters == 29 * 33
    samples = torch.from_numpy(tiny_family.synthetic_audio(0.8, seed=3))[None]
    theirs = wav2vec2._trunk(of).eval()
    theirs.load_state_dict(torch.load(path, weights_only=True), strict=False)
    if kind in ("wav2vec2-large", "hubert-large"):
        utils = torchaudio.pipelines._wav2vec2.utils
        theirs = utils._extend_model(theirs, normalize_waveform=True)
    with torch.no_grad():
        frames = tiny_family.stream(encoder, samples.reshape(1, -1, 160), [3, 1, 40])
        assert frames.shape == (1, 40, 64)
        last = samples[:, -20 * 320 :]
        expected, _ = theirs.extract_features(last)
    for number, layer in enumerate(expected):
        found = frames[:, -4:, number * 32 : number * 32 + 32]
        torch.testing.assert_close(found, layer[:, -4:], atol=1e-5, rtol=0)


def test_layer_groups_hold_every_parameter_once() -> None:
    encoder = Wav2Vec2Offline(spec("wavlm"))
    parts = [p for group in encoder.layer_groups() for module in group for p in module.parameters()]
    assert len(encoder.layer_groups()) == encoder.depth
    assert {id(p) for p in parts} == {id(p) for p in encoder.parameters()}
    assert len(parts) == len(list(encoder.parameters()))


def test_another_checkpoint_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.pth", spec("wav2vec2"))
    with pytest.raises(CheckpointError, match="not the encoder of tiny-wavlm"):
        load_encoder("tiny-wavlm", path=path)


def test_non_commercial_licences_are_stated() -> None:
    licences = {each.name: each.licence for each in list_encoders()}
    assert licences["voxpopuli-base-en"] == "CC-BY-NC-4.0"
    assert licences["wav2vec2-base-960h"] == "MIT"


def test_a_model_is_trained_with_its_top_layer(tmp_path: Path) -> None:
    of = spec("wav2vec2-large")
    data, out = training.write_data(tmp_path / "data"), tmp_path / "ping.wakeword"
    more = ("--strategy", "top:1", "--layers", "1,2")
    given = training.arguments(data, write(tmp_path / "t.pth", of), out, tmp_path / "work", *more)
    given[given.index("tiny")] = of.name
    main(given, standalone_mode=False)
    model = load_model(out)
    before = torch.load(tmp_path / "t.pth", weights_only=True)
    changed = {
        name
        for name, tensor in model.encoder.trunk.state_dict().items()
        if not torch.equal(tensor, before[name])
    }
    assert changed and all(".layers.1." in name for name in changed)
