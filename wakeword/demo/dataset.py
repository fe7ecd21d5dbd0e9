"""The demo's data set: a keyword, confusable phrases and sentences in many synthetic voices.

On disk it is a data set like a user's own: `wakeword check`, `train` and `eval` read it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import multiprocessing
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.random import Generator

from wakeword import storage
from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.levels import rms, set_level
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import normalised_words
from wakeword.data.readers import read_dataset
from wakeword.errors import ConfigError
from wakeword.progress import ProgressCallback
from wakeword.simulate.effects import coloured_noise
from wakeword.tts.confusables import confusable_phrases, partial_phrases
from wakeword.tts.phrases import random_sentence
from wakeword.tts.synthesis import synthesise
from wakeword.tts.voices import Voice, list_voices, split_voices

KEYWORD = "hey computer"
SPEECH_LEVEL_DB = -26.0  # dBFS

Kind = Literal["keyword", "confusable", "speech"]
Split = Literal["train", "dev"]

# Clips by engine: of the keyword in training (as many again without it), and held out.
_TRAIN_CLIPS = {"kokoro": 32, "hibari": 60, "espeak": 380}
_HELD_OUT_CLIPS = {"kokoro": 12, "joe": 20, "espeak": 30}
_HELD_OUT_CONFUSABLES = {"kokoro": 6, "joe": 20, "espeak": 40}
_HELD_OUT_SPEECH = {"kokoro": 6, "joe": 12, "espeak": 150}
_CONFUSABLE_SHARE = 0.2  # of the training clips without the keyword
_PARTIAL_SHARE = 0.15  # of the confusable clips: only a part of the keyword
_SENTENCES = {"espeak": 4}  # in a clip of other speech; the fastest engine speaks longer
_NOISE_S = 30.0
_NOISE_KINDS = ("hiss", "hum", "babble")
_BABBLE_VOICES = 6
_MIN_JOBS_FOR_PROCESSES = 10  # fewer are synthesised before processes would have started
_STABLE_NAMES: Mapping[Kind, str] = {
    "keyword": "keyword",
    "confusable": "near-miss",
    "speech": "speech",
}
"""Kinds as file names and seeds spell them, so that clips of earlier versions are used again."""


@dataclass(frozen=True)
class Take:
    """One clip to synthesise.

    Attributes:
        kind: what the text is.
        split: "train" or "dev".
        text: to speak, with its punctuation.
        voice: who speaks.
        speed, pitch, seed: as in `synthesise`; pitch in semitones.
    """

    kind: Kind
    split: Split
    text: str
    voice: Voice
    speed: float
    pitch: float
    seed: int

    @property
    def file(self) -> str:
        """The clip's path below the data set's folder; its name depends on all of its content."""
        content = repr((self.text, self.speed, self.pitch, self.seed))
        digest = hashlib.sha256(content.encode()).hexdigest()[:10]
        return f"clips/{_STABLE_NAMES[self.kind]}/{self.voice.id}_{digest}.flac"

    @property
    def source(self) -> str:
        """The clip's source in the data set, such as "confusable/espeak"."""
        return f"{self.kind}/{self.voice.engine}"


def make_dataset(
    folder: Path,
    keyword: str = KEYWORD,
    *,
    seed: int = 0,
    workers: int = 2,
    progress: ProgressCallback | None = None,
) -> Dataset:
    """Synthesise a data set into a folder; clips of an earlier run are used again.

    Args:
        folder: for clips, noises and tables.
        keyword: an English phrase.
        seed: of all draws.
        workers: processes; more than one are started by spawn.
        progress: called after each clip.

    Raises:
        ConfigError: no engine is installed, the keyword cannot be spoken, or nothing can be
            written.
    """
    if not normalised_words(keyword):
        raise ConfigError(f"keyword {keyword!r}: expected a phrase in English letters.")
    takes = plan_takes(keyword, list_voices(), seed)
    synthesise_takes(takes, folder, workers, progress)
    noises = _write_noises(takes, folder, seed)
    write_tables(takes, noises, keyword, folder)
    return read_dataset(folder)


def plan_takes(keyword: str, voices: Iterable[Voice], seed: int) -> list[Take]:
    """Decide what to synthesise.

    Keyword and negatives come from the same engines, and no speaker is in both splits. Confusable
    phrases of the held-out voices are other phrases than those of training, except for mere parts
    of the keyword.
    """
    train, held_out = split_voices(voices)
    phrases = confusable_phrases(keyword)
    order = np.random.default_rng(seed).permutation(len(phrases))
    phrases = [phrases[i] for i in order]
    partial = partial_phrases(keyword)
    cut = round(0.7 * len(phrases))
    share = _CONFUSABLE_SHARE if partial or len(phrases) > 1 else 0.0
    train_confusables = {engine: round(share * count) for engine, count in _TRAIN_CLIPS.items()}
    train_speech = {
        engine: count - train_confusables[engine] for engine, count in _TRAIN_CLIPS.items()
    }
    plan = _Plan(keyword, partial, seed)
    plan.add("keyword", "train", train, _TRAIN_CLIPS)
    plan.add("confusable", "train", train, train_confusables, phrases[:cut])
    plan.add("speech", "train", train, train_speech)
    plan.add("keyword", "dev", held_out, _HELD_OUT_CLIPS)
    plan.add("confusable", "dev", held_out, _HELD_OUT_CONFUSABLES if share else {}, phrases[cut:])
    plan.add("speech", "dev", held_out, _HELD_OUT_SPEECH)
    return list({take.file: take for take in plan.takes}.values())


class _Plan:
    """Collects takes. Each kind, split and engine has its own generator, whatever other counts."""

    def __init__(self, keyword: str, partial: Sequence[str], seed: int) -> None:
        self.keyword, self.partial, self.seed = keyword, partial, seed
        self.takes: list[Take] = []

    def add(
        self,
        kind: Kind,
        split: Split,
        voices: Sequence[Voice],
        counts: Mapping[str, int],
        confusables: Sequence[str] = (),
    ) -> None:
        """Add `counts` takes by engine; the voices of an engine take turns in a drawn order."""
        for engine, count in counts.items():
            key = zlib.crc32(f"{_STABLE_NAMES[kind]} {split} {engine}".encode())
            rng = np.random.default_rng((self.seed, key))
            engine_voices = [voice for voice in voices if voice.engine == engine]
            order = rng.permutation(len(engine_voices))
            for i in range(count if engine_voices else 0):
                text = self._draw_text(kind, engine, confusables, rng)
                self.takes.append(
                    Take(
                        kind,
                        split,
                        text=text + str(rng.choice(["", ".", "!", "?"])),
                        voice=engine_voices[order[i % len(order)]],
                        speed=round(float(rng.uniform(0.85, 1.2)), 3),
                        pitch=round(float(rng.uniform(-2.0, 2.0)), 3),
                        seed=int(rng.integers(1 << 20)),
                    )
                )

    def _draw_text(
        self, kind: Kind, engine: str, confusables: Sequence[str], rng: Generator
    ) -> str:
        if kind == "keyword":
            return self.keyword
        if kind == "speech":
            count = _SENTENCES.get(engine, 1)
            return ". ".join(random_sentence(self.keyword, rng) for _ in range(count))
        use_part = bool(self.partial) and (not confusables or rng.random() < _PARTIAL_SHARE)
        phrases = self.partial if use_part else confusables
        return phrases[int(rng.integers(len(phrases)))]


def synthesise_takes(
    takes: Sequence[Take], folder: Path, workers: int = 2, progress: ProgressCallback | None = None
) -> None:
    """Write the clips that do not exist yet, those of the slowest engine first.

    Args:
        takes: what to synthesise.
        folder: of the data set.
        workers: processes; more than one are started by spawn.
        progress: called after each clip.
    """
    missing = [take for take in takes if not (folder / take.file).is_file()]
    missing.sort(key=lambda take: take.voice.engine != "kokoro")
    jobs = [(take, folder) for take in missing]

    def report(finished: Iterable[None]) -> None:
        for done, _ in enumerate(finished, start=1):
            if progress:
                progress("synthesising clips", done, len(jobs))

    if workers < 2 or len(jobs) < _MIN_JOBS_FOR_PROCESSES:
        report(map(_synthesise_take, jobs))
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        report(pool.imap_unordered(_synthesise_take, jobs))


def _synthesise_take(job: tuple[Take, Path]) -> None:
    take, folder = job
    samples = synthesise(take.text, take.voice, speed=take.speed, pitch=take.pitch, seed=take.seed)
    save_audio(folder / take.file, samples)


def write_tables(
    takes: Iterable[Take], noises: Mapping[str, str], keyword: str, folder: Path
) -> None:
    """Write keywords.csv, speech.csv and noise.csv, which `read_dataset` reads.

    Args:
        takes: clips with speech.
        noises: {file: split} of clips without.
        keyword: label of the keyword's clips.
        folder: of the data set.
    """
    keywords, speech = [], []
    for take in takes:
        columns = [take.source, take.voice.speaker, take.split, take.text]
        if take.kind == "keyword":
            keywords.append([take.file, keyword, *columns])
        else:
            speech.append([take.file, *columns])
    _write_csv(
        folder / "keywords.csv", ["file", "label", "source", "speaker", "split", "text"], keywords
    )
    _write_csv(folder / "speech.csv", ["file", "source", "speaker", "split", "text"], speech)
    _write_csv(
        folder / "noise.csv",
        ["file", "source", "split"],
        [[file, "noise", split] for file, split in noises.items()],
    )


def _write_csv(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    with storage.atomic_write(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8", newline="")


def _write_noises(takes: Sequence[Take], folder: Path, seed: int) -> dict[str, str]:
    """Write noise, mains hum and babble for each split; returns {file: split}."""
    files = {}
    for number, (split, kind) in enumerate(
        (split, kind) for split in ("train", "dev") for kind in _NOISE_KINDS
    ):
        file = f"noise/{split}_{kind}_{seed}.flac"
        files[file] = split
        if (folder / file).is_file():
            continue
        rng = np.random.default_rng((seed, number))
        length = round(_NOISE_S * SAMPLE_RATE)
        if kind == "hiss":
            noise = coloured_noise(length, rng)
        elif kind == "hum":
            noise = _hum(length, rng)
        else:
            speech = [take for take in takes if take.split == split and take.kind == "speech"]
            noise = _babble([folder / take.file for take in speech], length, rng)
        save_audio(folder / file, set_level(noise, SPEECH_LEVEL_DB, rms(noise)))
    return files


def _hum(length: int, rng: Generator) -> Samples:
    """Mains hum with its harmonics, and coloured noise as of a fan."""
    time_s = np.arange(length) / SAMPLE_RATE
    mains_hz = float(rng.choice([50.0, 60.0]))
    hum = np.zeros(length)
    for harmonic in range(1, 9):
        phase = float(rng.uniform(0, 2 * np.pi))
        amplitude = rng.uniform(0.2, 1.0) / harmonic
        hum += amplitude * np.sin(2 * np.pi * mains_hz * harmonic * time_s + phase)
    fan = coloured_noise(length, rng)
    return (hum / rms(hum.astype(np.float32)) + fan / rms(fan)).astype(np.float32)


def _babble(files: Sequence[Path], length: int, rng: Generator) -> Samples:
    """Several people who talk at once without a pause."""
    mix = np.zeros(length, dtype=np.float32)
    for _ in range(_BABBLE_VOICES):
        position = 0
        while position < length:
            file = files[int(rng.integers(len(files)))]
            samples = load_audio(file)[: length - position]
            mix[position : position + len(samples)] += set_level(
                samples, SPEECH_LEVEL_DB, rms(samples)
            )
            position += len(samples)
    return mix


def is_natural(clip: Clip) -> bool:
    """Whether a clip of the demo's data set is in a voice trained on recordings of a person."""
    return not (clip.source or "").endswith("/espeak")
