"""Hibari: one Kokoro speaker distilled into a small, fast model.

Source: https://github.com/MMWilliams/hibari (Apache-2.0).
"""

from __future__ import annotations

import functools
import importlib
from typing import Any, cast

from wakeword.audio.samples import Samples
from wakeword.errors import ConfigError, unknown_name_message
from wakeword.tts.engine import Engine


def speak(text: str, name: str, speed: float, seed: int) -> tuple[Samples, int]:
    """Speak English text; see `Engine.speak`."""
    if name != "heart":  # the other voices would be downloaded from a model hub
        raise ConfigError(unknown_name_message("hibari voice", name, ["heart"]))
    model = _model()
    return cast(Samples, model(text, speed=speed, seed=seed)), int(model.sample_rate)


@functools.cache
def _model() -> Any:
    return importlib.import_module("hibari").Hibari(voice="heart")


ENGINE = Engine(
    name="hibari",
    packages=("onnxruntime", "hibari"),
    speakers={"heart": "kokoro_af_heart"},
    speak=speak,
    seconds=0.015,
)
