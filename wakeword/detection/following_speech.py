"""What is said after a keyword, cut out of the stream for a speech recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from wakeword.audio.endpointing import MARGIN_S, OVER_FLOOR_DB, find_utterance, levels_db
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection

PRE_ROLL_S = 0.2
"""The audio begins this long before the estimated end of the keyword, in seconds."""
WAIT_S = 5.0
"""Seconds after the keyword within which speech begins."""
_BEFORE_KEYWORD_S = 2.0  # of the stream, to learn the room's noise
_FLOOR_PERCENTILE = 10
_LEAST_DB = 3.0  # of speech, over the room's noise
_LONGEST_KEYWORD_S = 5.0


class FollowingSpeech(NamedTuple):
    """What is said after a keyword.

    Attributes:
        detection: of the keyword.
        samples: (samples,) at 16 kHz; none where nothing is said within `WAIT_S`.
        with_keyword: (samples,) at 16 kHz: the keyword and `samples`, for a recogniser whose
            transcript is cut behind the keyword; none where nothing is said.
    """

    detection: Detection
    samples: Samples
    with_keyword: Samples


class SpeechCollector:
    """Collects what is said after each keyword of a live stream.

    The audio begins `PRE_ROLL_S` before the estimated end of the keyword or, where a pause follows
    the keyword, 0.3 s before the speech. It ends 0.3 s after the speech, which a pause of 0.6 s
    ends. Speech is what is 12 dB louder than the two seconds before the keyword, or half as much
    louder as the keyword itself, if that is less. A further detection starts over: the earlier one
    is dropped.

        detector = Detector(model, keep_s=SpeechCollector.keep_s(longest_s=10.0))
        collector = SpeechCollector(detector, longest_s=10.0)
        for piece in stream:
            for speech in collector.feed(detector.feed(piece)):
                transcribe(speech.samples)

    Args:
        detector: of the stream, whose `keep_s` is at least that of `keep_s`.
        longest_s: cut the speech off after so long.
    """

    def __init__(self, detector: Detector, longest_s: float) -> None:
        self._detector, self._longest_s = detector, longest_s
        self._detection: Detection | None = None
        self._start_s = self._keyword_s = self._speech_db = 0.0

    @staticmethod
    def keep_s(longest_s: float) -> float:
        """Return the seconds of audio that the detector must keep."""
        return _BEFORE_KEYWORD_S + _LONGEST_KEYWORD_S + WAIT_S + longest_s

    def feed(self, detections: Sequence[Detection]) -> list[FollowingSpeech]:
        """Take what `Detector.feed` returned; return the speech that has ended since.

        Args:
            detections: those in the last samples of the stream, in order of time.
        """
        ended = []
        for detection in detections:
            ended += self._collect(until_s=detection.start)
            self._begin(detection)
        return ended + self._collect()

    def finish(self) -> list[FollowingSpeech]:
        """End the stream: return the speech that has not ended."""
        return self._collect(is_end=True)

    def _begin(self, detection: Detection) -> None:
        """Start to collect after a keyword, and settle which level is speech."""
        end_s = min(detection.end, detection.time)  # what follows may not be there yet
        start_s = max(min(detection.start, end_s), end_s - _LONGEST_KEYWORD_S)
        room, keyword = (
            levels_db(self._detector.audio(first_s, end_s), SAMPLE_RATE)
            for first_s in (max(0.0, start_s - _BEFORE_KEYWORD_S), start_s)
        )
        floor_db = float(np.percentile(room, _FLOOR_PERCENTILE)) if len(room) else -100.0
        above_db = float(keyword.max(initial=floor_db)) - floor_db
        self._speech_db = floor_db + min(OVER_FLOOR_DB, max(_LEAST_DB, above_db / 2))
        self._start_s = max(0.0, end_s - PRE_ROLL_S)
        self._keyword_s = max(0.0, start_s - MARGIN_S)
        self._detection = detection

    def _collect(
        self, until_s: float | None = None, *, is_end: bool = False
    ) -> list[FollowingSpeech]:
        """Return the speech after the last keyword if it has ended, up to a time of the stream."""
        if self._detection is None or (until_s is not None and until_s <= self._start_s):
            return []
        samples = self._detector.audio(self._start_s, until_s)
        utterance = find_utterance(
            samples, SAMPLE_RATE, longest_s=self._longest_s, speech_db=self._speech_db
        )
        waited = round((PRE_ROLL_S + WAIT_S) * SAMPLE_RATE)
        begins = len(samples) if utterance is None else utterance.first_sample(SAMPLE_RATE)
        if begins > waited or (utterance is None and is_end):
            speech = with_keyword = samples[:0]
        elif utterance is not None and (utterance.ended or is_end):
            speech = utterance.cut(samples, SAMPLE_RATE)
            end = min(utterance.end_sample(SAMPLE_RATE), len(samples))
            end_s = self._start_s + end / SAMPLE_RATE
            with_keyword = self._detector.audio(self._keyword_s, end_s)
        else:
            return []
        detection, self._detection = self._detection, None
        return [FollowingSpeech(detection, speech, with_keyword)]
