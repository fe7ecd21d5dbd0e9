"""The audio that a detector keeps is that of the stream, however it is cut into pieces."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
import tiny as tiny_family

from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE
from wakeword.audio.silence_gate import SilenceGate
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import AudioError, ConfigError

SOUND = tiny_family.synthetic_audio(3.0)
KEEP_S = 0.5


def audio_of_detections(
    detector: Detector, samples: np.ndarray, sizes: list[int]
) -> list[tuple[Detection, np.ndarray]]:
    """Each detection with the audio that is kept before it, read when it is returned."""
    ends = np.cumsum(tiny_family.pieces(len(samples), sizes))[:-1]
    return [
        (found, detector.audio(max(0.0, found.time - KEEP_S), found.time))
        for piece in np.split(samples, ends)
        for found in detector.feed(piece)
    ]


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("sizes", [[160], [4001], [17, 5000, 3, 900], [10**6]])
def test_the_audio_before_a_detection_is_that_of_the_stream(
    tiny: EncoderSpec, sizes: list[int], rate: int
) -> None:
    detector = Detector(tiny_family.model(), threshold=0.0, rate=rate, keep_s=KEEP_S)
    samples = soxr.resample(SOUND, SAMPLE_RATE, rate).astype(np.float32)
    whole = resample(samples, rate, SAMPLE_RATE)
    found = audio_of_detections(detector, samples, sizes)
    assert len(found) > 5
    for detection, audio in found:
        end = round(detection.time * SAMPLE_RATE)
        start = max(0, end - round(KEEP_S * SAMPLE_RATE))
        np.testing.assert_allclose(audio, whole[start:end], atol=1e-6)


@pytest.mark.parametrize("size", [320, 4001, 10**6])
def test_a_closed_gate_leaves_no_gap_in_the_audio(tiny: EncoderSpec, size: int) -> None:
    silence = np.full(8 * SAMPLE_RATE, 1e-4, np.float32)
    samples = np.concatenate([SOUND, silence, SOUND])
    detector = Detector(tiny_family.model(), threshold=0.0, gate=SilenceGate(), keep_s=KEEP_S)
    found = audio_of_detections(detector, samples, [size])
    assert any(detection.time > 11.0 for detection, _ in found)
    for detection, audio in found:
        end = round(detection.time * SAMPLE_RATE)
        assert np.array_equal(audio, samples[max(0, end - len(audio)) : end])
        assert len(audio) == min(end, round(KEEP_S * SAMPLE_RATE))
    np.testing.assert_array_equal(detector.audio(13.5), samples[round(13.5 * SAMPLE_RATE) :])


def test_old_audio_is_dropped_and_what_is_not_there_is_an_error(tiny: EncoderSpec) -> None:
    detector = Detector(tiny_family.model(), keep_s=KEEP_S)
    for _ in range(20):
        detector.feed(SOUND)
    detector.feed(SOUND[:1600])
    assert len(detector.audio(60.0)) == 1600 and len(detector.audio(60.1)) == 0
    assert np.array_equal(detector.audio(59.9, 60.0), SOUND[-1600:])
    for times in ((0.0, 1.0), (59.9, 70.0), (60.05, 60.0), (-1.0, None), (float(10**9), None)):
        with pytest.raises(AudioError, match=r"of the stream is not there: it has .*keep_s"):
            detector.audio(*times)
    detector.reset()
    assert len(detector.audio(0.0)) == 0


def test_what_a_caller_does_to_its_buffer_changes_nothing(tiny: EncoderSpec) -> None:
    detector = Detector(tiny_family.model(), keep_s=KEEP_S)
    buffer = SOUND[:1600].copy()
    detector.feed(buffer)
    buffer[:] = 0.0
    assert np.array_equal(detector.audio(0.0), SOUND[:1600])
    detector.audio(0.0)[:] = 0.0
    assert np.array_equal(detector.audio(0.0), SOUND[:1600])


def test_the_end_of_a_stream_is_there_with_the_silence_that_follows(tiny: EncoderSpec) -> None:
    detector = Detector(tiny_family.model(), rate=44_100, threshold=0.0, keep_s=KEEP_S)
    samples = soxr.resample(SOUND, SAMPLE_RATE, 44_100).astype(np.float32)
    detector.feed(samples)
    last = detector.flush()[-1]
    expected = resample(samples, 44_100, SAMPLE_RATE)[40_000:]
    np.testing.assert_allclose(detector.audio(2.5)[: len(expected)], expected, atol=1e-6)
    assert len(detector.audio(last.end, last.time)) > 0


@pytest.mark.parametrize("keep_s", [-1.0, float("nan"), 1e9])
def test_a_wrong_time_to_keep_raises(tiny: EncoderSpec, keep_s: float) -> None:
    with pytest.raises(ConfigError, match="keep_s"):
        Detector(tiny_family.model(), keep_s=keep_s)


def test_a_detector_that_keeps_nothing_says_so(tiny: EncoderSpec) -> None:
    detector = Detector(tiny_family.model())
    detector.feed(SOUND)
    with pytest.raises(AudioError, match=r"keeps no audio\. Give it keep_s"):
        detector.audio(1.0)
