"""A wake word engine for Open Voice OS.

ovos-plugin-manager imports this module, by the entry points in `pyproject.toml`. Models are
exported ones (.onnx): the plugin needs no PyTorch. Audio is mono 16-bit PCM at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ovos_plugin_manager.templates.hotwords import HotWordEngine

from wakeword import runtime
from wakeword.errors import ConfigError, unknown_name_message


class WakewordEngine(HotWordEngine):
    """Detects one keyword of a model: `"module": "ovos-ww-plugin-wakeword"` of a hotword.

    Settings of the hotword:

    - `model`: path of the exported model.
    - `keyword`: of the model; default is the hotword's name, or the only keyword there is.
    - `threshold`: lowest score that is a detection; default is the model's.

    Args:
        arguments: of HotWordEngine: name of the hotword, its settings and, in some versions, its
            language.
        named: the same by name.

    Raises:
        ConfigError: no `model`, or a model without the keyword.
        CheckpointError: the model cannot be read.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._detector = open_detector(self.config, f"hotword '{self.key_phrase}'")
        self._keyword = choose_keyword(self.config, self.key_phrase, self._detector)
        self._detected = False

    def update(self, chunk: bytes) -> None:
        """Take the next audio of the stream."""
        keywords = [each.keyword for each in self._detector.feed(decode(chunk))]
        self._detected = self._detected or self._keyword in keywords

    def found_wake_word(self, frame_data: bytes | None = None) -> bool:
        """Return whether the keyword was detected since the last call.

        Args:
            frame_data: what earlier versions pass; not used.
        """
        detected, self._detected = self._detected, False
        return detected

    def reset(self) -> None:
        """Start a new stream."""
        self._detector.reset()
        self._detected = False


def open_detector(settings: Mapping[str, Any], owner: str) -> runtime.Detector:
    """Open the model that the settings of a plugin name.

    Raises:
        ConfigError: they name none.
        CheckpointError: the model cannot be read.
    """
    file = settings.get("model")
    if not file:
        raise ConfigError(
            f"{owner}: no model. Expected a setting `model` with the path of a file that "
            "`wakeword export` wrote."
        )
    model = runtime.load(Path(file).expanduser())
    return runtime.Detector(model, threshold=settings.get("threshold"))


def choose_keyword(settings: Mapping[str, Any], name: str, detector: runtime.Detector) -> str:
    """Return the keyword in the settings, or the one that is named like the hotword.

    Raises:
        ConfigError: the model has no such keyword.
    """
    keywords = detector.model.keywords
    wanted = settings.get("keyword")
    if wanted is None and len(keywords) == 1:
        return keywords[0]
    for keyword in keywords:
        if _normalised(keyword) == _normalised(wanted or name):
            return keyword
    raise ConfigError(
        f"{settings['model']}: {unknown_name_message('keyword', wanted or name, keywords)} "
        "Choose one with the setting `keyword`."
    )


def _normalised(keyword: str) -> str:
    return keyword.lower().replace("_", " ")


def decode(chunk: bytes) -> Any:
    """Return the (n,) int16 samples of PCM."""
    return np.frombuffer(chunk, dtype="<i2")
