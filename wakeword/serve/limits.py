"""Limits on what one client may use of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClientLimits:
    """Limits on clients and on their messages.

    Attributes:
        header_bytes: largest Wyoming event line, and largest data behind it.
        payload_bytes: largest audio in a message.
        idle_s: client idle timeout in seconds: for a message to arrive or an answer to be sent.
        clients: connected at once, for each protocol.
    """

    header_bytes: int = 1 << 16
    payload_bytes: int = 1 << 20
    idle_s: float = 300.0
    clients: int = 100
