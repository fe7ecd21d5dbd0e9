"""What nearly or really sets a model off in recordings without the keyword: its best negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeword import audio
from wakeword.detector import Detector
from wakeword.errors import AudioError
from wakeword.model import WakeWordModel
from wakeword.trigger import Detection
from wakeword.work import Progress

BEFORE_S, AFTER_S = 3.0, 1.0  # of sound kept around the moment


@dataclass(frozen=True)
class Mined:
    """A moment at which a model took something for a keyword; seconds of its recording."""

    recording: Path
    keyword: str
    score: float
    time_s: float

    @property
    def start_s(self) -> float:
        return max(0.0, self.time_s - BEFORE_S)

    @property
    def seconds(self) -> float:
        return self.time_s - self.start_s + AFTER_S


def mine(
    model: WakeWordModel,
    recordings: Sequence[Path],
    *,
    score: float,
    most: int,
    progress: Progress | None = None,
) -> tuple[list[Mined], dict[Path, str]]:
    """The moments with the highest scores, from `score` up, no two within `BEFORE_S`.

    Returns at most `most` of them, the highest first, and the recordings that could not be read
    with the reason.
    """
    detector = Detector(model, threshold=0.0)
    found: list[Mined] = []
    broken: dict[Path, str] = {}
    for number, recording in enumerate(recordings):
        detector.reset()
        peaks: list[Detection] = []
        try:
            for block in audio.blocks(recording):
                peaks += detector.feed(block)
            peaks += detector.flush()
        except AudioError as error:
            broken[recording] = str(error)
        found += _apart([peak for peak in peaks if peak.score >= score], recording)
        if progress:
            progress("listening", number + 1, len(recordings))
    return sorted(found, key=lambda each: (-each.score, each.recording, each.time_s))[:most], broken


def _apart(peaks: Sequence[Detection], recording: Path) -> list[Mined]:
    kept: list[Mined] = []
    for peak in sorted(peaks, key=lambda each: -each.score):
        if all(abs(peak.time - other.time_s) >= BEFORE_S for other in kept):
            kept.append(Mined(recording, peak.keyword, peak.score, peak.time))
    return kept
