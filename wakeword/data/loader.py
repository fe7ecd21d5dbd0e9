"""Read clips as they are needed; remember by name what cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from wakeword.audio.levels import rms
from wakeword.audio.samples import Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.errors import AudioError, ManifestError
from wakeword.progress import ProgressCallback

MAX_BROKEN_SHARE = 0.1
_SHORTEST_WORD_S = 0.1
_SILENT_RMS = 1e-5


class ClipLoader:
    """Reads clips on demand.

    Attributes:
        broken: {file: reason} for every clip that could not be used so far.
    """

    def __init__(self) -> None:
        self.broken: dict[Path, str] = {}

    def load(self, clip: Clip) -> Samples | None:
        """Return (samples,) at 16 kHz, or None for an unreadable clip, whose reason is kept."""
        try:
            return clip.load()
        except AudioError as error:
            self.broken[clip.path] = str(error)
            return None


class KeywordClip(NamedTuple):
    """A keyword clip in memory; the bounds of the keyword in seconds of the clip."""

    clip: Clip
    samples: Samples
    start_s: float
    end_s: float


class KeywordBank(ClipLoader):
    """Keyword clips, noises and room impulse responses of a training, held in memory.

    Negatives are read when a training example needs them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keywords: list[KeywordClip] = []
        self.noises: list[Samples] = []
        self.rirs: list[Samples] = []

    @classmethod
    def read(cls, data: Dataset, progress: ProgressCallback | None = None) -> KeywordBank:
        """Read all keyword clips, noises and room impulse responses of a data set.

        Raises:
            ManifestError: more than a tenth of the keyword clips cannot be used.
        """
        bank = cls()
        total = len(data.keywords) + len(data.noises) + len(data.rirs)
        done = 0

        def read(clip: Clip) -> Samples | None:
            nonlocal done
            done += 1
            if progress:
                progress("reading clips", done, total)
            return bank.load(clip)

        for clip in data.keywords:
            samples = read(clip)
            if samples is None:
                continue
            start_s, end_s = clip.bounds(samples)
            if end_s - start_s < _SHORTEST_WORD_S or rms(samples) < _SILENT_RMS:
                bank.broken[clip.path] = f"{clip.path}: no word to be heard in it."
            else:
                bank.keywords.append(KeywordClip(clip, samples, start_s, end_s))
        check_broken(len(data.keywords) - len(bank.keywords), len(data.keywords), bank.broken)
        bank.noises = [s for clip in data.noises if (s := read(clip)) is not None]
        bank.rirs = [s for clip in data.rirs if (s := read(clip)) is not None]
        return bank


def check_broken(count: int, total: int, broken: dict[Path, str]) -> None:
    """Raise ManifestError, naming three, for a share of broken clips above `MAX_BROKEN_SHARE`."""
    if total and count / total > MAX_BROKEN_SHARE:
        some = "\n  ".join(list(broken.values())[:3])
        raise ManifestError(
            f"{count} of {total} clips cannot be used (more than {MAX_BROKEN_SHARE:.0%}), such as\n"
            f"  {some}\nRepair or remove them; `wakeword check` lists them all."
        )
