"""Takes: clips to synthesise, each with a file of its own; existing files are not made again."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from wakeword.audio.files import audio_info, load_audio, save_audio
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip
from wakeword.parallel import available_cores
from wakeword.progress import ProgressCallback
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import ENGINES, Voice

Kind = Literal["keyword", "confusable", "speech"]
Split = Literal["train", "dev"]

_MIN_JOBS_FOR_PROCESSES = 10  # fewer are synthesised before processes would have started
_SENTENCE_PHRASES = 2.0  # a sentence takes about as long as this many phrases
_STABLE_NAMES: Mapping[Kind, str] = {
    "keyword": "keyword",
    "confusable": "near-miss",
    "speech": "speech",
}
"""Kinds as file names and seeds spell them, so that clips of earlier versions are used again."""

_LONGEST_OTHER_S = 2.5  # of other speech in a joined clip

_Job = TypeVar("_Job")


def stable_name(kind: Kind) -> str:
    """Return a kind as file names and seeds spell it."""
    return _STABLE_NAMES[kind]


@dataclass(frozen=True)
class Take:
    """One clip to synthesise.

    Attributes:
        kind: what the text is.
        split: "train" or "dev".
        text: to speak, with its punctuation.
        voice: who speaks.
        speed, pitch, seed: as in `synthesise`; pitch in semitones.
        phonemes: of the text, for Kokoro's voices; "" leaves the pronunciation to the engine.
    """

    kind: Kind
    split: Split
    text: str
    voice: Voice
    speed: float
    pitch: float
    seed: int
    phonemes: str = ""

    @property
    def file(self) -> str:
        """The clip's path below the data set's folder; its name depends on all of its content."""
        spoken = (self.phonemes,) if self.phonemes else ()
        digest = _digest(self.text, self.speed, self.pitch, self.seed, *spoken)
        return f"clips/{_STABLE_NAMES[self.kind]}/{self.voice.id}_{digest}.flac"

    @property
    def source(self) -> str:
        """The clip's source in the data set, such as "confusable/espeak"."""
        return f"{self.kind}/{self.voice.engine}"

    @property
    def seconds(self) -> float:
        """Seconds of one core that its synthesis takes, about."""
        phrases = _SENTENCE_PHRASES if self.kind == "speech" else 1.0
        return phrases * ENGINES[self.voice.engine].seconds

    def clip(self, folder: Path, keyword: str) -> Clip:
        """Return the synthesised clip; `keyword` is the label where the kind is "keyword"."""
        path = folder / self.file
        return Clip(
            path,
            label=keyword if self.kind == "keyword" else None,
            speaker=self.voice.speaker,
            split=self.split,
            source=self.source,
            text=self.text,
            duration_s=audio_info(path).seconds,
        )


@dataclass(frozen=True)
class JoinedTake:
    """A clip of the keyword and one of other speech as one, so that the keyword's span is known.

    Attributes:
        keyword: the take of the keyword.
        other: the take of other speech, by the same speaker.
        keyword_first: whether the keyword comes before the other speech.
        pause_s: between both, in seconds.
    """

    keyword: Take
    other: Take
    keyword_first: bool
    pause_s: float

    @property
    def file(self) -> str:
        """The clip's path below the data set's folder."""
        digest = _digest(self.keyword.file, self.other.file, self.keyword_first, self.pause_s)
        return f"clips/keyword/{self.keyword.voice.id}_joined_{digest}.flac"

    def write(self, folder: Path, keyword: str) -> Clip:
        """Join both clips, which exist; return the clip with the span of the keyword."""
        said, other = (_trimmed(load_audio(folder / t.file)) for t in (self.keyword, self.other))
        longest = round(_LONGEST_OTHER_S * SAMPLE_RATE)
        other = other[:longest] if self.keyword_first else other[-longest:]
        pause = np.zeros(round(self.pause_s * SAMPLE_RATE), np.float32)
        pieces = [said, pause, other] if self.keyword_first else [other, pause, said]
        joined = np.concatenate(pieces)
        if not (folder / self.file).is_file():
            save_audio(folder / self.file, joined)
        start_s = 0.0 if self.keyword_first else (len(joined) - len(said)) / SAMPLE_RATE
        return Clip(
            folder / self.file,
            label=keyword,
            speaker=self.keyword.voice.speaker,
            split=self.keyword.split,
            source=self.keyword.source,
            duration_s=len(joined) / SAMPLE_RATE,
            start_s=start_s,
            end_s=start_s + len(said) / SAMPLE_RATE,
        )


def synthesise_takes(
    takes: Sequence[Take],
    folder: Path,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> None:
    """Write the clips that do not exist yet, those of the slowest engine first.

    Args:
        takes: what to synthesise.
        folder: of the data set.
        workers: processes, more than one of which are started by spawn; None is one per core.
        progress: called after each clip.
    """
    missing = missing_takes(takes, folder)
    missing.sort(key=lambda take: take.voice.engine != "kokoro")
    run_jobs(partial(_synthesise_take, folder), missing, "synthesising clips", workers, progress)


def missing_takes(takes: Iterable[Take], folder: Path) -> list[Take]:
    """Return the takes whose files do not exist yet."""
    return [take for take in takes if not (folder / take.file).is_file()]


def synthesis_seconds(takes: Iterable[Take]) -> float:
    """Return about how long the synthesis takes on this machine's cores, in seconds."""
    return sum(take.seconds for take in takes) / available_cores()


def run_jobs(
    function: Callable[[_Job], None],
    jobs: Sequence[_Job],
    stage: str,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> None:
    """Call a function for each job, in processes where there are many: each loads its engines.

    Args:
        function: that another process can import.
        jobs: its arguments.
        stage: name for `progress`.
        workers: processes, more than one of which are started by spawn; None is one per core.
        progress: called after each job.
    """

    def report(finished: Iterable[None]) -> None:
        for done, _ in enumerate(finished, start=1):
            if progress:
                progress(stage, done, len(jobs))

    workers = available_cores() if workers is None else workers
    if workers < 2 or len(jobs) < _MIN_JOBS_FOR_PROCESSES:
        report(map(function, jobs))
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        report(pool.imap_unordered(function, jobs))


def _synthesise_take(folder: Path, take: Take) -> None:
    speak = partial(
        synthesise, voice=take.voice, speed=take.speed, pitch=take.pitch, seed=take.seed
    )
    samples = speak(take.phonemes, phonemes=True) if take.phonemes else speak(take.text)
    save_audio(folder / take.file, samples)


def _trimmed(samples: Samples) -> Samples:
    """Return speech without the silence before and after it."""
    loud = np.flatnonzero(np.abs(samples) > 0.02 * float(np.abs(samples).max(initial=0.0)))
    return samples[loud[0] : loud[-1] + 1] if loud.size else samples


def _digest(*content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:10]
