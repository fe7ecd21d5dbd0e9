"""Every front end by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from wakeword.encoders.frontend import FrontEnd, LogMel, PiecewiseLogMel, Waveform
from wakeword.encoders.micro_frontend import MicroFrontEnd

FrontEndKind = Literal["log-mel", "piecewise-log-mel", "waveform", "micro"]
"""Names of the front ends; see `FRONT_ENDS`."""

FRONT_ENDS: dict[FrontEndKind, Callable[[int], FrontEnd]] = {
    "log-mel": LogMel,
    "piecewise-log-mel": PiecewiseLogMel,
    "waveform": lambda mels: Waveform(),
    "micro": lambda mels: MicroFrontEnd(),
}
"""Each kind of front end, by the number of mel bands."""
