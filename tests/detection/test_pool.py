"""The pool: many streams in batches give the detections of single detectors."""

from __future__ import annotations

import pytest
import soxr
import tiny as tiny_family
from tiny import detections

from wakeword.audio.samples import SAMPLE_RATE
from wakeword.detection.detector import Detector
from wakeword.detection.pool import DetectorPool
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError
from wakeword.model.network import WakeWordModel

SOUND = tiny_family.synthetic_audio(2.5)


@pytest.mark.parametrize("head", ["linear", "conv", "gru", "attention"])
@pytest.mark.parametrize("batch", [1, 3, 32])
def test_a_pool_detects_what_single_detectors_detect(
    model: WakeWordModel, head: str, batch: int
) -> None:
    """Seven streams that begin and end at different times, in pieces of different sizes."""
    model = tiny_family.model(model.origin.streaming, head)
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
