"""The sound of clips, read as it is needed; what cannot be read is remembered by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wakeword.audio import Samples
from wakeword.data.clips import Clip, Dataset
from wakeword.errors import AudioError, ManifestError
from wakeword.mixing import rms
from wakeword.work import Progress

MAX_BROKEN_SHARE = 0.1


@dataclass
class Library:
    """The clips of a training, read as they are needed; broken ones are remembered by name."""

    keywords: list[tuple[Clip, Samples, float, float]]  # clip, audio, start and end in seconds
    noises: list[Samples]
    rooms: list[Samples]
    broken: dict[Path, str]

    @classmethod
    def read(cls, data: Dataset, progress: Progress | None = None) -> Library:
        """Read keyword clips, noises and rooms whole; negatives are read when a scene is made.

        Raises ManifestError when more than a tenth of the keyword clips cannot be used.
        """
        library = cls([], [], [], {})
        total = len(data.keywords) + len(data.noises) + len(data.rooms)
        done = 0

        def read(clip: Clip) -> Samples | None:
            nonlocal done
            done += 1
            if progress:
                progress("reading clips", done, total)
            return library.load(clip)

        for clip in data.keywords:
            samples = read(clip)
            if samples is not None:
                start_s, end_s = clip.bounds(samples)
                if end_s - start_s < 0.1 or rms(samples) < 1e-5:
                    library.broken[clip.path] = f"{clip.path}: no word to be heard in it."
                else:
                    library.keywords.append((clip, samples, start_s, end_s))
        check_broken(len(data.keywords) - len(library.keywords), len(data.keywords), library.broken)
        library.noises = [s for clip in data.noises if (s := read(clip)) is not None]
        library.rooms = [s for clip in data.rooms if (s := read(clip)) is not None]
        return library

    def load(self, clip: Clip) -> Samples | None:
        """A clip's audio, or None with the reason remembered."""
        try:
            return clip.load()
        except AudioError as error:
            self.broken[clip.path] = str(error)
            return None


def check_broken(count: int, total: int, broken: dict[Path, str]) -> None:
    """Raises ManifestError when too large a share of clips cannot be used, naming three."""
    if total and count / total > MAX_BROKEN_SHARE:
        some = "\n  ".join(list(broken.values())[:3])
        raise ManifestError(
            f"{count} of {total} clips cannot be used (more than {MAX_BROKEN_SHARE:.0%}), such as\n"
            f"  {some}\nMend or remove them; `wakeword check` lists them all."
        )
