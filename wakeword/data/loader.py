"""Load clips on demand; collect the clips that cannot be used, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from wakeword.audio.levels import rms
from wakeword.audio.samples import Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.talkers import choose_talkers
from wakeword.errors import AudioError, ManifestError
from wakeword.progress import ProgressCallback

MAX_BROKEN_SHARE = 0.1
"""A larger share of unusable clips is an error."""
_SHORTEST_KEYWORD_S = 0.1
_SILENT_RMS = 1e-5


class ClipLoader:
    """Loads clips on demand.

    Attributes:
        broken: {file: reason} of the clips that could not be used so far.
    """

    def __init__(self) -> None:
        self.broken: dict[Path, str] = {}

    def load(self, clip: Clip) -> Samples | None:
        """Return (samples,) float32 at 16 kHz, or None for a clip that is added to `broken`."""
        try:
            return clip.load()
        except AudioError as error:
            self.broken[clip.path] = str(error)
            return None


class KeywordClip(NamedTuple):
    """A keyword clip in memory: (samples,) at 16 kHz; bounds in seconds from the clip's start."""

    clip: Clip
    samples: Samples
    start_s: float
    end_s: float


class KeywordBank(ClipLoader):
    """The keyword clips and all that augmentation plays with them, held in memory.

    Negatives are loaded when a training example needs them.

    Attributes:
        keywords: the usable keyword clips.
        noises: (samples,) of each usable noise, at 16 kHz.
        rirs: (samples,) of each usable room impulse response, at 16 kHz.
        talkers: (samples,) of the negatives that are played as competing speech, at 16 kHz.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keywords: list[KeywordClip] = []
        self.noises: list[Samples] = []
        self.rirs: list[Samples] = []
        self.talkers: list[Samples] = []

    @classmethod
    def read(cls, data: Dataset, progress: ProgressCallback | None = None) -> KeywordBank:
        """Load all keyword clips, noises, room impulse responses and talkers of a data set.

        Args:
            data: clips to load.
            progress: called after each clip.

        Raises:
            ManifestError: more than `MAX_BROKEN_SHARE` of the keyword clips cannot be used.
        """
        bank = cls()
        talkers = choose_talkers(data.negatives)
        total = len(data.keywords) + len(data.noises) + len(data.rirs) + len(talkers)
        done = 0

        def load(clip: Clip) -> Samples | None:
            nonlocal done
            done += 1
            if progress:
                progress("reading clips", done, total)
            return bank.load(clip)

        for clip in data.keywords:
            samples = load(clip)
            if samples is None:
                continue
            start_s, end_s = clip.bounds(samples)
            if end_s - start_s < _SHORTEST_KEYWORD_S or rms(samples) < _SILENT_RMS:
                bank.broken[clip.path] = f"{clip.path}: contains no audible keyword."
            else:
                bank.keywords.append(KeywordClip(clip, samples, start_s, end_s))
        check_broken(len(data.keywords) - len(bank.keywords), len(data.keywords), bank.broken)
        bank.noises = [s for clip in data.noises if (s := load(clip)) is not None]
        bank.rirs = [s for clip in data.rirs if (s := load(clip)) is not None]
        bank.talkers = [s for clip in talkers if (s := load(clip)) is not None]
        return bank


def check_broken(count: int, total: int, broken: dict[Path, str]) -> None:
    """Raise an error if too large a share of clips cannot be used.

    Args:
        count: number of unusable clips.
        total: number of clips.
        broken: {file: reason}; the message names the first three.

    Raises:
        ManifestError: the share is above `MAX_BROKEN_SHARE`.
    """
    if total and count / total > MAX_BROKEN_SHARE:
        examples = "\n  ".join(list(broken.values())[:3])
        raise ManifestError(
            f"{count} of {total} clips cannot be used (more than {MAX_BROKEN_SHARE:.0%}), such as\n"
            f"  {examples}\nRepair or remove them; `wakeword check` lists all of them."
        )
