"""Wake words from speech recognisers: load a model, feed it a stream, get detections."""

from wakeword.detector import Detection, Detector
from wakeword.encoders import list_encoders, load_encoder
from wakeword.model import WakeWordModel, load

__version__ = "0.1.0"

__all__ = [
    "Detection",
    "Detector",
    "WakeWordModel",
    "list_encoders",
    "load",
    "load_encoder",
]
