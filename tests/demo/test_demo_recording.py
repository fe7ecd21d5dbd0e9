"""The held-out recording, and the hits, misses and false accepts in it."""

from __future__ import annotations

import numpy as np

from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.demo.recording import Recording, SpokenKeyword, held_out_recording, listen
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.evaluation.results import HIT_TOLERANCE_S

KEYWORD = "hey jarvis"


def test_the_recording_states_where_the_keyword_is(data: Dataset) -> None:
    recording = held_out_recording(data, count=6)
    assert len(recording.keywords) == 6
    held_out = {clip.speaker for clip in data.subset("dev").keywords}
    assert {keyword.speaker for keyword in recording.keywords} <= held_out
    assert sum(not keyword.speaker.startswith("espeak") for keyword in recording.keywords) == 4
    floor = np.percentile(np.abs(recording.samples), 10)
    for keyword in recording.keywords:
        bounds_s = keyword.segment.start_s, keyword.segment.end_s
        start, end = (round(time_s * SAMPLE_RATE) for time_s in bounds_s)
        assert np.abs(recording.samples[start:end]).mean() > 20 * floor
        before = recording.samples[start - SAMPLE_RATE // 4 : start - SAMPLE_RATE // 10]
        assert np.abs(before).mean() < 5 * floor
    np.testing.assert_array_equal(recording.samples, held_out_recording(data, count=6).samples)


class ScriptedDetector(Detector):
    """Detects the keyword at given times, once the stream has come that far."""

    def __init__(self, *times_s: float) -> None:
        self.times_s, self.fed = list(times_s), 0

    def feed(self, samples: Samples) -> list[Detection]:  # type: ignore[override]
        self.fed += len(samples)
        now = [time_s for time_s in self.times_s if time_s <= self.fed / SAMPLE_RATE]
        self.times_s = self.times_s[len(now) :]
        return [Detection(KEYWORD, 0.9, time_s, time_s, time_s) for time_s in now]

    def flush(self) -> list[Detection]:
        return [Detection(KEYWORD, 0.9, time_s, time_s, time_s) for time_s in self.times_s]


def spoken(start_s: float, end_s: float, speaker: str) -> SpokenKeyword:
    return SpokenKeyword(KeywordSegment(KEYWORD, start_s, end_s), speaker)


def test_events_come_in_order_and_each_keyword_counts_once() -> None:
    keywords = (spoken(1.0, 1.8, "a"), spoken(4.0, 4.8, "b"), spoken(8.0, 8.8, "c"))
    recording = Recording(np.zeros(9 * SAMPLE_RATE, np.float32), keywords)
    events = list(listen(ScriptedDetector(1.9, 2.4, 6.5, 9.05), recording))
    assert [
        (e.keyword and e.keyword.speaker, e.detection and e.detection.time) for e in events
    ] == [
        ("a", 1.9),
        (None, 2.4),
        ("b", None),
        (None, 6.5),
        ("c", 9.05),
    ]
    assert [event.is_hit for event in events] == [True, False, False, False, True]


def test_a_detection_too_long_after_the_keyword_is_a_false_accept() -> None:
    late_s = 1.8 + HIT_TOLERANCE_S + 0.05
    recording = Recording(np.zeros(4 * SAMPLE_RATE, np.float32), (spoken(1.0, 1.8, "a"),))
    events = list(listen(ScriptedDetector(late_s), recording))
    assert [event.is_hit for event in events] == [False, False]
