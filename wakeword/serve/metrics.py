"""Metrics of a server, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class ServerMetrics:
    """Counters since the server started, in a registry of their own: two servers do not mix.

    Attributes:
        clients: connected now, by protocol.
        detections: by keyword.
        audio_s: seconds of audio received.
        compute_s: seconds of processor time spent on detection.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.clients = Gauge(
            "wakeword_clients", "Clients connected now.", ["protocol"], registry=self._registry
        )
        self.detections = Counter(
            "wakeword_detections", "Keywords detected.", ["keyword"], registry=self._registry
        )
        self.audio_s = Counter(
            "wakeword_sound_seconds", "Seconds of audio received.", registry=self._registry
        )
        self.compute_s = Counter(
            "wakeword_busy_seconds",
            "Seconds of processor time spent on detection.",
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Return all metrics in Prometheus's exposition format."""
        return generate_latest(self._registry)
