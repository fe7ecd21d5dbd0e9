"""Wake words from speech recognisers: load a model, feed it a stream, get detections."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wakeword.detector import Detector as Detector
    from wakeword.encoders import list_encoders as list_encoders
    from wakeword.encoders import load_encoder as load_encoder
    from wakeword.model import WakeWordModel as WakeWordModel
    from wakeword.model import load as load
    from wakeword.trigger import Detection as Detection

__version__ = "0.1.0"
_HOMES = {"Detection": "trigger", "Detector": "detector", "WakeWordModel": "model"}
_HOMES |= {"list_encoders": "encoders", "load_encoder": "encoders", "load": "model"}
__all__ = ["Detection", "Detector", "WakeWordModel", "list_encoders", "load", "load_encoder"]


def __getattr__(name: str) -> object:  # torch is imported when it is needed, not for --help
    if name not in _HOMES:
        raise AttributeError(f"module 'wakeword' has no attribute '{name}'")
    return getattr(importlib.import_module(f"wakeword.{_HOMES[name]}"), name)
