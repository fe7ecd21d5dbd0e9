"""What nearly or really sets a model off in recordings without the keyword: its best negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wakeword import audio, work
from wakeword.detector import Detector
from wakeword.errors import AudioError
from wakeword.evaluation.spread import Cores, Spread, Task, Tick
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
    spread: Spread | None = None,
) -> tuple[list[Mined], dict[Path, str]]:
    """The moments with the highest scores, from `score` up, no two within `BEFORE_S`.

    Returns at most `most` of them, the highest first, and the recordings that could not be read
    with the reason. `spread` is where the recordings are heard; None: on the cores here.
    """
    told = work.Counted("listening", len(recordings), progress)
    task = Task(
        partial(_heard, score), model, recordings, lambda _, more: told(more),
        failed=lambda each: bool(each[1]),
    )  # fmt: skip
    heard = (spread or Cores()).run(task)
    found = [mined for each, _ in heard for mined in each]
    broken = {path: why for path, (_, why) in zip(recordings, heard, strict=True) if why}
    return sorted(found, key=lambda each: (-each.score, each.recording, each.time_s))[:most], broken


def _heard(
    score: float, model: WakeWordModel, recording: Path, tick: Tick
) -> tuple[list[Mined], str]:
    """What is found in a recording, and why no more of it could be read ("": it could)."""
    detector = Detector(model, threshold=0.0)
    peaks: list[Detection] = []
    why = ""
    try:
        for block in audio.blocks(recording):
            peaks += detector.feed(block)
        peaks += detector.flush()
    except AudioError as error:
        why = str(error)
    tick(1)
    return _apart([peak for peak in peaks if peak.score >= score], recording), why


def _apart(peaks: Sequence[Detection], recording: Path) -> list[Mined]:
    kept: list[Mined] = []
    for peak in sorted(peaks, key=lambda each: -each.score):
        if all(abs(peak.time - other.time_s) >= BEFORE_S for other in kept):
            kept.append(Mined(recording, peak.keyword, peak.score, peak.time))
    return kept
