"""The whole story on synthetic speech: a data set in many voices, and what a model makes of it.

The data set on disk is one like a user's own: `wakeword check`, `train` and `eval` read it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import multiprocessing
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from wakeword import storage
from wakeword.audio.files import load_audio, save_audio
from wakeword.audio.levels import rms, set_level
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import normalised_words, select_keywords
from wakeword.data.loader import ClipLoader
from wakeword.data.readers import read_dataset
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.errors import ConfigError
from wakeword.evaluation.conditions import CLEAN, Condition, noisy
from wakeword.evaluation.evaluate import confusable_result, keyword_result, score_streams
from wakeword.evaluation.results import HIT_TOLERANCE_S, ConfusableResult, Evaluation
from wakeword.evaluation.test_streams import (
    Stream,
    confusable_stream,
    negative_stream,
    positive_stream,
)
from wakeword.model.network import WakeWordModel
from wakeword.progress import ProgressCallback
from wakeword.simulate.effects import coloured_noise
from wakeword.training.config import TrainConfig
from wakeword.training.examples import ExampleConfig
from wakeword.tts import phrases
from wakeword.tts.engines import Voice, list_voices, split_voices, synthesise

KEYWORD = "hey computer"
NATURAL, FORMANT = "natural voices", "eSpeak voices"

WARNING = (
    "Synthetic speech makes easy numbers. These voices speak clearly, into no room, at no "
    "distance, and resemble one another; with real people it will miss more and fire for nothing "
    "more often. Believe only numbers that were measured on recordings of people who are not in "
    "the training."
)

_TRAIN = {"kokoro": 32, "hibari": 60, "espeak": 380}  # clips a class
_HELD_OUT = {"kokoro": 12, "joe": 20, "espeak": 30}
_HELD_OUT_NEAR = {"kokoro": 6, "joe": 20, "espeak": 40}
_HELD_OUT_SPEECH = {"kokoro": 6, "joe": 12, "espeak": 150}
_SENTENCES = {"espeak": 4}  # in a clip of other speech: the engine that costs nothing talks longer
_NEAR_SHARE = 0.2  # of training clips without the keyword: phrases that sound nearly like it
_SHARE_OF_PARTS = 0.15  # of those: only a part of the keyword
_NOISE_S = 30.0
_NOISES = ("hiss", "hum", "babble")
_BLOCK = SAMPLE_RATE * 80 // 1000  # samples that a live microphone hands over at once
_LEVEL_DB = -26.0
_LONGEST_DELAY_S = 2.0  # from the time of a detection to the audio that it waits for


# ------------------------------------------------------------ the data set


@dataclass(frozen=True)
class Take:
    """One clip to synthesise. `kind` is "keyword", "near-miss" or "speech"."""

    kind: str
    split: str
    text: str
    voice: Voice
    speed: float
    pitch: float  # semitones
    seed: int

    @property
    def file(self) -> str:
        """Below the data set's folder; another content is another name."""
        content = repr((self.text, self.speed, self.pitch, self.seed))
        digest = hashlib.sha256(content.encode()).hexdigest()[:10]
        return f"clips/{self.kind}/{self.voice.id}_{digest}.flac"

    @property
    def source(self) -> str:
        """What the data set calls the clip's source, such as "near-miss/espeak"."""
        return f"{self.kind}/{self.voice.engine}"


def make_dataset(
    folder: Path,
    keyword: str = KEYWORD,
    *,
    seed: int = 0,
    workers: int = 2,
    progress: ProgressCallback | None = None,
) -> Dataset:
    """Synthesise a data set into a folder; clips that are there from an earlier run stay.

    With more than one worker these are processes started by spawn.

    Raises ConfigError: no engine installed, a keyword that cannot be spoken, no space.
    """
    if not normalised_words(keyword):
        raise ConfigError(f"keyword {keyword!r}: expected a phrase in English letters.")
    takes = plan_takes(keyword, list_voices(), seed)
    synthesise_takes(takes, folder, workers, progress)
    noises = _write_noises(takes, folder, seed)
    write_tables(takes, noises, keyword, folder)
    return read_dataset(folder)


def plan_takes(keyword: str, voices: Iterable[Voice], seed: int) -> list[Take]:
    """What to synthesise: the same engines for the keyword as for all else, no speaker twice.

    The near-misses of the held-out voices are other phrases than those of training, except for
    mere parts of the keyword.
    """
    train, held_out = split_voices(voices)
    near = phrases.confusable_phrases(keyword)
    order = np.random.default_rng(seed).permutation(len(near))
    near = [near[i] for i in order]
    parts = phrases.partial_phrases(keyword)
    cut = round(0.7 * len(near))
    share = _NEAR_SHARE if parts or len(near) > 1 else 0.0
    near_train = {engine: round(share * count) for engine, count in _TRAIN.items()}
    speech_train = {engine: count - near_train[engine] for engine, count in _TRAIN.items()}
    takes = _Takes(keyword, parts, seed)
    takes.add("keyword", "train", train, _TRAIN)
    takes.add("near-miss", "train", train, near_train, near[:cut])
    takes.add("speech", "train", train, speech_train)
    takes.add("keyword", "dev", held_out, _HELD_OUT)
    takes.add("near-miss", "dev", held_out, _HELD_OUT_NEAR if share else {}, near[cut:])
    takes.add("speech", "dev", held_out, _HELD_OUT_SPEECH)
    return list({take.file: take for take in takes.made}.values())


class _Takes:
    """A plan as it grows; each kind and engine has draws of its own, whatever the other counts."""

    def __init__(self, keyword: str, parts: Sequence[str], seed: int) -> None:
        self.keyword, self.parts, self.seed = keyword, parts, seed
        self.made: list[Take] = []

    def add(
        self,
        kind: str,
        split: str,
        voices: Sequence[Voice],
        counts: Mapping[str, int],
        near: Sequence[str] = (),
    ) -> None:
        """`counts` clips by engine, each engine's voices in turn."""
        for engine, count in counts.items():
            key = zlib.crc32(f"{kind} {split} {engine}".encode())
            rng = np.random.default_rng((self.seed, key))
            of_engine = [voice for voice in voices if voice.engine == engine]
            order = rng.permutation(len(of_engine))
            for i in range(count if of_engine else 0):
                text = self._text(kind, engine, near, rng) + str(rng.choice(["", ".", "!", "?"]))
                self.made.append(
                    Take(
                        kind,
                        split,
                        text,
                        of_engine[order[i % len(order)]],
                        round(float(rng.uniform(0.85, 1.2)), 3),
                        round(float(rng.uniform(-2.0, 2.0)), 3),
                        int(rng.integers(1 << 20)),
                    )
                )

    def _text(self, kind: str, engine: str, near: Sequence[str], rng: Generator) -> str:
        if kind == "keyword":
            return self.keyword
        if kind == "speech":
            count = _SENTENCES.get(engine, 1)
            return ". ".join(phrases.random_sentence(self.keyword, rng) for _ in range(count))
        from_parts = bool(self.parts) and (not near or rng.random() < _SHARE_OF_PARTS)
        texts = self.parts if from_parts else near
        return texts[int(rng.integers(len(texts)))]


def synthesise_takes(
    takes: Sequence[Take], folder: Path, workers: int = 2, progress: ProgressCallback | None = None
) -> None:
    """Write the clips that are not there yet; those of the slow engine come first."""
    missing = [take for take in takes if not (folder / take.file).is_file()]
    missing.sort(key=lambda take: take.voice.engine != "kokoro")
    jobs = [(take, folder) for take in missing]

    def count(finished: Iterable[None]) -> None:
        for done, _ in enumerate(finished, start=1):
            if progress:
                progress("synthesising clips", done, len(jobs))

    if workers < 2 or len(jobs) < 10:  # not worth the start of processes
        count(map(_synthesise, jobs))
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        count(pool.imap_unordered(_synthesise, jobs))


def _synthesise(job: tuple[Take, Path]) -> None:
    take, folder = job
    samples = synthesise(take.text, take.voice, speed=take.speed, pitch=take.pitch, seed=take.seed)
    save_audio(folder / take.file, samples)


def write_tables(
    takes: Iterable[Take], noises: Mapping[str, str], keyword: str, folder: Path
) -> None:
    """keywords.csv, speech.csv and noise.csv ({file: split}), as `read_dataset` knows them."""
    rows: dict[str, list[list[str]]] = {"keywords.csv": [], "speech.csv": []}
    for take in takes:
        known = [take.source, take.voice.speaker, take.split, take.text]
        if take.kind == "keyword":
            rows["keywords.csv"].append([take.file, keyword, *known])
        else:
            rows["speech.csv"].append([take.file, *known])
    rows["noise.csv"] = [[file, "noise", split] for file, split in noises.items()]
    headers = {
        "keywords.csv": ["file", "label", "source", "speaker", "split", "text"],
        "speech.csv": ["file", "source", "speaker", "split", "text"],
        "noise.csv": ["file", "source", "split"],
    }
    for name, table in rows.items():
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([headers[name], *table])
        with storage.atomic_write(folder / name) as part:
            part.write_text(text.getvalue(), encoding="utf-8", newline="")


def _write_noises(takes: Sequence[Take], folder: Path, seed: int) -> dict[str, str]:
    """{file: split} of some seconds each of hiss, mains hum and many voices at once."""
    files = {}
    for number, (split, kind) in enumerate(
        (split, kind) for split in ("train", "dev") for kind in _NOISES
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
            speech = [t for t in takes if t.split == split and t.kind == "speech"]
            noise = _babble([folder / take.file for take in speech], length, rng)
        save_audio(folder / file, set_level(noise, _LEVEL_DB, rms(noise)))
    return files


def _hum(length: int, rng: Generator) -> Samples:
    """Mains hum with its harmonics over the hiss of a fan."""
    seconds = np.arange(length) / SAMPLE_RATE
    hertz = float(rng.choice([50.0, 60.0]))
    hum = np.zeros(length)
    for harmonic in range(1, 9):
        phase = float(rng.uniform(0, 2 * np.pi))
        hum += (
            rng.uniform(0.2, 1.0)
            / harmonic
            * np.sin(2 * np.pi * hertz * harmonic * seconds + phase)
        )
    fan = coloured_noise(length, rng)
    return (hum / rms(hum.astype(np.float32)) + fan / rms(fan)).astype(np.float32)


def _babble(files: Sequence[Path], length: int, rng: Generator, voices: int = 6) -> Samples:
    """Several people who talk at once without a pause."""
    mix = np.zeros(length, dtype=np.float32)
    for _ in range(voices):
        at = 0
        while at < length:
            samples = load_audio(files[int(rng.integers(len(files)))])[: length - at]
            mix[at : at + len(samples)] += set_level(samples, _LEVEL_DB, rms(samples))
            at += len(samples)
    return mix


# ------------------------------------------------------------ training and measuring


def train_config(seed: int = 0) -> TrainConfig:
    """Small enough for some minutes on two cores, with the encoder that needs no download.

    Many more false accepts are allowed than in earnest: a part of what the threshold is chosen on
    is made to fool the model, and none of it at all would leave the keyword unheard too.
    """
    return TrainConfig(
        encoder="wakeword-stream",
        strategy="head",
        seed=seed,
        epochs=8,
        patience=8,
        batch=32,
        validation_share=0.2,
        false_accepts_per_hour=30.0,
        scenes=ExampleConfig(positive_hours=0.5, negative_hours=1.0),
    )


@dataclass(frozen=True)
class Measured:
    """A model on voices that it has never heard.

    Attributes:
        evaluation: natural voices and eSpeak's apart, clean and at 10 dB.
        near_misses: at the shipped threshold.
        near_phrases: how many phrases that were.
    """

    evaluation: Evaluation
    near_misses: ConfusableResult
    near_phrases: int


def measure(
    model: WakeWordModel, data: Dataset, *, progress: ProgressCallback | None = None
) -> Measured:
    """Evaluate on the held-out voices; near-misses are scored apart and count in no rate."""
    part, near = select_keywords(data, model.keywords).subset("dev").split_confusables()
    library = ClipLoader()
    groups = {
        NATURAL: tuple(clip for clip in part.keywords if is_natural(clip)),
        FORMANT: tuple(clip for clip in part.keywords if not is_natural(clip)),
    }

    def stream(name: str, clips: tuple[Clip, ...], condition: Condition) -> Stream:
        said = positive_stream(replace(part, keywords=clips), condition)
        return replace(said, name=f"{name}, {said.name}")

    words = [
        stream(name, clips, condition)
        for name, clips in groups.items()
        if clips
        for condition in (CLEAN, noisy(10.0))
    ]
    near_misses = confusable_stream(near, model.keywords[0])
    wanted = [negative_stream(part), near_misses, *words]
    negatives, like_word, *said = score_streams(model, wanted, library, progress)
    rows = [keyword_result(model, 0, track, negatives) for track in said]
    notes = [*part.notes, *(f"broken clip skipped: {text}" for text in library.broken.values())]
    return Measured(
        Evaluation(tuple(rows), negatives.hours, tuple(notes)),
        confusable_result(model, 0, like_word, negatives),
        len({normalised_words(clip.text or "") for clip in near}),
    )


def is_natural(clip: Clip) -> bool:
    """Whether a clip of the demo's data set is in a voice learnt from a person."""
    return not (clip.source or "").endswith("/espeak")


def _kind(clip: Clip) -> str:
    return (clip.source or "").split("/")[0]


# ------------------------------------------------------------ a held-out recording


@dataclass(frozen=True)
class SpokenKeyword:
    """Where the keyword is spoken in a recording, and by whom."""

    segment: KeywordSegment
    speaker: str


@dataclass(frozen=True)
class Recording:
    """(samples,) at 16 kHz in which held-out voices speak, and where the keyword is."""

    samples: Samples
    said: tuple[SpokenKeyword, ...]

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def held_out_recording(data: Dataset, *, seed: int = 0, words: int = 6) -> Recording:
    """The keyword by `words` held-out voices, with other speech and near-misses between."""
    part = data.subset("dev")
    rng = np.random.default_rng((seed, 77))
    natural = _one_a_speaker([c for c in part.keywords if is_natural(c)], rng)
    others = _one_a_speaker([c for c in part.keywords if not is_natural(c)], rng)
    chosen = [*natural[: words - words // 3], *others][:words]
    near = _shuffled([c for c in part.negatives if c.is_confusable], rng)
    speech = _shuffled([c for c in part.negatives if _kind(c) == "speech"], rng)
    speech.sort(key=lambda clip: not is_natural(clip))
    pieces: list[Samples] = []
    said: list[SpokenKeyword] = []
    for i, clip in enumerate(_shuffled(chosen, rng)):
        between = [*speech[i : i + 1], *(near[i // 2 : i // 2 + 1] if i % 2 else [])]
        for sound in (*between, clip):
            pieces.append(np.zeros(round(float(rng.uniform(0.5, 1.0)) * SAMPLE_RATE), np.float32))
            samples = sound.load()
            if sound is clip:
                at = sum(map(len, pieces)) / SAMPLE_RATE
                segment = KeywordSegment(clip.label or "?", *clip.bounds(samples)).shifted(at)
                said.append(SpokenKeyword(segment, clip.speaker or "?"))
            pieces.append(set_level(samples, _LEVEL_DB, rms(samples)))
    pieces.append(np.zeros(SAMPLE_RATE, np.float32))
    joined = np.concatenate(pieces)
    floor = coloured_noise(len(joined), rng)
    return Recording(joined + set_level(floor, -60.0, rms(floor)), tuple(said))


def _one_a_speaker(clips: Sequence[Clip], rng: Generator) -> list[Clip]:
    return list({clip.speaker: clip for clip in _shuffled(clips, rng)}.values())


def _shuffled(clips: Sequence[Clip], rng: Generator) -> list[Clip]:
    return [clips[i] for i in rng.permutation(len(clips))]


@dataclass(frozen=True)
class Moment:
    """What a recording has shown: the keyword heard, heard where nobody said it, or missed."""

    time: float  # of the stream, in seconds
    said: SpokenKeyword | None
    detection: Detection | None

    @property
    def correct(self) -> bool:
        return self.said is not None and self.detection is not None


def listen(detector: Detector, recording: Recording) -> Iterator[Moment]:
    """Feed a recording as a microphone would, block by block; moments come as they happen."""
    waiting = list(recording.said)
    samples = recording.samples
    for first in range(0, len(samples) + 1, _BLOCK):
        block = samples[first : first + _BLOCK]
        found = detector.feed(block)
        if len(block) < _BLOCK:
            found = [*found, *detector.flush()]
        for detection in found:
            yield from _missed(waiting, detection.time)
            match = next((said for said in waiting if said.segment.start_s <= detection.time), None)
            if match:
                waiting.remove(match)
            yield Moment(detection.time, match, detection)
        yield from _missed(waiting, (first + len(block)) / SAMPLE_RATE - _LONGEST_DELAY_S)
    yield from _missed(waiting, math.inf)


def _missed(waiting: list[SpokenKeyword], now: float) -> Iterator[Moment]:
    """Take out and tell the words that no detection from `now` on can mean."""
    for said in [said for said in waiting if said.segment.end_s + HIT_TOLERANCE_S < now]:
        waiting.remove(said)
        yield Moment(said.segment.end_s, said, None)


# ------------------------------------------------------------ what to say of it


@dataclass(frozen=True)
class Outcome:
    """All that the demo shows in the end."""

    keyword: str
    model_file: Path
    measured: Measured
    recording_s: float
    said: int
    moments: tuple[Moment, ...]

    @property
    def hits(self) -> int:
        return sum(moment.correct for moment in self.moments)


def slug(keyword: str) -> str:
    """A keyword as a file name: "hey jarvis" → "hey-jarvis"."""
    return "-".join(normalised_words(keyword)) or "keyword"


def own_commands(keyword: str, model_file: Path) -> tuple[tuple[str, str], ...]:
    """(what, command) for the same on one's own recordings."""
    mine = f"my-{slug(keyword)}.wakeword"
    return (
        ("try this model on your microphone", f"wakeword listen {model_file}"),
        (
            "look your recordings over: a folder per word, and 'negatives'",
            "wakeword check recordings/",
        ),
        ("train on them", f"wakeword train recordings/ -o {mine}"),
        ("measure on voices held out of the training", f"wakeword eval {mine} recordings/"),
        ("listen", f"wakeword listen {mine}"),
    )
