"""Which threads of a server compute what, so that no stream waits for another one's verifier."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from wakeword.audio.samples import Samples
from wakeword.detection.trigger import Scores, TwoStageStreamModel
from wakeword.detection.verifier_queue import VerificationTimes, VerifierQueue
from wakeword.parallel import available_cores
from wakeword.serve.metrics import ServerMetrics


class ServerThreads:
    """Limits how many threads compute at once.

    Each client has a thread while its message is processed. As many of these threads as there are
    cores compute at once. Verifiers of two-stage models run on threads of their own, one fewer than
    there are cores, but at least one. A stream that waits for its verifier keeps its client's
    thread and lets another one compute.

    The queue of verifiers holds at most one call for each client; none is dropped.

    Args:
        metrics: get the times of each verification.
        cores: None is those that this process may use.
    """

    def __init__(self, metrics: ServerMetrics, cores: int | None = None) -> None:
        cores = cores or available_cores()
        self._free_cores = threading.Semaphore(cores)
        self._metrics = metrics
        self._verifiers = VerifierQueue(max(1, cores - 1), self._record)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute within this context: it is entered when a core is free."""
        with self._free_cores:
            yield

    def verify(self, model: TwoStageStreamModel, samples: Samples) -> Scores:
        """Run a verifier on a thread of its own; for `Detector.run_verifier`.

        Call it within `computing`; another thread computes in the meantime.
        """
        logits = self._verifiers.submit(model, samples)
        self._free_cores.release()
        try:
            return logits.result()
        finally:
            self._free_cores.acquire()

    def _record(self, times: VerificationTimes) -> None:
        self._metrics.verification_wait_s.observe(times.wait_s)
        self._metrics.verification_s.observe(times.run_s)
        self._metrics.compute_s.inc(times.cpu_s)
