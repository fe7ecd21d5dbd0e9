"""What one client may take of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClientLimits:
    """Bounds on what comes in."""

    header_bytes: int = 1 << 16  # of an event's line, and of the data behind it
    payload_bytes: int = 1 << 20  # of sound in a message
    idle_s: float = 300.0  # for a message to come in whole, or an answer to go out
    clients: int = 100  # at once, of each protocol
