"""Plugins for Open Voice OS: a wake word engine, and a verifier of other engines' detections.

ovos-plugin-manager imports this module, by the entry points in `pyproject.toml`; nothing else does.
Models are exported ones (.onnx): neither plugin needs PyTorch. Audio is mono 16-bit PCM at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ovos_plugin_manager.templates.hotwords import HotWordEngine, HotWordVerifier

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
        self._detector = _open_detector(self.config, f"hotword '{self.key_phrase}'")
        self._keyword = _choose_keyword(self.config, self.key_phrase, self._detector)
        self._detected = False

    def update(self, chunk: bytes) -> None:
        """Take the next audio of the stream."""
        keywords = [each.keyword for each in self._detector.feed(_decode(chunk))]
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


class WakewordVerifier(HotWordVerifier):
    """Accepts another engine's detection if a model detects a keyword in its audio.

    Settings, under `listener`, `ww_verifiers`, `ovos-ww-verifier-wakeword`:

    - `model`: path of the exported model. Open Voice OS runs every verifier that is installed;
      without a model, this one accepts everything.
    - `keyword`: of the model; default is any.
    - `threshold`: lowest score that is a detection; default is the model's.

    Args:
        config: the settings.

    Raises:
        ConfigError: a model without the keyword.
        CheckpointError: the model cannot be read.
    """

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        super().__init__(config)
        settings = config or {}
        self._detector: runtime.Detector | None = None
        if settings.get("model"):
            self._detector = _open_detector(settings, "ovos-ww-verifier-wakeword")
        if self._detector and settings.get("keyword"):
            self._keywords = {_choose_keyword(settings, "", self._detector)}
        elif self._detector:
            self._keywords = set(self._detector.model.keywords)

    def verify(self, chunk: bytes) -> bool:
        """Return whether the keyword is detected in a recording."""
        if self._detector is None:
            return True
        self._detector.reset()
        detections = [*self._detector.feed(_decode(chunk)), *self._detector.flush()]
        return any(each.keyword in self._keywords for each in detections)


def _open_detector(settings: Mapping[str, Any], owner: str) -> runtime.Detector:
    file = settings.get("model")
    if not file:
        raise ConfigError(
            f"{owner}: no model. Expected a setting `model` with the path of a file that "
            "`wakeword export` wrote."
        )
    model = runtime.load(Path(file).expanduser())
    return runtime.Detector(model, threshold=settings.get("threshold"))


def _choose_keyword(settings: Mapping[str, Any], name: str, detector: runtime.Detector) -> str:
    """Return the keyword in the settings, or the one that is named like the hotword."""
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


def _decode(chunk: bytes) -> Any:
    """Return the (n,) int16 samples of PCM."""
    return np.frombuffer(chunk, dtype="<i2")
