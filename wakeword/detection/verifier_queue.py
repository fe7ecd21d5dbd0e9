"""A queue for the verifiers of two-stage models, which run on threads of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from wakeword.audio.samples import Samples
from wakeword.detection.trigger import Scores, TwoStageStreamModel


class VerificationTimes(NamedTuple):
    """How long one call of a verifier took.

    Attributes:
        wait_s: seconds in the queue.
        run_s: seconds from start to end.
        cpu_s: seconds of processor time.
    """

    wait_s: float
    run_s: float
    cpu_s: float


class VerifierQueue:
    """Runs verifiers in the order of their calls, on other threads than those of the gates.

    A call waits while all threads are busy; none is dropped. As a stream waits for its call before
    it takes its next block, the queue holds at most one call for each stream.

    Args:
        threads: verifiers that run at once, at most.
        on_done: called with the times of each call, on the thread that ran it.
    """

    def __init__(
        self, threads: int = 1, on_done: Callable[[VerificationTimes], None] | None = None
    ) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="verifier")
        self._on_done = on_done

    def submit(self, model: TwoStageStreamModel, samples: Samples) -> Future[Scores]:
        """Append a call.

        Args:
            model: whose verifier is called.
            samples: (window,) at 16 kHz, as `StartedBlock.window` has them.

        Returns:
            What `model.verify(samples)` will return or raise.
        """
        return self._executor.submit(self._run, model, samples, time.monotonic())

    def _run(self, model: TwoStageStreamModel, samples: Samples, submitted_s: float) -> Scores:
        start_s, start_cpu_s = time.monotonic(), time.thread_time()
        logits = model.verify(samples)
        if self._on_done:
            run_s, cpu_s = time.monotonic() - start_s, time.thread_time() - start_cpu_s
            self._on_done(VerificationTimes(start_s - submitted_s, run_s, cpu_s))
        return logits
