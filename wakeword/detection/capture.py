"""Capture of detections and near-threshold scores as clips to be labelled, bounded on disk."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from wakeword import storage
from wakeword.audio.files import audio_info, save_audio
from wakeword.audio.resampling import resample
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip
from wakeword.data.writer import append_clip
from wakeword.detection.trigger import Detection
from wakeword.legacy import upgrade_clip

BEFORE_S, AFTER_S = 2.2, 0.8
"""Seconds of audio in a clip before and after its moment."""
NEAR_THRESHOLD = 0.5
"""Share of the threshold from which a score is captured as near-threshold."""


@dataclass(frozen=True)
class CapturedClip:
    """A moment of a stream that was captured; the JSON file of a clip holds it.

    Attributes:
        keyword: which one.
        detected: False for a near-threshold score.
        score: from 0 to 1.
        time: seconds since the start of the stream.
    """

    keyword: str
    detected: bool
    score: float
    time: float


class TriggerCapture:
    """Saves the audio around the detections and near-threshold scores of one stream.

    Args:
        folder: for the clips, FLAC at 16 kHz, each with a JSON file of the same name.
        rate: of the stream, in Hz.
        thresholds: by keyword, as the detector has them.
        max_clips: clips in the folder; the oldest are deleted first.

    Attributes:
        saved: number of clips that were saved.

    Raises:
        ConfigError: the folder cannot be written.
    """

    def __init__(
        self, folder: Path, rate: int, thresholds: Mapping[str, float], max_clips: int = 500
    ) -> None:
        storage.check_writable(folder / "clip.flac")
        self._folder, self._rate, self._max_clips = folder, rate, max_clips
        self._thresholds = dict(thresholds)
        self._recent: Samples = np.zeros(0, dtype=np.float32)
        self._position = 0  # samples of the stream so far, of which `_recent` holds the last
        self._waiting: list[CapturedClip] = []  # for the audio after them
        self._near: dict[str, CapturedClip] = {}  # the best of each run of near-threshold scores
        self._detected_s: dict[str, float] = {}
        self.saved = 0

    def feed(
        self, block: Samples, detections: Sequence[Detection], scores: Mapping[str, float]
    ) -> None:
        """Take the next block of the stream.

        Args:
            block: (n,) samples.
            detections: those in the block.
            scores: of each keyword after it.
        """
        self._position += len(block)
        now_s = self._position / self._rate
        span = round((BEFORE_S + 2 * AFTER_S + 1.0) * self._rate)
        self._recent = np.concatenate([self._recent, block])[-span:]
        for each in detections:
            self._near.pop(each.keyword, None)
            self._detected_s[each.keyword] = each.time
            self._waiting.append(CapturedClip(each.keyword, True, each.score, each.time))
        for keyword, score in scores.items():
            best = max(
                NEAR_THRESHOLD * self._thresholds[keyword],
                self._near[keyword].score if keyword in self._near else 0.0,
            )
            just_detected = now_s - self._detected_s.get(keyword, -np.inf) < BEFORE_S
            if score > best and not just_detected:
                self._near[keyword] = CapturedClip(keyword, False, score, now_s)
        for keyword, near in list(self._near.items()):
            if now_s >= near.time + AFTER_S:  # no detection followed
                self._waiting.append(self._near.pop(keyword))
        self._save_due(now_s - AFTER_S)

    def finish(self) -> None:
        """End the stream: save what still waits for audio."""
        self._waiting += self._near.values()
        self._near.clear()
        self._save_due(self._position / self._rate)

    def _save_due(self, until_s: float) -> None:
        """Save the moments up to a time of the stream."""
        due = [each for each in self._waiting if each.time <= until_s]
        self._waiting = [each for each in self._waiting if each.time > until_s]
        for each in due:
            self._save(each)

    def _save(self, moment: CapturedClip) -> None:
        start = self._position - len(self._recent)
        first, last = (
            max(0, round(time_s * self._rate) - start)
            for time_s in (moment.time - BEFORE_S, moment.time + AFTER_S)
        )
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%f")
        keyword = re.sub(r"\W+", "-", moment.keyword)
        samples = resample(self._recent[first:last], self._rate, SAMPLE_RATE)
        write_clip(self._folder / f"{stamp}-{keyword}.flac", samples, moment)
        self.saved += 1
        if len(list(self._folder.glob("*.json"))) > self._max_clips:
            for oldest, _ in captured_clips(self._folder)[: -self._max_clips]:
                remove_clip(oldest)


def write_clip(path: Path, samples: Samples, moment: CapturedClip) -> None:
    """Write a clip to be labelled, and its JSON file.

    Args:
        path: of the audio file.
        samples: (samples,) at 16 kHz.
        moment: content of the JSON file.
    """
    save_audio(path, samples)
    with storage.atomic_write(path.with_suffix(".json")) as part:
        part.write_text(json.dumps(asdict(moment)), encoding="utf-8")


def captured_clips(folder: Path) -> list[tuple[Path, CapturedClip]]:
    """Return the clips of a folder that are to be labelled, oldest first."""
    clips = []
    for file in sorted(folder.glob("*.json")):
        try:
            metadata = upgrade_clip(json.loads(file.read_text(encoding="utf-8")))
            moment = CapturedClip(**metadata)
        except (AttributeError, TypeError, ValueError):
            continue  # of another program
        if (path := file.with_suffix(".flac")).is_file():
            clips.append((path, moment))
    return clips


def remove_clip(path: Path) -> None:
    """Delete a clip and its JSON file."""
    path.unlink(missing_ok=True)
    path.with_suffix(".json").unlink(missing_ok=True)


def label_clip(path: Path, keyword: str) -> Path:
    """Move a clip to the `reviewed` folder next to it, a dataset that `read_dataset` reads.

    Args:
        path: of the clip.
        keyword: the one in it; "" for anything else.

    Returns:
        The manifest of the dataset.
    """
    folder = path.parent / "reviewed"
    manifest = folder / "reviewed.jsonl"
    seconds = audio_info(path).seconds
    folder.mkdir(exist_ok=True)
    moved = path.replace(folder / path.name)
    append_clip(manifest, Clip(moved, keyword or None, source="reviewed", duration_s=seconds))
    remove_clip(path)
    return manifest
