"""What nearly or really sets a model off in recordings without the keyword: its best negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wakeword.audio.files import iter_audio
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.errors import AudioError
from wakeword.model.network import WakeWordModel
from wakeword.parallel import Executor, JobBatch, JobProgress, LocalExecutor
from wakeword.progress import ProgressCallback, ProgressCounter

BEFORE_S, AFTER_S = 3.0, 1.0  # of sound kept around the moment


@dataclass(frozen=True)
class MinedClip:
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


def mine_recordings(
    model: WakeWordModel,
    recordings: Sequence[Path],
    *,
    score: float,
    most: int,
    progress: ProgressCallback | None = None,
    spread: Executor | None = None,
) -> tuple[list[MinedClip], dict[Path, str]]:
    """The moments with the highest scores, from `score` up, no two within `BEFORE_S`.

    Returns at most `most` of them, the highest first, and the recordings that could not be read
    with the reason. `spread` is where the recordings are heard; None: on the cores here.
    """
    told = ProgressCounter("listening", len(recordings), progress)
    task = JobBatch(
        partial(_heard, score), model, recordings, lambda _, more: told(more),
        failed=lambda each: bool(each[1]),
    )  # fmt: skip
    heard = (spread or LocalExecutor()).run(task)
    found = [mined for each, _ in heard for mined in each]
    broken = {path: why for path, (_, why) in zip(recordings, heard, strict=True) if why}
    return sorted(found, key=lambda each: (-each.score, each.recording, each.time_s))[:most], broken


def _heard(
    score: float, model: WakeWordModel, recording: Path, tick: JobProgress
) -> tuple[list[MinedClip], str]:
    """What is found in a recording, and why no more of it could be read ("": it could)."""
    detector = Detector(model, threshold=0.0)
    peaks: list[Detection] = []
    why = ""
    try:
        for block in iter_audio(recording):
            peaks += detector.feed(block)
        peaks += detector.flush()
    except AudioError as error:
        why = str(error)
    tick(1)
    return _apart([peak for peak in peaks if peak.score >= score], recording), why


def _apart(peaks: Sequence[Detection], recording: Path) -> list[MinedClip]:
    kept: list[MinedClip] = []
    for peak in sorted(peaks, key=lambda each: -each.score):
        if all(abs(peak.time - other.time_s) >= BEFORE_S for other in kept):
            kept.append(MinedClip(recording, peak.keyword, peak.score, peak.time))
    return kept
