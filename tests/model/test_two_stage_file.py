"""The file of a two-stage model: round trip, and rejection of everything that is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import tiny as tiny_family
import torch
from hostile_files import JSON, About, check_rejected, contents, drop, put, rewrite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_stage import WINDOW, tiny_two_stage

from wakeword.detection.detector import Detector
from wakeword.errors import CheckpointError
from wakeword.evaluation.scoring import model_logits
from wakeword.legacy import ADDED_VALUES
from wakeword.model.cascade import CascadeConfig
from wakeword.model.file import load_model, save_model
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import TwoStageModel

SOUND = tiny_family.synthetic_audio(6.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_model(tiny_two_stage(), tmp_path / "two.wakeword")
    return tmp_path / "two.wakeword"


def rejects(path: Path, *words: str) -> None:
    check_rejected(load_model, path, *words)


# ---------------------------------------------------------------- the file


def test_round_trip(tmp_path: Path) -> None:
    model = tiny_two_stage(("a", "ключ"), gate_threshold=0.4, threshold=0.6)
    path = tmp_path / "two.wakeword"
    save_model(model, path)
    loaded = load_model(path)
    assert isinstance(loaded, TwoStageModel) and not loaded.training
    assert loaded.keywords == ("a", "ключ") and loaded.cascade.config == model.cascade.config
    assert (loaded.operating_point, loaded.origin) == (model.operating_point, model.origin)
    for stage in ("gate", "verifier"):
        old, new = getattr(model, stage), getattr(loaded, stage)
        assert (new.operating_point, new.origin) == (old.operating_point, old.origin)
        assert new.encoder.settings() == old.encoder.settings()
    assert np.array_equal(model_logits(loaded, [SOUND]), model_logits(model, [SOUND]))
    found = Detector(loaded, threshold=0.0).feed(SOUND)
    assert found and found == Detector(model, threshold=0.0).feed(SOUND)
    save_model(loaded, tmp_path / "again.wakeword")
    assert (tmp_path / "again.wakeword").read_bytes() == path.read_bytes()
    assert {each.name for each in tmp_path.glob("*")} == {"two.wakeword", "again.wakeword"}


def test_the_weights_of_both_stages_are_stored_once(file: Path) -> None:
    tensors, about = contents(file)
    assert about["format"] == "wakeword-two-stage/1"
    assert {name.split(".")[0] for name in tensors} == {"gate", "verifier"}
    assert len([name for name in tensors if name.endswith("conv1.weight")]) == 1
    verifier = tensors["verifier.encoder.trunk.conv1.weight"]
    assert verifier.dtype == torch.float16
    assert tensors["verifier.head.out.weight"].dtype == torch.float32


# ---------------------------------------------------------------- damaged, hostile


def swap_stages(about: About) -> None:
    about["gate"], about["verifier"] = about["verifier"], about["gate"]


def rename_keywords(*names: str) -> Callable[[About], None]:
    def change(about: About) -> None:
        for stage in names:
            about[stage]["keywords"] = ["alexa", "jarvis"]
            about[stage]["operating_point"]["thresholds"] = {"alexa": 0.5, "jarvis": 0.5}

    return change


def reverse_keywords(about: About) -> None:
    about["verifier"]["keywords"].reverse()


NUMBERS = {
    "not a number": float("nan"),
    "infinite": float("inf"),
    "negative infinite": -float("inf"),
    "huge": 1e9,
    "a word": "0.5",
    "none": None,
    "a list": [0.5],
}
CHANGES: dict[str, Callable[[About], None]] = {
    **{
        f"no {key}": drop(key)
        for key in ("keywords", "operating_point", "cascade", "gate", "verifier")
    },
    **{
        f"{stage} without {key}": drop(stage, key)
        for stage in ("gate", "verifier")
        for key in ("keywords", "encoder_settings", "operating_point", "origin")
    },
    **{f"{stage} that is none": put(stage, value=3) for stage in ("gate", "verifier", "cascade")},
    **{
        f"no {name}": drop("cascade", name)
        for name in CascadeConfig.__dataclass_fields__
        if name not in ADDED_VALUES["cascade"]
    },
    **{
        f"{name} {kind}": put("cascade", name, value=value)
        for name in CascadeConfig.__dataclass_fields__
        for kind, value in NUMBERS.items()
    },
    **{
        f"gate threshold {kind}": put("cascade", "gate_thresholds", "alexa", value=value)
        for kind, value in {**NUMBERS, "negative": -0.1, "above 1": 1.1}.items()
    },
    **{
        f"{name} of 0 s": put("cascade", name, value=0)
        for name in ("smoothing_s", "reach_s", "interval_s", "rise")
    },
    "negative reach": put("cascade", "reach_s", value=-0.1),
    "smoothing beyond the window": put("cascade", "smoothing_s", value=2.0),
    "unknown key": put("cascade", "strange", value=1),
    "gate thresholds of other words": put("cascade", "gate_thresholds", value={"alexa": 0.5}),
    "gate thresholds of more words": put("cascade", "gate_thresholds", "jarvis", value=0.5),
    "stages swapped": swap_stages,
    "other keywords in the gate": rename_keywords("gate"),
    "other keywords in the verifier": rename_keywords("verifier"),
    "other keywords in both stages": rename_keywords("gate", "verifier"),
    "keywords in another order": reverse_keywords,
    "a keyword twice": put("keywords", value=["alexa", "alexa"]),
    "other keywords": put("keywords", value=["alexa", "jarvis"]),
    "keywords that are none": put("keywords", value=7),
    "threshold of another word": put("operating_point", "thresholds", value={"jarvis": 0.5}),
    "verifier with a hop": put("verifier", "encoder_settings", "hop", value=WINDOW // 2),
    "verifier of one frame": put("verifier", "encoder_settings", value={"window": 1, "hop": 1}),
    "verifier of an hour": put(
        "verifier", "encoder_settings", value={"window": 180_000, "hop": 180_000}
    ),
    "verifier in chunks": put("verifier", "origin", "streaming", value="chunked"),
    "gate of another encoder": put("gate", "origin", "encoder", value="tiny"),
    "a single stage": put("format", value="wakeword/2"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_inconsistent_metadata_is_rejected(file: Path, change: Callable[[About], None]) -> None:
    tensors, about = contents(file)
    change(about)
    rewrite(file, about, tensors)
    rejects(file, "inconsistent content")


def test_a_single_stage_is_no_model_of_two(file: Path) -> None:
    save_model(tiny_family.model(), file)
    tensors, about = contents(file)
    rewrite(file, {**about, "format": "wakeword-two-stage/1"}, tensors)
    rejects(file, "inconsistent content")


@pytest.mark.parametrize("stage", ["gate", "verifier"])
@pytest.mark.parametrize("change", ["missing", "strange", "another shape", "not a number"])
def test_inconsistent_tensors_are_rejected(file: Path, stage: str, change: str) -> None:
    tensors, about = contents(file)
    name = f"{stage}.head.out.bias"
    if change == "missing":
        del tensors[name]
    elif change == "strange":
        tensors[f"{stage}.head.more"] = torch.zeros(3)
    elif change == "another shape":
        tensors[name] = torch.zeros(3)
    else:
        tensors[name] = torch.full((2,), float("nan"))
    rewrite(file, about, tensors)
    rejects(file, "weights" if change == "not a number" else "tensors that do not fit")


@pytest.mark.parametrize("stage", ["gate", "verifier"])
def test_a_file_without_the_tensors_of_a_stage_is_rejected(file: Path, stage: str) -> None:
    tensors, about = contents(file)
    kept = {name: each for name, each in tensors.items() if not name.startswith(f"{stage}.")}
    assert 0 < len(kept) < len(tensors)
    rewrite(file, about, kept)
    rejects(file, "tensors that do not fit")


def test_truncated_files_are_rejected(file: Path) -> None:
    data = file.read_bytes()
    for length in [*range(0, 40, 4), *np.linspace(40, len(data) - 1, 30, dtype=int)]:
        file.write_bytes(data[:length])
        rejects(file)


PLACES = [
    ("keywords",),
    ("operating_point", "thresholds"),
    ("cascade",),
    ("cascade", "gate_thresholds"),
    ("cascade", "gate_thresholds", "alexa"),
    *(("cascade", name) for name in CascadeConfig.__dataclass_fields__),
    ("gate",),
    ("verifier",),
    ("verifier", "keywords"),
    ("verifier", "origin"),
    ("verifier", "encoder_settings"),
    ("verifier", "encoder_settings", "window"),
    ("verifier", "encoder_settings", "hop"),
    ("gate", "encoder_settings", "hop"),
]


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), JSON | st.floats(0, 100) | st.integers(0, 60))
def test_any_json_anywhere_is_rejected_or_harmless(
    file: Path, place: tuple[str, ...], value: object
) -> None:
    intact = file.with_suffix(".intact")
    if not intact.exists():
        intact.write_bytes(file.read_bytes())
    tensors, about = contents(intact)
    put(*place, value=value)(about)
    rewrite(file, about, tensors)
    try:
        model = load_model(file)
    except CheckpointError as error:
        assert file.name in str(error)
    else:
        assert isinstance(model, TwoStageModel)
        logits = model_logits(model, [SOUND[:32_000]])
        assert logits.shape[1] == 2 and np.isfinite(logits).all()


def test_metadata_are_plain_json(file: Path) -> None:
    with safetensors.safe_open(file, framework="pt") as opened:
        about = json.loads(opened.metadata()["wakeword"])
    assert about.keys() == {
        *("format", "keywords", "operating_point", "cascade", "gate", "verifier")
    }
    assert isinstance(load_model(file), TwoStageModel)
    assert not isinstance(load_model(file), WakeWordModel)
