"""The pool: many streams in batches give the detections of single detectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import soxr
import tiny as tiny_family
import verifiers
from tiny import detections

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.pool import DetectorPool
from wakeword.detection.trigger import Detection
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.model.cascade import Logits, StartedBlock
from wakeword.model.network import WakeWordModel
from wakeword.model.two_stage import AnyModel

SOUND = tiny_family.synthetic_audio(2.5)


@pytest.mark.parametrize("head", ["linear", "conv", "depthwise", "gru", "attention"])
@pytest.mark.parametrize("batch", [1, 3, 32])
def test_a_pool_detects_what_single_detectors_detect(
    model: WakeWordModel, head: str, batch: int
) -> None:
    check_pool(tiny_family.model(model.origin.streaming, head), batch)


def test_a_pool_batches_streams_whose_blocks_are_no_whole_logits(tiny: EncoderSpec) -> None:
    """The head of a stream keeps a frame after every other block."""
    check_pool(tiny_family.model("chunked", chunk=3, left=12), 32)


@pytest.mark.parametrize(("hop", "pool"), [(2, 1), (3, 2)])
@pytest.mark.parametrize("batch", [1, 3, 32])
def test_a_pool_of_a_two_stage_model_detects_what_single_detectors_detect(
    tiny: EncoderSpec, hop: int, pool: int, batch: int
) -> None:
    check_pool(verifiers.in_blocks(hop=hop, pool=pool), batch)


def test_streams_of_a_pool_wait_for_their_own_verifier_alone(tiny: EncoderSpec) -> None:
    """The verifier of one stream waits until the gate has computed all blocks of the other."""
    model = verifiers.in_blocks()
    expected = Detector(model).feed(SOUND)
    silence = np.zeros(len(SOUND), np.float32)
    blocks = 1 + (len(silence) - model.first_block) // model.block
    verifier = verifiers.WaitingVerifier(model)
    begin_batch, computed = model.begin_batch, []

    def begin(samples: Sequence[Samples], states: Sequence[Any]) -> list[StartedBlock]:
        computed.extend(not block.any() for block in samples)
        if sum(computed) == blocks:
            verifier.may_finish.set()
        return begin_batch(samples, states)

    model.__dict__ |= {"verify": verifier, "begin_batch": begin}
    pool = DetectorPool(model)
    pool.open("speech")
    pool.open("silence")
    found = pool.feed({"speech": SOUND, "silence": silence})
    assert sum(computed) == blocks
    assert verifier.count == len(model.calls(Detector(model.gate).logits(SOUND)))
    assert found["silence"] == [] != expected
    assert [(d.keyword, d.time) for d in found["speech"]] == [(d.keyword, d.time) for d in expected]


def test_a_verifier_that_fails_raises_and_the_pool_goes_on(tiny: EncoderSpec) -> None:
    model = verifiers.in_blocks()
    verify = model.verify

    def fail(samples: Samples) -> Logits:
        raise MemoryError("no memory for the window")

    model.__dict__["verify"] = fail
    pool = DetectorPool(model, threshold=0.0)
    pool.open("kitchen")
    with pytest.raises(MemoryError, match="no memory for the window"):
        pool.feed({"kitchen": SOUND})
    model.__dict__["verify"] = verify
    assert pool.feed({"kitchen": SOUND})["kitchen"]


def check_pool(model: AnyModel, batch: int) -> None:
    """Seven streams that begin and end at different times, in pieces of different sizes."""
    recordings = [tiny_family.synthetic_audio(1.5 + 0.2 * i, seed=i) for i in range(7)]
    expected = [
        detections(Detector(model, threshold=0.0), samples, [len(samples)])
        for samples in recordings
    ]
    pool = DetectorPool(model, threshold=0.0, batch=batch)
    found: list[list[Detection]] = [[] for _ in recordings]
    at = [0] * len(recordings)
    for turn in range(60):
        due = [i for i, s in enumerate(recordings) if i <= turn and at[i] < len(s)]
        for i in due:
            if at[i] == 0:
                pool.open(i)
        sizes = {i: 900 + 700 * i for i in due}
        detected = pool.feed({i: recordings[i][at[i] : at[i] + size] for i, size in sizes.items()})
        assert list(detected) == due
        for i in due:
            found[i] += detected[i]
            at[i] += sizes[i]
            if at[i] >= len(recordings[i]):
                found[i] += pool.close(i)
    for mine, theirs in zip(found, expected, strict=True):
        assert [(d.keyword, d.time) for d in mine] == [(d.keyword, d.time) for d in theirs] != []
        assert [d.score for d in mine] == pytest.approx([d.score for d in theirs], abs=1e-4)


def test_a_pool_resamples_each_stream_by_its_own_rate(model: WakeWordModel) -> None:
    pool = DetectorPool(model, threshold=0.0)
    alone = {}
    for rate in (8_000, 16_000, 48_000):
        samples = soxr.resample(SOUND, SAMPLE_RATE, rate)
        pool.open(rate, rate=rate)
        alone[rate] = Detector(model, threshold=0.0, rate=rate).feed(samples)
    pieces = {rate: soxr.resample(SOUND, SAMPLE_RATE, rate) for rate in alone}
    detected = pool.feed(pieces)
    for rate, expected in alone.items():
        assert [d.time for d in detected[rate]] == [d.time for d in expected] != []


def test_a_stream_that_is_not_open_raises(model: WakeWordModel) -> None:
    pool = DetectorPool(model)
    pool.open("kitchen")
    with pytest.raises(ConfigError, match="'kitchen' is open already"):
        pool.open("kitchen")
    with pytest.raises(ConfigError, match="'hall' is not open"):
        pool.feed({"kitchen": SOUND, "hall": SOUND})
    with pytest.raises(ConfigError, match="'hall' is not open"):
        pool.close("hall")


def test_a_pool_without_a_model_raises() -> None:
    with pytest.raises(ConfigError, match=r"DetectorPool\(wakeword\.load\('alexa\.wakeword'\)\)"):
        DetectorPool("alexa.wakeword")  # type: ignore[arg-type]
