"""The device that computes: how it is chosen, and that everything is computed on it.

PyTorch's "meta" device, which has no memory, stands for a GPU: an operation that mixes it with the
processor fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny as tiny_family
import torch
import training
from click.testing import CliRunner
from two_stage import tiny_two_stage

from wakeword.cli import main
from wakeword.devices import choose_device
from wakeword.encoders import attention
from wakeword.encoders.families import FAMILIES
from wakeword.encoders.registry import build_encoder
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.exporting.onnx import export_onnx
from wakeword.heads import HEADS, build_head
from wakeword.model.file import load_model, save_model
from wakeword.training.checkpoint import AveragedWeights, Checkpoint
from wakeword.training.feature_cache import FeatureCache, autocast, precision
from wakeword.training.result import EpochResult

META = torch.device("meta")
SMALLEST = [
    (min(family.specs, key=lambda spec: spec.dim).name, mode)
    for family in FAMILIES.values()
    if family.specs
    for mode in family.streaming_modes
]


def gpu(monkeypatch: pytest.MonkeyPatch, *, cuda: bool = False, mps: bool = False) -> None:
    """Let torch find these devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


# ---------------------------------------------------------------- choice


@pytest.mark.parametrize(
    ("name", "cuda", "mps", "expected"),
    [
        ("auto", False, False, "cpu"),
        ("auto", True, False, "cuda:0"),
        ("auto", False, True, "cpu"),  # Apple's GPU has to be asked for
        ("cpu", True, True, "cpu"),
        ("cuda", True, False, "cuda:0"),
        ("mps", False, True, "mps"),
    ],
)
def test_the_choice(
    monkeypatch: pytest.MonkeyPatch, name: str, cuda: bool, mps: bool, expected: str
) -> None:
    gpu(monkeypatch, cuda=cuda, mps=mps)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert choose_device(name) == torch.device(expected)
    assert torch.backends.cudnn.allow_tf32 is not expected.startswith("cuda")


def test_each_process_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch, cuda=True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    for rank, number in (("0", 0), ("1", 1), ("2", 0)):
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert choose_device() == torch.device("cuda", number)


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    gpu(monkeypatch)
    with pytest.raises(ConfigError, match=f"no device {name}.*leave --device out"):
        choose_device(name)
    with pytest.raises(ConfigError, match="Did you mean 'cuda'"):
        choose_device("cudaa")


@pytest.mark.parametrize(
    "command",
    [
        ["train", "DATA", "-o", "new.wakeword"],
        ["eval", "tiny.wakeword", "DATA"],
        ["enroll", "word", "1.wav", "2.wav", "-o", "new.wakeword"],
        ["calibrate", "tiny.wakeword", "--negatives", "DATA"],
        ["improve", "tiny.wakeword", "DATA", "--data", "DATA", "-o", "new.wakeword"],
    ],
)
def test_commands_report_a_missing_device_before_data_is_read(
    model_file: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    gpu(monkeypatch)
    monkeypatch.chdir(model_file.parent)
    result = CliRunner().invoke(main, [*command, "--device", "cuda"])
    assert result.exit_code == 2, result.output
    assert "no device cuda" in result.stderr
    assert not Path("new.wakeword").exists()


def test_an_exported_file_has_no_choice(model_file: Path) -> None:
    exported = model_file.with_suffix(".onnx")
    export_onnx(load_model(model_file), exported)
    result = CliRunner().invoke(main, ["eval", str(exported), "DATA", "--device", "cuda"])
    assert result.exit_code == 2 and "runs on the processor" in result.stderr


def test_the_module_loads_no_torch() -> None:
    code = "import sys, wakeword.devices, wakeword.cli.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------- propagation


@pytest.fixture
def stream_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunked attention reads one position out of a tensor, which "meta" does not have: 0."""
    monkeypatch.setattr(attention, "int", lambda _: 0, raising=False)


@pytest.mark.usefixtures("stream_start")
@pytest.mark.parametrize(("name", "mode"), SMALLEST)
def test_every_encoder_computes_where_its_weights_are(name: str, mode: str) -> None:
    encoder = build_encoder(name, mode).to(META).eval()
    frontend = encoder.spec.new_front_end().to(META)
    state: Any = None
    past: Any = None
    for seconds in (4, 2):
        if frontend.exportable:
            features, past = frontend(torch.zeros(1, seconds * 16_000, device=META), past)
        else:  # integers, which the processor computes
            features = torch.zeros(1, seconds * 100, frontend.width, device=META)
        frames, state = encoder(features, state)
        assert frames.device == META and frames.shape[1] > 0


@pytest.mark.parametrize("kind", [*HEADS, "examples"])
def test_every_head_computes_where_its_weights_are(kind: str) -> None:
    head = build_head(kind, 16, 2, layers=2).to(META).eval()
    state: Any = None
    for _ in range(2):
        logits, state = head(torch.zeros(1, 50, 32, device=META), state)
        assert logits.device == META and logits.shape == (1, 25, 2)


@pytest.mark.usefixtures("stream_start")
def test_features_are_computed_on_the_device_and_kept_on_the_processor(
    tiny: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.device] = []
    model = tiny_family.model().to(META)
    forward = type(model.encoder).forward

    def spy(self: Any, x: torch.Tensor, *rest: Any, **more: Any) -> Any:
        seen.append(x.device)
        y, state = forward(self, x, *rest, **more)
        return y, state

    monkeypatch.setattr(type(model.encoder), "forward", spy)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: torch.zeros(self.shape, dtype=self.dtype))
    cache = FeatureCache(tmp_path, model.frontend, model.encoder, model.encoder.depth)
    windows = np.zeros((3, 32_000), dtype=np.float32)
    assert cache.encode(windows).device.type == "cpu"
    assert cache.encode_stream([windows[0]]).device.type == "cpu"
    scores, _ = model.step(windows[0][: model.first_block])
    assert scores.shape[1] == 2
    assert model.step_batch([windows[0][: model.first_block]] * 2, [None, None])
    assert set(seen) == {META}


def test_both_stages_are_on_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_two_stage().to(META)
    assert model.device == META
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: torch.zeros(self.shape, dtype=self.dtype))
    assert model.verify(np.zeros(model.window, dtype=np.float32)).shape[1] == 2


def test_a_model_file_does_not_depend_on_the_device(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(model_file)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    moved: list[str] = []

    def cpu(self: torch.Tensor) -> torch.Tensor:
        moved.append(str(self.shape))
        return self

    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    save_model(model, model_file)
    assert len(moved) == len(weights)
    assert all(
        tensor.equal(weights[name]) for name, tensor in load_model(model_file).state_dict().items()
    )


def test_a_checkpoint_is_restored_to_the_device_of_the_weights(tmp_path: Path) -> None:
    def checkpoint(device: str) -> tuple[AveragedWeights, Checkpoint]:
        model = torch.nn.Linear(2, 2)
        weights = AveragedWeights(model)
        weights.keep_as_best()
        optimiser = torch.optim.AdamW(model.parameters())
        model.to(device)
        return weights, Checkpoint(tmp_path / "a.safetensors", weights, optimiser)

    _, saved = checkpoint("cpu")
    saved.save([EpochResult(0, 1.0, 0.5)])
    weights, restored = checkpoint("meta")
    restored.restore()
    assert {tensor.device for tensor in (*weights.mean.values(), *weights.best.values())} == {META}


def test_the_precision_of_cached_features_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    kinds = [precision(torch.device(name)) for name in ("cpu", "cuda", "mps")]
    assert isinstance(kinds[0], bool)  # as in caches of earlier versions
    assert kinds[1:] == [["cuda", True], ["mps", False]]
    with autocast(META):
        assert not torch.is_autocast_enabled("cpu")


# ---------------------------------------------------------------- results


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_gpu_gives_the_logits_of_the_processor(tiny: EncoderSpec, name: str) -> None:
    try:
        device = choose_device(name)
    except ConfigError as error:
        pytest.skip(str(error))
    samples = tiny_family.synthetic_audio(6.0)
    for model in (tiny_family.model(), tiny_family.model("window", "gru")):
        expected, _ = model.step(samples)
        found, _ = model.to(device).step(samples)
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_device_is_no_part_of_what_determines_a_model(
    tiny: EncoderSpec, tmp_path: Path
) -> None:
    """On the processor, "auto" and "cpu" give the same bytes, from the same checkpoint."""
    data = training.write_data(tmp_path / "data")
    weights = training.write_weights(tmp_path / "weights")
    files = []
    for device in ("cpu", "auto"):
        if device == "auto" and torch.cuda.is_available():
            pytest.skip("auto is a GPU here")
        output = tmp_path / f"{device}.wakeword"
        command = training.arguments(data, weights, output, tmp_path / "work", "--device", device)
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
        files.append(output.read_bytes())
    assert files[0] == files[1]
    assert len(list((tmp_path / "work").glob("run-*"))) == 1
