"""Hard-negative mining: the highest scores of a model in recordings without the keyword."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wakeword import storage
from wakeword.audio.files import audio_info, iter_audio, load_audio, save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip
from wakeword.data.writer import manifest_row, write_rows
from wakeword.detection.capture import CapturedClip, write_clip
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.errors import AudioError, ManifestError
from wakeword.model.two_stage import AnyModel
from wakeword.parallel import Executor, JobBatch, JobProgress, LocalExecutor
from wakeword.progress import ProgressCallback, ProgressCounter

BEFORE_S, AFTER_S = 3.0, 1.0
"""Seconds of audio kept before and after a score peak."""

MANIFEST = "mined.jsonl"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MinedClip:
    """A score peak in a recording, and the audio around it.

    Attributes:
        time_s: of the peak, in seconds of the recording.
    """

    recording: Path
    keyword: str
    score: float
    time_s: float

    @property
    def start_s(self) -> float:
        """Start of the audio kept, in seconds of the recording."""
        return max(0.0, self.time_s - BEFORE_S)

    @property
    def seconds(self) -> float:
        """Length of the audio kept."""
        return self.time_s - self.start_s + AFTER_S


def mine_recordings(
    model: AnyModel,
    recordings: Sequence[Path],
    *,
    score: float,
    most: int,
    progress: ProgressCallback | None = None,
    executor: Executor | None = None,
) -> tuple[list[MinedClip], dict[Path, str]]:
    """Find the highest scores of a model in recordings, no two within `BEFORE_S`.

    Args:
        model: to mine for.
        recordings: to search.
        score: lowest score to keep, from 0 to 1.
        most: clips to return.
        progress: called with the seconds of audio done.
        executor: where the recordings are scored; None uses the cores of this machine.

    Returns:
        The clips, highest score first, and {recording: reason} for those that cannot be read.
    """
    seconds = {path: _whole_seconds(path) for path in recordings}
    counter = ProgressCounter("mining, seconds of audio", sum(seconds.values()), progress)
    batch = JobBatch(
        partial(_mine_recording, score), model, recordings, lambda _, more: counter(more),
        size=seconds.__getitem__, failed=lambda result: bool(result[1]),
    )  # fmt: skip
    results = (executor or LocalExecutor()).run(batch)
    clips = [clip for mined, _ in results for clip in mined]
    broken = {path: why for path, (_, why) in zip(recordings, results, strict=True) if why}
    _log.info("%d peaks of %g or more in %d recordings", len(clips), score, len(recordings))
    return sorted(clips, key=lambda c: (-c.score, c.recording, c.time_s))[:most], broken


def check_output_folder(folder: Path) -> None:
    """Check before a long search that mined clips can be written to a folder.

    Raises:
        ManifestError: it holds mined clips or clips to review already.
        ConfigError: it cannot be written.
    """
    for existing in (folder / MANIFEST, *folder.glob("*.json")):
        if existing.exists():
            raise ManifestError(
                f"{existing} exists already. Choose another folder, or remove this one."
            )
    storage.check_writable(folder / MANIFEST)


def write_negatives(clips: Sequence[MinedClip], folder: Path) -> Path:
    """Write mined clips as FLAC files with a manifest that `read_dataset` reads as negatives.

    Returns:
        The manifest.

    Raises:
        ConfigError: the folder cannot be written.
    """
    rows = []
    for number, mined in enumerate(clips):
        file = folder / f"{number:05d}.flac"
        save_audio(file, _audio(mined))
        row = manifest_row(
            Clip(file, source="mined"),
            folder,
            recording=mined.recording.name,
            time=mined.time_s,
            keyword=mined.keyword,
            score=mined.score,
        )
        rows.append(row)
    write_rows(folder / MANIFEST, rows)
    return folder / MANIFEST


def write_for_review(clips: Sequence[MinedClip], folder: Path, model: AnyModel) -> None:
    """Write mined clips that may hold the keyword, for `wakeword review`.

    Args:
        clips: to write.
        folder: to write to.
        model: by whose thresholds a clip counts as a detection.

    Raises:
        ConfigError: the folder cannot be written.
    """
    for number, mined in enumerate(clips):
        detected = mined.score >= model.operating_point.thresholds[mined.keyword]
        captured = CapturedClip(mined.keyword, detected, mined.score, mined.time_s)
        write_clip(folder / f"{number:05d}.flac", _audio(mined), captured)


def _audio(mined: MinedClip) -> Samples:
    return load_audio(mined.recording, offset_s=mined.start_s, duration_s=mined.seconds)


def _mine_recording(
    score: float, model: AnyModel, recording: Path, report: JobProgress
) -> tuple[list[MinedClip], str]:
    """Return the peaks of a recording, and why it could not be read to its end ("": it could)."""
    detector = Detector(model, threshold=0.0)
    peaks: list[Detection] = []
    reason, samples, reported = "", 0, 0
    try:
        for block in iter_audio(recording):
            peaks += detector.feed(block)
            samples += len(block)
            report(samples // SAMPLE_RATE - reported)
            reported = samples // SAMPLE_RATE
        peaks += detector.flush()
    except AudioError as error:
        reason = str(error)
    report(_whole_seconds(recording) - reported)
    return _separate_peaks([peak for peak in peaks if peak.score >= score], recording), reason


def _whole_seconds(recording: Path) -> int:
    """Return the length of a recording in seconds, 0 for one that cannot be read."""
    try:
        return int(audio_info(recording).seconds)
    except AudioError:
        return 0


def _separate_peaks(peaks: Sequence[Detection], recording: Path) -> list[MinedClip]:
    """Keep the highest peaks, no two within `BEFORE_S` of each other."""
    kept: list[MinedClip] = []
    for peak in sorted(peaks, key=lambda each: -each.score):
        if all(abs(peak.time - other.time_s) >= BEFORE_S for other in kept):
            kept.append(MinedClip(recording, peak.keyword, peak.score, peak.time))
    return kept
