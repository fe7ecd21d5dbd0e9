"""What a server counts, in Prometheus's words."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class ServerMetrics:
    """Counted since the server began; a registry of its own, so that two servers do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.clients = Gauge(
            "wakeword_clients", "Connected now.", ["protocol"], registry=self._registry
        )
        self.detections = Counter(
            "wakeword_detections", "Words heard.", ["keyword"], registry=self._registry
        )
        self.sound_s = Counter(
            "wakeword_sound_seconds", "Of sound taken in.", registry=self._registry
        )
        self.busy_s = Counter(
            "wakeword_busy_seconds", "Of processor time spent hearing.", registry=self._registry
        )

    def text(self) -> bytes:
        """In the exposition format."""
        return generate_latest(self._registry)
