"""Data sets of a phrase in synthetic voices, which `wakeword train`, `eval` and `check` read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import normalised_words
from wakeword.data.writer import write_manifest
from wakeword.errors import ConfigError
from wakeword.progress import ProgressCallback
from wakeword.synthetic.noises import write_noises
from wakeword.synthetic.plan import (
    Counts,
    Phrase,
    count_clips,
    plan_joined,
    plan_takes,
)
from wakeword.synthetic.takes import (
    JoinedTake,
    Take,
    missing_takes,
    synthesis_seconds,
    synthesise_takes,
)
from wakeword.tts.languages import check_engines, list_language_voices
from wakeword.tts.voices import ENGINES, Voice, list_voices, split_voices

TAKES = 2
"""Clips of the phrase in each voice, and as many without it."""
_JOINED_SHARE = 0.25  # of the clips of the phrase: once more, with other speech around it
_MIN_TRAIN_SPEAKERS = 2  # one of them is held out for epoch and threshold
_OWN_FOLDERS = {"clips", "noise"}


@dataclass(frozen=True)
class SpeechPlan:
    """The clips of a data set, before they are synthesised.

    Attributes:
        phrase: to detect.
        takes: clips to synthesise.
        joined: clips of the phrase with other speech before or after it.
        seed: of all draws.
    """

    phrase: Phrase
    takes: tuple[Take, ...]
    joined: tuple[JoinedTake, ...]
    seed: int

    def missing(self, folder: Path) -> list[Take]:
        """Return the takes that a folder does not hold yet."""
        return missing_takes(self.takes, folder)

    def seconds(self, folder: Path) -> float:
        """Return about how long the missing takes need on the cores of this machine."""
        return synthesis_seconds(self.missing(folder))


def plan_speech(
    phrase: Phrase,
    *,
    engines: Collection[str] = (),
    takes: int = TAKES,
    others: int = TAKES,
    seed: int = 0,
) -> SpeechPlan:
    """Plan a data set of a phrase in all voices that can be used.

    Args:
        phrase: to detect; one with phonemes is spoken by Kokoro's voices alone.
        engines: names of the engines to use; () is all that are ready.
        takes: clips of the phrase in each voice; engines of a single voice speak more often, and
            so do natural voices that are held out.
        others: clips without it in each voice: confusable phrases and sentences.
        seed: of all draws.

    Raises:
        ConfigError: the phrase cannot be spoken, unknown or missing engines or language, or too
            few voices to train on some and hold out others.
    """
    voices = _voices(phrase, engines)
    phrase.check()
    train, held_out = split_voices(voices)
    speakers = len({voice.speaker for voice in train})
    if speakers < _MIN_TRAIN_SPEAKERS or not held_out:
        used = ", ".join(sorted({voice.engine for voice in voices}))
        raise ConfigError(
            f"the voices of {used} are too few: {speakers} to train on and {len(held_out)} to hold "
            f"out, expected {_MIN_TRAIN_SPEAKERS} and 1 at least. Use more engines: "
            f"{', '.join(ENGINES)}."
        )
    return plan_dataset(phrase, voices, count_clips(voices, takes, others), _JOINED_SHARE, seed)


def plan_dataset(
    phrase: Phrase,
    voices: Sequence[Voice],
    counts: Counts,
    joined_share: float,
    seed: int,
    *,
    similar: bool = True,
) -> SpeechPlan:
    """Plan a data set of given size.

    Args:
        phrase: to detect.
        voices: who speaks.
        counts: number of clips.
        joined_share: clips of the phrase with other speech around it, relative to those without.
        seed: of all draws.
        similar: as in `plan_takes`.
    """
    takes = tuple(plan_takes(phrase, voices, counts, seed, similar=similar))
    return SpeechPlan(phrase, takes, tuple(plan_joined(takes, joined_share, seed)), seed)


def make_dataset(
    folder: Path,
    plan: SpeechPlan,
    *,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> Dataset:
    """Synthesise a data set into a folder; clips of an earlier run are used again.

    Writes clips/, noise/ and a manifest that is named after the phrase. A folder may hold data sets
    of several phrases; read as a whole, it has them all as keywords.

    Args:
        folder: to write into.
        plan: from `plan_speech`.
        workers: processes, more than one of which are started by spawn; None is one per core.
        progress: called after each clip.

    Raises:
        ConfigError: the folder holds other files, or cannot be written.
    """
    check_folder(folder)
    synthesise_takes(plan.takes, folder, workers, progress)
    keyword = plan.phrase.text
    clips = [take.clip(folder, keyword) for take in plan.takes]
    joined = [each.write(folder, keyword) for each in plan.joined]
    data = Dataset(
        folder,
        "JSONL manifest",
        keywords=(*(clip for clip in clips if clip.label), *joined),
        negatives=tuple(clip for clip in clips if not clip.label),
        noises=write_noises(plan.takes, folder, slug(keyword), plan.seed),
    )
    write_manifest(data, manifest_of(folder, plan.phrase))
    return data


def manifest_of(folder: Path, phrase: Phrase) -> Path:
    """Return the manifest of a phrase's data set in a folder."""
    return folder / f"{slug(phrase.text)}.jsonl"


def check_folder(folder: Path) -> None:
    """Check that a folder is missing, empty, or one that `make_dataset` has written.

    Raises:
        ConfigError: it holds other files, which a manifest would hide from those who read it.
    """
    if folder.is_file():
        raise ConfigError(f"{folder}: is a file. Expected a folder for the clips.")
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    others = [
        entry.name
        for entry in entries
        if not entry.name.startswith(".")
        and entry.name not in _OWN_FOLDERS
        and entry.suffix not in (".jsonl", ".part")
    ]
    if others:
        raise ConfigError(
            f"{folder}: holds other files ({', '.join(others[:3])}). Give the synthetic clips a "
            "folder of their own."
        )


def slug(keyword: str) -> str:
    """Return a keyword as a file name: "hey jarvis" → "hey-jarvis"."""
    return "-".join(normalised_words(keyword)) or "keyword"


def is_natural(clip: Clip) -> bool:
    """Whether a synthetic clip is in a voice trained on recordings of a person."""
    return not (clip.source or "").endswith("/espeak")


def _voices(phrase: Phrase, engines: Collection[str]) -> list[Voice]:
    if not phrase.phonemes:
        return list_language_voices(phrase.language, engines)
    if others := sorted({*engines} - {"kokoro"}):
        raise ConfigError(f"{', '.join(others)} takes no phonemes: only Kokoro's voices do.")
    check_engines(["kokoro"])
    return [voice for voice in list_voices() if voice.engine == "kokoro"]
