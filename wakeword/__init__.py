"""Wake words from speech recognisers: load a model, feed it a stream, get detections."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wakeword.detection.detector import Detector as Detector
    from wakeword.detection.trigger import Detection as Detection
    from wakeword.encoders.registry import list_encoders as list_encoders
    from wakeword.encoders.registry import load_encoder as load_encoder
    from wakeword.model.file import load_model as load
    from wakeword.model.network import WakeWordModel as WakeWordModel

__version__ = "0.1.0"
_HOMES = {
    "Detection": ("detection.trigger", "Detection"),
    "Detector": ("detection.detector", "Detector"),
    "WakeWordModel": ("model.network", "WakeWordModel"),
    "list_encoders": ("encoders.registry", "list_encoders"),
    "load_encoder": ("encoders.registry", "load_encoder"),
    "load": ("model.file", "load_model"),
}
__all__ = ["Detection", "Detector", "WakeWordModel", "list_encoders", "load", "load_encoder"]


def __getattr__(name: str) -> object:  # torch is imported when it is needed, not for --help
    if name not in _HOMES:
        raise AttributeError(f"module 'wakeword' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(f"wakeword.{module}"), attribute)
