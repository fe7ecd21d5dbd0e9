"""The encoders that are used where none is named. Needs no torch."""

from __future__ import annotations

DEFAULT_ENCODER = "whisper-tiny.en"
EMBEDDED_ENCODER = "wakeword-stream"
"""Its weights are part of this package: the choice where the default's are not installed."""
