"""What a detector heard or nearly heard, kept as clips to be labelled; bounded on disk."""

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

BEFORE_S, AFTER_S = 2.2, 0.8  # of sound kept around the moment
NEAR_THRESHOLD = 0.5  # share of the threshold from which a score is a near miss


@dataclass(frozen=True)
class CapturedClip:
    """A moment: `heard` is False for a near miss; `time` in seconds of the stream."""

    keyword: str
    heard: bool
    score: float
    time: float


class TriggerCapture:
    """Keeps the sound around detections and near misses of one stream.

    Args:
        folder: for the clips, FLAC at 16 kHz, each with a JSON file beside it.
        rate: of the sound, in Hz.
        thresholds: by keyword, as the detector has them.
        most: clips in the folder; the oldest go first.
    """

    def __init__(
        self, folder: Path, rate: int, thresholds: Mapping[str, float], most: int = 500
    ) -> None:
        storage.check_writable(folder / "clip.flac")
        self._folder, self._rate, self._most = folder, rate, most
        self._thresholds = dict(thresholds)
        self._sound: Samples = np.zeros(0, dtype=np.float32)
        self._end = 0  # samples of the stream so far, of which `_sound` holds the last
        self._waiting: list[CapturedClip] = []
        self._near: dict[str, CapturedClip] = {}
        self._heard_s: dict[str, float] = {}
        self.kept = 0

    def hear(self, block: Samples, found: Sequence[Detection], scores: Mapping[str, float]) -> None:
        """The next block of the stream, what was detected in it, and the scores after it."""
        self._end += len(block)
        now_s = self._end / self._rate
        span = round((BEFORE_S + 2 * AFTER_S + 1.0) * self._rate)
        self._sound = np.concatenate([self._sound, block])[-span:]
        for each in found:
            self._near.pop(each.keyword, None)
            self._heard_s[each.keyword] = each.time
            self._waiting.append(CapturedClip(each.keyword, True, each.score, each.time))
        for word, score in scores.items():
            best = max(
                NEAR_THRESHOLD * self._thresholds[word],
                self._near[word].score if word in self._near else 0.0,
            )
            just_heard = now_s - self._heard_s.get(word, -np.inf) < BEFORE_S
            if score > best and not just_heard:
                self._near[word] = CapturedClip(word, False, score, now_s)
        for word, near in list(self._near.items()):
            if now_s >= near.time + AFTER_S:  # nothing was detected after it
                self._waiting.append(self._near.pop(word))
        self._save_due(now_s - AFTER_S)

    def finish(self) -> None:
        """The stream has ended."""
        self._waiting += self._near.values()
        self._near.clear()
        self._save_due(self._end / self._rate)

    def _save_due(self, until_s: float) -> None:
        due = [each for each in self._waiting if each.time <= until_s]
        self._waiting = [each for each in self._waiting if each.time > until_s]
        for each in due:
            self._save(each)

    def _save(self, moment: CapturedClip) -> None:
        begins = self._end - len(self._sound)
        first, last = (
            max(0, round(t * self._rate) - begins)
            for t in (moment.time - BEFORE_S, moment.time + AFTER_S)
        )
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%f")
        word = re.sub(r"\W+", "-", moment.keyword)
        sound = resample(self._sound[first:last], self._rate, SAMPLE_RATE)
        write_clip(self._folder / f"{stamp}-{word}.flac", sound, moment)
        self.kept += 1
        if len(list(self._folder.glob("*.json"))) > self._most:
            for old, _ in captured_clips(self._folder)[: -self._most]:
                remove_clip(old)


def write_clip(clip: Path, sound: Samples, moment: CapturedClip) -> None:
    """Write a clip that waits for a label: (samples,) at 16 kHz, and what is said of it."""
    save_audio(clip, sound)
    with storage.atomic_write(clip.with_suffix(".json")) as part:
        part.write_text(json.dumps(asdict(moment)), encoding="utf-8")


def captured_clips(folder: Path) -> list[tuple[Path, CapturedClip]]:
    """The clips of a folder that wait for a label, oldest first."""
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            about = CapturedClip(**json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            continue  # not ours
        if (clip := file.with_suffix(".flac")).is_file():
            found.append((clip, about))
    return found


def remove_clip(clip: Path) -> None:
    """A clip and what is said of it."""
    clip.unlink(missing_ok=True)
    clip.with_suffix(".json").unlink(missing_ok=True)


def label_clip(clip: Path, keyword: str) -> Path:
    """Move a clip to the `reviewed` folder beside it: a manifest that `read_dataset` reads.

    Args:
        keyword: what is said in it; "" for anything else.
    """
    folder = clip.parent / "reviewed"
    manifest = folder / "reviewed.jsonl"
    seconds = audio_info(clip).seconds
    folder.mkdir(exist_ok=True)
    moved = clip.replace(folder / clip.name)
    append_clip(manifest, Clip(moved, keyword or None, source="reviewed", duration_s=seconds))
    remove_clip(clip)
    return manifest
