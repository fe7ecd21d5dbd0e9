"""The queue of verifiers: their order, their number at once, their times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import verifiers

from wakeword.audio.samples import Samples
from wakeword.detection.verifier_queue import VerificationTimes, VerifierQueue
from wakeword.encoders.spec import EncoderSpec
from wakeword.model.cascade import Logits
from wakeword.model.two_stage import TwoStageModel


@pytest.fixture
def model(tiny: EncoderSpec) -> TwoStageModel:
    return verifiers.in_blocks()


def number(value: int) -> Samples:
    return np.full(1, value, np.float32)


def with_verify(model: TwoStageModel, verify: Callable[[Samples], Logits]) -> TwoStageModel:
    model.__dict__["verify"] = verify
    return model


def test_calls_run_in_order_and_none_is_dropped(model: TwoStageModel) -> None:
    first_may_finish = threading.Event()
    ran: list[int] = []

    def verify(samples: Samples) -> Logits:
        assert first_may_finish.wait(verifiers.TIMEOUT_S)
        ran.append(int(samples[0]))
        return samples[None]

    times: list[VerificationTimes] = []
    queue = VerifierQueue(1, times.append)
    with_verify(model, verify)
    futures = [queue.submit(model, number(i)) for i in range(20)]
    all_submitted_s = time.monotonic()
    assert not any(future.done() for future in futures)
    released_s = time.monotonic()
    first_may_finish.set()
    assert [int(future.result(verifiers.TIMEOUT_S)[0, 0]) for future in futures] == ran
    assert ran == list(range(20))
    assert len(times) == 20 and all(min(each) >= 0 for each in times)
    assert min(each.wait_s for each in times[1:]) >= released_s - all_submitted_s


def test_as_many_calls_run_at_once_as_there_are_threads(model: TwoStageModel) -> None:
    together = threading.Barrier(3, timeout=verifiers.TIMEOUT_S)

    def verify(samples: Samples) -> Logits:
        together.wait()
        return samples[None]

    queue = VerifierQueue(3)
    with_verify(model, verify)
    futures = [queue.submit(model, number(i)) for i in range(3)]
    assert [future.result(verifiers.TIMEOUT_S).shape for future in futures] == [(1, 1)] * 3


def test_logits_are_those_of_the_model(model: TwoStageModel) -> None:
    samples = np.random.default_rng(0).normal(size=model.window).astype(np.float32)
    np.testing.assert_array_equal(
        VerifierQueue().submit(model, samples).result(), model.verify(samples)
    )
