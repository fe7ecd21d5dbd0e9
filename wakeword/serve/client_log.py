"""The log of a server: what each client does, one line at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wakeword.detection.trigger import Detection

_log = logging.getLogger(__name__)


class ClientLog:
    """Logs what one client does at INFO, its messages at DEBUG, what it is refused at WARNING.

    Args:
        peer: address of the client as its socket states it: (host, port, …), or None where it has
            disconnected already.
        protocol: that it speaks.
    """

    def __init__(self, peer: Any, protocol: str) -> None:
        self._client = f"{_address(peer)} ({protocol})"

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Log that the client is connected within this context."""
        start_s = time.monotonic()
        _log.info("%s connected", self._client)
        try:
            yield
        finally:
            _log.info("%s disconnected after %.0f s", self._client, time.monotonic() - start_s)

    def received(self, message: str) -> None:
        """Log the type of a message of the client, at DEBUG."""
        _log.debug("%s sends %s", self._client, _printable(message))

    def listening(self, keywords: Sequence[str], rate: int) -> None:
        """Log the start of a stream: its keywords, and its sample rate in Hz."""
        _log.info("%s listens for %s at %d Hz", self._client, ", ".join(keywords), rate)

    def detected(self, detection: Detection) -> None:
        """Log a detection in the client's stream."""
        _log.info(
            "detected '%s' for %s: score %.3f, %.1f s after the start of its stream",
            detection.keyword,
            self._client,
            detection.score,
            detection.time,
        )

    def lost(self, keyword: str, score: float) -> None:
        """Log that a detection was not sent, because another client's score was higher."""
        _log.info(
            "'%s' is not sent to %s: another client's score is higher than its %.3f",
            keyword,
            self._client,
            score,
        )

    def refused(self, reason: object) -> None:
        """Log why a request or message of the client was refused."""
        _log.warning("refused %s: %s", self._client, _printable(str(reason)))


def _address(peer: Any) -> str:
    if not isinstance(peer, tuple):
        return "an unknown address"
    host, port = peer[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _printable(text: str) -> str:
    """Escape line breaks and control characters: what clients send makes no lines of its own."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
