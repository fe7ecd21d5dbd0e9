"""The model file: round trip, earlier versions, and rejection of everything else."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import tiny as tiny_family
import torch
from hostile_files import JSON, About, Trap, check_rejected, contents, drop, put, rewrite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeword.detection.detector import Detector
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import CheckpointError
from wakeword.model.file import load_model, save_model

SOUND = torch.from_numpy(tiny_family.synthetic_audio(2.0))[None]


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize("head", ["linear", "conv", "depthwise", "gru", "attention"])
@pytest.mark.parametrize(
    ("streaming", "given"),
    [
        ("chunked", {"chunk": 3, "left": 7, "period": 9, "output_layers": (1, 2)}),
        ("window", {"window": 12, "hop": 6, "output_layers": (1,)}),
    ],
)
def test_round_trip(
    tiny: EncoderSpec, tmp_path: Path, streaming: str, given: dict[str, Any], head: str
) -> None:
    model = tiny_family.model(streaming, head, ("a", "b", "ключ"), **given)
    times = {"latency_s": {"a": -0.02, "ключ": 0.12}, "duration_s": {"b": 0.7}}
    model.operating_point = replace(model.operating_point, **times)
    path = tmp_path / "some.wakeword"
    save_model(model, path)
    loaded = load_model(path)
    assert not loaded.training
    assert loaded.keywords == ("a", "b", "ключ")
    assert (loaded.operating_point, loaded.origin) == (model.operating_point, model.origin)
    assert loaded.encoder.settings() == given
    with torch.inference_mode():
        assert torch.equal(loaded(SOUND)[0], model(SOUND)[0])
    assert [each.name for each in tmp_path.iterdir()] == ["some.wakeword"]


@pytest.mark.parametrize("streaming", ["chunked", "window"])
def test_encoder_weights_are_stored_once_in_float16(
    tiny: EncoderSpec, tmp_path: Path, streaming: str
) -> None:
    save_model(tiny_family.model(streaming), tmp_path / "some.wakeword")
    tensors, _ = contents(tmp_path / "some.wakeword")
    assert len([name for name in tensors if name.endswith("conv1.weight")]) == 1
    for name, tensor in tensors.items():
        assert tensor.dtype == (torch.float16 if name.startswith("encoder.") else torch.float32)


def test_values_that_float16_cannot_hold_stay_float32(tiny: EncoderSpec, tmp_path: Path) -> None:
    model = tiny_family.model()
    with torch.no_grad():
        model.encoder.trunk.conv1.weight[0, 0, 0] += 1e-6
    save_model(model, tmp_path / "some.wakeword")
    tensors, _ = contents(tmp_path / "some.wakeword")
    assert tensors["encoder.trunk.conv1.weight"].dtype == torch.float32
    assert tensors["encoder.trunk.conv2.weight"].dtype == torch.float16


# ---------------------------------------------------------------- earlier versions


@pytest.mark.parametrize(
    ("streaming", "given"),
    [
        ("chunked", {"chunk": 3, "left": 7, "period": 9, "output_layers": (1, 2)}),
        ("window", {"window": 12, "hop": 6, "output_layers": (1,)}),
    ],
)
def test_a_file_of_an_earlier_version_gives_the_same(
    tiny: EncoderSpec, tmp_path: Path, streaming: str, given: dict[str, Any]
) -> None:
    """Format 1 has other names in its metadata; the tensors are the same."""
    new, old = tmp_path / "new.wakeword", tmp_path / "old.wakeword"
    save_model(tiny_family.model(streaming, **given), new)
    tensors, about = contents(new)
    point, settings = about.pop("operating_point"), about["encoder_settings"]
    point["evidence"] = point.pop("provenance")
    for name in ("provisional", "latency_s", "duration_s"):
        assert not point.pop(name)  # which earlier versions do not state
    settings["taps"] = settings.pop("output_layers")
    about |= {"format": "wakeword/1", "point": point}
    if streaming == "chunked":
        about["origin"]["streaming"] = "exact"
    rewrite(old, about, tensors)
    models = [load_model(path) for path in (new, old)]
    assert models[0].origin == models[1].origin
    assert models[0].operating_point == models[1].operating_point
    assert models[0].encoder.settings() == models[1].encoder.settings() == given
    detections = [Detector(model, threshold=0.0).feed(SOUND[0].numpy()) for model in models]
    assert detections[0] and detections[0] == detections[1]
    save_model(models[1], old)
    assert old.read_bytes() == new.read_bytes()


# ---------------------------------------------------------------- damaged, foreign, hostile


def rejects(path: Path, *words: str) -> None:
    check_rejected(load_model, path, *words)


@pytest.mark.parametrize(
    "save", [torch.save, lambda what, path: path.write_bytes(pickle.dumps(what))]
)
def test_pickles_are_never_opened(tmp_path: Path, save: Callable[[object, Path], object]) -> None:
    save({"model": Trap(tmp_path / "trapped")}, tmp_path / "some.wakeword")
    rejects(tmp_path / "some.wakeword", "pickles are never opened")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"RIFF$\0\0\0WAVEfmt ",
        b"\xff" * 64,
        bytes(64),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 30_000) + b"[" * 30_000,
    ],
)
def test_other_files_are_rejected(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "some.wakeword").write_bytes(data)
    rejects(tmp_path / "some.wakeword", "wakeword train")


def test_a_missing_file_and_a_folder_are_rejected(tmp_path: Path) -> None:
    rejects(tmp_path / "nothing.wakeword", "no such model file")
    rejects(tmp_path, "no such model file")


def test_other_safetensors_files_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "some.wakeword"
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path, {"format": "pt"})
    rejects(path, "another program")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "3",
        "[]",
        '"wakeword/1"',
        "{}",
        "not JSON",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"format": ' + "9" * 10_000 + "}",
        '{"format": "wakeword/2"}',
        '{"format": ["wakeword/1"]}',
    ],
)
def test_hostile_metadata_is_rejected(model_file: Path, text: str) -> None:
    tensors, _ = contents(model_file)
    rewrite(model_file, text, tensors)
    rejects(model_file)


CHANGES = {
    **{
        f"no {key}": drop(key)
        for key in ("keywords", "encoder_settings", "operating_point", "origin")
    },
    "no thresholds": drop("operating_point", "thresholds"),
    "no encoder": drop("origin", "encoder"),
    "strange key": put("operating_point", "strange", value=1),
    "unknown encoder": put("origin", "encoder", value="whisper-huge"),
    "encoder of another size": put("origin", "encoder", value="whisper-tiny.en"),
    "encoder that is no name": put("origin", "encoder", value=["tiny"]),
    "encoder that is a number": put("origin", "encoder", value=3),
    "unknown streaming": put("origin", "streaming", value="magic"),
    "unknown head": put("origin", "head", value="hydra"),
    "other head": put("origin", "head", value="gru"),
    "head that is no name": put("origin", "head", value={}),
    "huge chunk": put("encoder_settings", "chunk", value=10**9),
    "huge left": put("encoder_settings", "left", value=10**9),
    "huge period": put("encoder_settings", "period", value=10**9),
    "no period": put("encoder_settings", "period", value=0),
    "no left": put("encoder_settings", "left", value=0),
    "negative chunk": put("encoder_settings", "chunk", value=-1),
    "fractional chunk": put("encoder_settings", "chunk", value=2.5),
    "chunk that is true": put("encoder_settings", "chunk", value=True),
    "chunk in words": put("encoder_settings", "chunk", value="four"),
    "unknown setting": put("encoder_settings", "chnk", value=4),
    "settings that are none": put("encoder_settings", value=[1, 2]),
    "unknown output layers": put("encoder_settings", "output_layers", value=[9]),
    "output layers that are names": put("encoder_settings", "output_layers", value=["a"]),
    "output layers that are one number": put("encoder_settings", "output_layers", value=2),
    "output layers that are fractions": put("encoder_settings", "output_layers", value=[1.5]),
    "many output layers": put("encoder_settings", "output_layers", value=list(range(1, 10_000))),
    "negative threshold": put("operating_point", "thresholds", "alexa", value=-0.1),
    "threshold in words": put("operating_point", "thresholds", "alexa", value="high"),
    "threshold that is no number": put(
        "operating_point", "thresholds", "alexa", value=float("nan")
    ),
    "threshold that is none": put("operating_point", "thresholds", "alexa", value=None),
    "provisional in words": put("operating_point", "provisional", value="yes"),
    "thresholds that are a list": put("operating_point", "thresholds", value=[0.5, 0.5]),
    "thresholds of other words": put("operating_point", "thresholds", value={"jarvis": 0.5}),
    "endless smoothing": put("operating_point", "smoothing_s", value=float("inf")),
    "long refractory": put("operating_point", "refractory_s", value=1e9),
    "latency that is none": put("operating_point", "latency_s", value=None),
    "latencies that are a list": put("operating_point", "latency_s", value=[]),
    "latency in words": put("operating_point", "latency_s", value={"alexa": "short"}),
    "latency of another word": put("operating_point", "latency_s", value={"jarvis": 0.1}),
    "endless latency": put("operating_point", "latency_s", value={"alexa": float("-inf")}),
    "negative duration": put("operating_point", "duration_s", value={"alexa": -0.1}),
    "duration that is no number": put(
        "operating_point", "duration_s", value={"alexa": float("nan")}
    ),
    "no keywords": put("keywords", value=[]),
    "keywords that are none": put("keywords", value=7),
    "a keyword too many": put("keywords", value=["alexa", "computer", "jarvis"]),
    "a keyword twice": put("keywords", value=["alexa", "computer", "alexa"]),
    "countless keywords": put("keywords", value=[str(i) for i in range(5000)]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_inconsistent_metadata_is_rejected(
    model_file: Path, change: Callable[[About], None]
) -> None:
    tensors, about = contents(model_file)
    change(about)
    rewrite(model_file, about, tensors)
    rejects(model_file, "inconsistent content")


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(3),
        torch.full((2,), float("nan")),
        torch.full((2,), float("inf")),
        torch.zeros(2, dtype=torch.float8_e4m3fn),
        torch.full((2,), float("nan")).to(torch.float8_e5m2),
        torch.zeros(2, dtype=torch.int64),
        torch.zeros(2, dtype=torch.bool),
        torch.zeros(2, dtype=torch.complex64),
    ],
    ids=lambda value: f"{value.dtype} {value.tolist()[0]} × {len(value)}",
)
def test_inconsistent_weights_are_rejected(model_file: Path, value: torch.Tensor) -> None:
    tensors, about = contents(model_file)
    rewrite(model_file, about, {**tensors, "head.out.bias": value})
    rejects(model_file)


@pytest.mark.parametrize("change", ["missing", "strange", "strange inner"])
def test_missing_or_unknown_tensors_are_rejected(model_file: Path, change: str) -> None:
    tensors, about = contents(model_file)
    if change == "missing":
        del tensors["encoder.trunk.conv1.weight"]
    else:
        name = "encoder.offline.trunk.conv1.weight" if "inner" in change else "head.more"
        tensors[name] = torch.zeros(3)
    rewrite(model_file, about, tensors)
    rejects(model_file, "tensors that do not fit")


def test_truncated_files_are_rejected(model_file: Path) -> None:
    data = model_file.read_bytes()
    lengths = [*range(0, 40), *np.linspace(40, len(data) - 1, 60, dtype=int)]
    for length in lengths:
        model_file.write_bytes(data[:length])
        rejects(model_file)


def loads_or_is_rejected(path: Path) -> None:
    """A flipped bit of a weight is still a weight; anything but a model or this error is wrong."""
    try:
        model = load_model(path)
    except CheckpointError as error:
        assert path.name in str(error)
    else:
        assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
        assert model(SOUND[:, :2000])[0].shape[2] == len(model.keywords)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_flipped_bytes_are_rejected_or_harmless(model_file: Path, data: st.DataObject) -> None:
    intact = model_file.with_suffix(".intact")
    if not intact.exists():
        intact.write_bytes(model_file.read_bytes())
    content = bytearray(intact.read_bytes())
    header = 8 + struct.unpack("<Q", content[:8])[0]
    within = header if data.draw(st.booleans()) else len(content)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, within - 1))] ^= 1 << data.draw(st.integers(0, 7))
    model_file.write_bytes(content)
    loads_or_is_rejected(model_file)


PLACES = [
    ("keywords",),
    ("origin",),
    ("origin", "encoder"),
    ("origin", "streaming"),
    ("origin", "head"),
    ("origin", "training"),
    ("operating_point",),
    ("operating_point", "thresholds"),
    ("operating_point", "thresholds", "alexa"),
    ("operating_point", "smoothing_s"),
    ("operating_point", "latency_s"),
    ("operating_point", "duration_s"),
    ("encoder_settings",),
    ("encoder_settings", "chunk"),
    ("encoder_settings", "left"),
    ("encoder_settings", "period"),
    ("encoder_settings", "output_layers"),
]


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), JSON)
def test_any_json_anywhere_is_rejected_or_harmless(
    model_file: Path, place: tuple[str, ...], value: object
) -> None:
    intact = model_file.with_suffix(".intact")
    if not intact.exists():
        intact.write_bytes(model_file.read_bytes())
    tensors, about = contents(intact)
    put(*place, value=value)(about)
    rewrite(model_file, about, tensors)
    loads_or_is_rejected(model_file)
