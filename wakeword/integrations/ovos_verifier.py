"""A verifier for Open Voice OS of what wake word engines detect; see `integrations.ovos`."""

from __future__ import annotations

from typing import Any

from ovos_plugin_manager.templates.hotwords import HotWordVerifier

from wakeword import runtime
from wakeword.integrations.ovos import choose_keyword, decode, open_detector


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
            self._detector = open_detector(settings, "ovos-ww-verifier-wakeword")
        if self._detector and settings.get("keyword"):
            self._keywords = {choose_keyword(settings, "", self._detector)}
        elif self._detector:
            self._keywords = set(self._detector.model.keywords)

    def verify(self, chunk: bytes) -> bool:
        """Return whether the keyword is detected in a recording."""
        if self._detector is None:
            return True
        self._detector.reset()
        detections = [*self._detector.feed(decode(chunk)), *self._detector.flush()]
        return any(each.keyword in self._keywords for each in detections)
