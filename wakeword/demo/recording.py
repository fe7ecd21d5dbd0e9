"""A recording of held-out voices, and the detections in it, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from wakeword.audio.levels import rms, set_level
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.evaluation.results import HIT_TOLERANCE_S
from wakeword.simulate.effects import coloured_noise
from wakeword.synthetic.dataset import is_natural
from wakeword.synthetic.noises import SPEECH_LEVEL_DB

_BLOCK = SAMPLE_RATE * 80 // 1000  # samples that a live microphone delivers at once
_MAX_DELAY_S = 2.0  # from the time of a detection to the audio that the detector needs for it
_NOISE_FLOOR_DB = -60.0  # dBFS


@dataclass(frozen=True)
class SpokenKeyword:
    """An occurrence of the keyword in a recording.

    Attributes:
        segment: where it is, in seconds of the recording.
        speaker: who says it.
    """

    segment: KeywordSegment
    speaker: str


@dataclass(frozen=True)
class Recording:
    """A recording with known occurrences of the keyword.

    Attributes:
        samples: (n,) at 16 kHz.
        keywords: occurrences of the keyword, in order.
    """

    samples: Samples
    keywords: tuple[SpokenKeyword, ...]

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True)
class RecordingEvent:
    """A hit (keyword and detection), a false accept (detection alone) or a miss (keyword alone).

    Attributes:
        time_s: in seconds of the recording; of a miss, the end of the keyword.
        keyword: the occurrence, unless it is a false accept.
        detection: the detection, unless it is a miss.
    """

    time_s: float
    keyword: SpokenKeyword | None
    detection: Detection | None

    @property
    def is_hit(self) -> bool:
        """Whether the keyword was spoken and detected."""
        return self.keyword is not None and self.detection is not None


def held_out_recording(data: Dataset, *, seed: int = 0, count: int = 6) -> Recording:
    """Join held-out clips to one recording: keywords, with other speech between them.

    Args:
        data: from `make_dataset`.
        seed: of all draws.
        count: occurrences of the keyword, each by another speaker; two thirds by natural voices.
    """
    part = data.subset("dev")
    rng = np.random.default_rng((seed, 77))
    natural = _one_per_speaker([clip for clip in part.keywords if is_natural(clip)], rng)
    formant = _one_per_speaker([clip for clip in part.keywords if not is_natural(clip)], rng)
    chosen = [*natural[: count - count // 3], *formant][:count]
    confusables = _shuffled([clip for clip in part.negatives if clip.is_confusable], rng)
    speech = _shuffled([clip for clip in part.negatives if not clip.is_confusable], rng)
    speech.sort(key=lambda clip: not is_natural(clip))
    pieces: list[Samples] = []
    keywords: list[SpokenKeyword] = []
    for i, keyword_clip in enumerate(_shuffled(chosen, rng)):
        between = [*speech[i : i + 1], *(confusables[i // 2 : i // 2 + 1] if i % 2 else [])]
        for clip in (*between, keyword_clip):
            pause_s = float(rng.uniform(0.5, 1.0))
            pieces.append(np.zeros(round(pause_s * SAMPLE_RATE), np.float32))
            samples = clip.load()
            if clip is keyword_clip:
                offset_s = sum(map(len, pieces)) / SAMPLE_RATE
                segment = KeywordSegment(clip.label or "?", *clip.bounds(samples))
                keywords.append(SpokenKeyword(segment.shifted(offset_s), clip.speaker or "?"))
            pieces.append(set_level(samples, SPEECH_LEVEL_DB, rms(samples)))
    pieces.append(np.zeros(SAMPLE_RATE, np.float32))
    joined = np.concatenate(pieces)
    noise = coloured_noise(len(joined), rng)
    return Recording(joined + set_level(noise, _NOISE_FLOOR_DB, rms(noise)), tuple(keywords))


def listen(detector: Detector, recording: Recording) -> Iterator[RecordingEvent]:
    """Feed a recording to a detector block by block, as a microphone does.

    Yields:
        Hits, false accepts and misses as they become known.
    """
    pending = list(recording.keywords)
    samples = recording.samples
    for start in range(0, len(samples) + 1, _BLOCK):
        block = samples[start : start + _BLOCK]
        detections = detector.feed(block)
        if len(block) < _BLOCK:
            detections = [*detections, *detector.flush()]
        for detection in detections:
            yield from _pop_missed(pending, detection.time)
            started = (each for each in pending if each.segment.start_s <= detection.time)
            match = next(started, None)
            if match:
                pending.remove(match)
            yield RecordingEvent(detection.time, match, detection)
        yield from _pop_missed(pending, (start + len(block)) / SAMPLE_RATE - _MAX_DELAY_S)
    yield from _pop_missed(pending, math.inf)


def _pop_missed(pending: list[SpokenKeyword], now_s: float) -> Iterator[RecordingEvent]:
    """Remove, as misses, the keywords that no detection from `now_s` on can match."""
    for keyword in [each for each in pending if each.segment.end_s + HIT_TOLERANCE_S < now_s]:
        pending.remove(keyword)
        yield RecordingEvent(keyword.segment.end_s, keyword, None)


def _one_per_speaker(clips: Sequence[Clip], rng: Generator) -> list[Clip]:
    return list({clip.speaker: clip for clip in _shuffled(clips, rng)}.values())


def _shuffled(clips: Sequence[Clip], rng: Generator) -> list[Clip]:
    return [clips[i] for i in rng.permutation(len(clips))]
