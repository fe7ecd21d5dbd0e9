"""Speech in several languages as further negatives of a training."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from wakeword import storage
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.progress import ProgressCallback
from wakeword.synthetic.takes import Take, missing_takes, synthesis_seconds, synthesise_takes
from wakeword.tts.engine import INSTALL_COMMAND
from wakeword.tts.kokoro import HOW_TO_FETCH
from wakeword.tts.languages import to_phonemes
from wakeword.tts.mandarin import MANDARIN, random_phrase
from wakeword.tts.voices import ENGINES, Voice, all_voices, split_voices
from wakeword.tts.words import random_speech

HOURS_PER_LANGUAGE = 0.02
"""Hours of speech in each language."""
_SPEAKERS = {MANDARIN: "z", "es": "e", "fr": "f", "hi": "h", "it": "i", "pt-br": "p"}
"""Language → how the names of Kokoro's voices by its speakers begin."""
_OWN_SPEAKERS_SHARE = 0.6  # of the phrases; the others are in any voice
_PHONEMES_PER_S = 14.0  # about, to plan how many phrases make an hour


@dataclass(frozen=True)
class LanguagePlan:
    """Phrases in several languages, before they are synthesised.

    Attributes:
        takes: by language.
    """

    takes: Mapping[str, tuple[Take, ...]]

    def all_takes(self) -> list[Take]:
        """Return the takes of all languages."""
        return [take for takes in self.takes.values() for take in takes]

    def seconds(self, folder: Path) -> float:
        """Return about how long the takes that a folder lacks need on this machine's cores."""
        return synthesis_seconds(missing_takes(self.all_takes(), folder))


def plan_languages(hours: Mapping[str, float] | None = None, seed: int = 0) -> LanguagePlan:
    """Plan speech in several languages, by Kokoro's voices that are not held out.

    Mandarin is random syllables, every other language words in random order.

    Args:
        hours: of each language, about; None is `HOURS_PER_LANGUAGE` of all of them.
        seed: of all draws.
    """
    hours = dict.fromkeys(_SPEAKERS, HOURS_PER_LANGUAGE) if hours is None else hours
    return LanguagePlan(
        {code: tuple(_takes(code, amount * 3600, seed)) for code, amount in hours.items()}
    )


def speak_languages(
    plan: LanguagePlan,
    folder: Path,
    *,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> Dataset:
    """Synthesise speech in several languages; clips of an earlier run are used again.

    Args:
        plan: from `plan_languages`.
        folder: to write into.
        workers: processes, more than one of which are started by spawn; None is one per core.
        progress: called after each clip.

    Returns:
        Negatives of the split train, with the source "synthetic/LANGUAGE".
    """
    synthesise_takes(plan.all_takes(), folder, workers, progress)
    return Dataset(folder, "synthetic speech", negatives=tuple(_clips(plan, folder)))


def languages_folder() -> Path:
    """Return the folder in the cache for this speech."""
    return storage.cache_dir() / "speech" / "_languages"


def why_no_languages() -> str:
    """Return why no natural voice speaks other languages here, and what to do; "" if one does."""
    missing = sorted({m for name in ("kokoro", "espeak") for m in ENGINES[name].missing_packages()})
    if missing:
        return f"{', '.join(missing)} not installed. Run: {INSTALL_COMMAND}"
    return "" if ENGINES["kokoro"].is_ready() else f"Kokoro has no voices yet. {HOW_TO_FETCH}"


def _takes(language: str, seconds: float, seed: int) -> Iterator[Take]:
    rng = np.random.default_rng((seed, zlib.crc32(language.encode())))
    voices = [voice for voice in split_voices(all_voices())[0] if voice.engine == "kokoro"]
    own = [voice for voice in voices if voice.name.startswith(_SPEAKERS[language])] or voices
    planned_s = 0.0
    while planned_s < seconds:
        take = _take(language, own if rng.random() < _OWN_SPEAKERS_SHARE else voices, rng)
        planned_s += len(take.phonemes) / _PHONEMES_PER_S / take.speed
        yield take


def _take(language: str, voices: list[Voice], rng: Generator) -> Take:
    if language == MANDARIN:
        text = phonemes = random_phrase(rng)
    else:
        text = random_speech(language, "", rng)
        phonemes = to_phonemes(text, language) + str(rng.choice(["", ".", "!", "?"]))
    return Take(
        "speech",
        "train",
        text=text,
        voice=voices[int(rng.integers(len(voices)))],
        speed=round(float(rng.uniform(0.75, 1.25)), 3),
        pitch=round(float(rng.uniform(-2.5, 2.5)), 3),
        seed=int(rng.integers(1, 1_000_000)),
        phonemes=phonemes,
    )


def _clips(plan: LanguagePlan, folder: Path) -> Iterator[Clip]:
    for language, takes in plan.takes.items():
        for take in takes:
            yield replace(take.clip(folder, ""), source=f"synthetic/{language}")
