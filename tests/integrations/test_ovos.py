"""The real plugin manager of Open Voice OS loads the plugins, and a recording is detected."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import project_file
import pytest
import tiny as tiny_family

from wakeword import runtime
from wakeword.encoders.registry import temporarily_registered
from wakeword.errors import WakewordError
from wakeword.exporting.onnx import export_onnx

wakewords = pytest.importorskip(
    "ovos_plugin_manager.wakewords", reason="pip install ovos-plugin-manager"
)
from ovos_plugin_manager.templates import hotwords  # noqa: E402

ENGINE, VERIFIER = "ovos-ww-plugin-wakeword", "ovos-ww-verifier-wakeword"
CHUNK = 2048  # bytes
PCM = (tiny_family.synthetic_audio(3.0) * 32767).astype("<i2")
SILENCE = np.zeros(16_000, dtype="<i2")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("models") / "words.onnx"
    with temporarily_registered(tiny_family.spec()):
        keywords = ("hey_computer", "jarvis")
        export_onnx(tiny_family.model(keywords=keywords, threshold=0.1), file)
    yield str(file)


@pytest.fixture
def verifier_class() -> Any:
    """What the manager loads by the name of the verifier."""
    if not hasattr(wakewords, "load_wake_word_verifier_plugin"):
        pytest.skip("this version of ovos-plugin-manager has no verifiers")
    return wakewords.load_wake_word_verifier_plugin(VERIFIER)


@pytest.fixture(autouse=True)
def installed() -> None:
    """The entry points are those of an installed package, not of a source folder."""
    if not entry_points(group="opm.wake_word", name=ENGINE):
        pytest.skip("wakeword is not installed with its entry points: pip install .")


def create(config: dict[str, Any], name: str = "hey_computer") -> Any:
    hotwords = {name: {"module": ENGINE, **config}}
    return wakewords.OVOSWakeWordFactory.create_hotword(name, {"hotwords": hotwords})


def times_found(engine: Any, pcm: np.ndarray) -> list[int]:
    """The chunks after which the engine says that it found its keyword."""
    data = pcm.tobytes()
    found = []
    for start in range(0, len(data), CHUNK):
        engine.update(data[start : start + CHUNK])
        if engine.found_wake_word():
            found.append(start // CHUNK)
    return found


def local_detections(model: str, keyword: str, threshold: float | None = None) -> list[int]:
    """The chunks in which a local detector detects the keyword."""
    detector = runtime.Detector(runtime.load(model), threshold=threshold)
    found = []
    for index, start in enumerate(range(0, len(PCM), CHUNK // 2)):
        detections = detector.feed(PCM[start : start + CHUNK // 2])
        if any(each.keyword == keyword for each in detections):
            found.append(index)
    return found


def test_the_manager_finds_the_engine() -> None:
    assert issubclass(wakewords.find_wake_word_plugins()[ENGINE], hotwords.HotWordEngine)


@pytest.mark.parametrize(
    ("name", "config", "keyword"),
    [
        ("hey_computer", {}, "hey_computer"),
        ("hey computer", {}, "hey_computer"),
        ("assistant", {"keyword": "jarvis", "threshold": 1e-4}, "jarvis"),
        ("hey_computer", {"threshold": 0.3}, "hey_computer"),
    ],
)
def test_a_recording_is_detected(
    model: str, name: str, config: dict[str, Any], keyword: str
) -> None:
    engine = create({"model": model, **config}, name)
    expected = local_detections(model, keyword, config.get("threshold"))
    assert times_found(engine, PCM) == expected != []
    engine.reset()
    assert times_found(engine, PCM) == expected


def test_found_is_said_once_and_reset_forgets_it(model: str) -> None:
    engine = create({"model": model})
    engine.update(PCM.tobytes())
    assert engine.found_wake_word() and not engine.found_wake_word()
    engine.reset()
    engine.update(PCM.tobytes())
    engine.reset()
    assert not engine.found_wake_word()


def test_the_verifier_accepts_the_keyword_alone(model: str, verifier_class: Any) -> None:
    assert issubclass(verifier_class, hotwords.HotWordVerifier)
    verifier = verifier_class({"model": model, "keyword": "jarvis", "threshold": 0.9})
    audio = PCM.tobytes()
    accepted = bool(local_detections(model, "jarvis", 0.9))
    assert [verifier.verify(audio), verifier.verify(SILENCE.tobytes())] == [accepted, False]
    assert verifier_class({"model": model}).verify(audio)


def test_a_verifier_without_a_model_accepts_everything(verifier_class: Any) -> None:
    assert verifier_class({}).verify(SILENCE.tobytes())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "no model. Expected a setting `model`"),
        ({"model": "words.onnx"}, "no such model file"),
        ({"keyword": "jarvi"}, "Did you mean 'jarvis'"),
    ],
)
def test_wrong_settings_are_named(model: str, config: dict[str, str], expected: str) -> None:
    engine = wakewords.load_wake_word_plugin(ENGINE)
    given = {"model": model, **config} if "keyword" in config else config
    with pytest.raises(WakewordError, match=expected):
        engine("hey_computer", given)


def test_the_project_names_the_plugins_under_old_and_new_groups() -> None:
    groups = project_file.read()["project"]["entry-points"]
    engine = {ENGINE: "wakeword.integrations.ovos:WakewordEngine"}
    assert groups["opm.wake_word"] == groups["mycroft.plugin.wake_word"] == engine
    verifier = {VERIFIER: "wakeword.integrations.ovos_verifier:WakewordVerifier"}
    assert groups["opm.wake_word.verifier"] == verifier
