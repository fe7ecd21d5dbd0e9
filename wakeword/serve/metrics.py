"""Metrics of a server, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)


class ServerMetrics:
    """Counters since the server started, in a registry of their own: two servers do not mix.

    Attributes:
        clients: connected now, by protocol.
        detections: by keyword.
        audio_s: seconds of audio received.
        compute_s: seconds of processor time spent on detection.
        verification_wait_s: seconds that each call of the verifier of a two-stage model waited.
        verification_s: seconds that it ran.
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
        self.verification_wait_s = Histogram(
            "wakeword_verification_wait_seconds",
            "Seconds that a call of the verifier waited for a free thread.",
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self.verification_s = Histogram(
            "wakeword_verification_seconds",
            "Seconds that the verifier ran.",
            buckets=_BUCKETS_S,
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Return all metrics in Prometheus's exposition format."""
        return generate_latest(self._registry)
