"""What is said after a keyword is cut out of the stream, complete and without the keyword."""

from __future__ import annotations

import numpy as np
import pytest
import tiny as tiny_family

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.following_speech import PRE_ROLL_S, SpeechCollector
from wakeword.detection.trigger import Detection
from wakeword.encoders.spec import EncoderSpec

LONGEST_S = 4.0
KEYWORD = Detection("alexa", 0.9, time=3.1, start=2.5, end=3.0)


def stream(*loud: tuple[float, float], seconds: float = 10.0, noise: float = 0.001) -> Samples:
    """Quiet noise with a louder one between pairs of times in seconds; the keyword is one."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0.0, noise, round(seconds * SAMPLE_RATE))
    for start_s, end_s in ((KEYWORD.start, KEYWORD.end), *loud):
        part = slice(round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE))
        samples[part] += rng.normal(0.0, 0.1, part.stop - part.start)
    return samples.astype(np.float32)


def collect(
    samples: Samples, size: int = 1280, detections: tuple[Detection, ...] = (KEYWORD,)
) -> list[tuple[Detection, float, float]]:
    """Each detection with start and end of its speech in the stream; 0, 0 where there is none."""
    model = tiny_family.model()
    detector = Detector(model, threshold=1.0, keep_s=SpeechCollector.keep_s(LONGEST_S))
    collector = SpeechCollector(detector, LONGEST_S)
    ended, fed = [], 0.0
    for at in range(0, len(samples), size):
        piece = samples[at : at + size]
        assert detector.feed(piece) == []
        found = [d for d in detections if fed < d.time + 0.2 <= fed + len(piece) / SAMPLE_RATE]
        fed += len(piece) / SAMPLE_RATE
        ended += collector.feed(found)
    ended += collector.finish()
    places = []
    for detection, speech, with_keyword in ended:
        assert with_keyword[len(with_keyword) - len(speech) :].tolist() == speech.tolist()
        windows = np.lib.stride_tricks.sliding_window_view(samples, min(len(speech), 1000))
        (starts,) = np.nonzero((windows == speech[:1000]).all(axis=1)) if len(speech) else ([0],)
        places.append((detection, starts[0] / SAMPLE_RATE, (starts[0] + len(speech)) / SAMPLE_RATE))
    return places


@pytest.mark.parametrize("size", [160, 1280, 30_000, 10**6])
@pytest.mark.parametrize("noise", [0.001, 0.04])
def test_speech_that_follows_at_once_begins_before_the_end_of_the_keyword(
    tiny: EncoderSpec, size: int, noise: float
) -> None:
    """Also where the keyword is only 8 dB over the noise."""
    ((detection, start_s, end_s),) = collect(stream((3.1, 5.0), noise=noise), size)
    assert detection == KEYWORD
    assert start_s == pytest.approx(KEYWORD.end - PRE_ROLL_S)
    assert end_s == pytest.approx(5.0 + 0.3, abs=0.03)


def test_after_a_pause_the_audio_begins_shortly_before_the_speech(tiny: EncoderSpec) -> None:
    ((_, start_s, end_s),) = collect(stream((4.5, 5.0), (5.3, 6.0)))
    assert start_s == pytest.approx(4.2, abs=0.03)
    assert end_s == pytest.approx(6.3, abs=0.03)


def test_the_end_of_a_keyword_that_is_longer_than_estimated_is_no_speech(tiny: EncoderSpec) -> None:
    ((_, start_s, _),) = collect(stream((3.0, 3.15), (4.5, 6.0)))
    assert start_s == pytest.approx(4.2, abs=0.03)


@pytest.mark.parametrize("size", [1280, 30_000, 10**6])
def test_nothing_said_has_no_samples(tiny: EncoderSpec, size: int) -> None:
    assert collect(stream(seconds=12.0), size) == [(KEYWORD, 0, 0)]
    assert collect(stream((9.0, 10.0), seconds=12.0), size) == [(KEYWORD, 0, 0)]
    assert collect(stream(seconds=4.0), size) == [(KEYWORD, 0, 0)]  # the stream ends


@pytest.mark.parametrize("size", [1280, 10**6])
def test_long_speech_is_cut_off_and_the_end_of_the_stream_ends_speech(
    tiny: EncoderSpec, size: int
) -> None:
    ((_, start_s, end_s),) = collect(stream((3.1, 9.5)), size)
    assert end_s - start_s == pytest.approx(0.3 + LONGEST_S, abs=0.03)
    ((_, start_s, end_s),) = collect(stream((3.1, 5.0), seconds=5.0), size)
    assert (start_s, end_s) == (pytest.approx(3.0 - PRE_ROLL_S), pytest.approx(5.0, abs=0.03))


def test_a_further_detection_starts_over(tiny: EncoderSpec) -> None:
    again = Detection("alexa", 0.9, time=5.1, start=4.5, end=5.0)
    ((detection, start_s, _),) = collect(stream((4.5, 7.0)), detections=(KEYWORD, again))
    assert detection == again and start_s == pytest.approx(again.end - PRE_ROLL_S)
    first, second = collect(stream((3.1, 3.7), (4.5, 7.0)), detections=(KEYWORD, again))
    assert first[0] == KEYWORD and first[2] == pytest.approx(4.0, abs=0.03)
    assert second[0] == again


@pytest.mark.parametrize("loud", [(3.1, 5.0), (4.5, 5.0)])
def test_the_same_speech_is_handed_over_with_the_keyword(
    loud: tuple[float, float], tiny: EncoderSpec
) -> None:
    detector = Detector(
        tiny_family.model(), threshold=1.0, keep_s=SpeechCollector.keep_s(LONGEST_S)
    )
    collector = SpeechCollector(detector, LONGEST_S)
    samples = stream(loud)
    detector.feed(samples)
    (speech,) = collector.feed([KEYWORD]) + collector.finish()
    first, last = (round(seconds * SAMPLE_RATE) for seconds in (KEYWORD.start - 0.3, loud[1] + 0.3))
    assert len(speech.with_keyword) == pytest.approx(last - first, abs=0.03 * SAMPLE_RATE)
    np.testing.assert_array_equal(
        speech.with_keyword, samples[first : first + len(speech.with_keyword)]
    )
