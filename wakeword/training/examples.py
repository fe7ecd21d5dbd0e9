"""Training audio: short scenes in which a keyword is said, or anything but the keyword."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.random import Generator

from wakeword.audio.files import audio_info
from wakeword.audio.levels import rms, set_level
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank
from wakeword.errors import AudioError, ManifestError
from wakeword.training.augmentation import AugmentConfig, Augmenter

_LEVEL_DB = -26.0  # at which the sounds of a scene meet
_BESIDE = 1 << 20  # first number of scenes beside a data set's own
_SEGMENT_S = 4.0  # long recordings are cut into pieces of this length


@dataclass(frozen=True)
class TrainingExample:
    """(samples,) of audio and the keywords in it."""

    samples: Samples
    segments: tuple[KeywordSegment, ...]
    dry: Samples
    """The same before room, noise, band and level."""


@dataclass(frozen=True)
class ExamplePlan:
    """What a scene is made of; the rest is drawn from its own seed."""

    seed: tuple[int, int]
    keyword_clip: int | None  # index into `KeywordBank.keywords`
    half_word: bool  # only the first half of that clip is heard: not the keyword
    fill: tuple[Clip, ...]  # other sound, in the order in which it is used up


@dataclass(frozen=True)
class ExampleConfig:
    """How much of what is made. Hours are of finished scenes."""

    length_s: float = 5.12
    positive_hours: float = 2.6
    negative_hours: float = 3.9
    half_word_share: float = 0.12  # scenes without the keyword that hold its first half
    turns_beside: float = 2.0  # of recordings beside the data's own, in scenes beside those
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    @property
    def hours(self) -> float:
        """Of scenes in all."""
        return round(self.positive_hours + self.negative_hours, 6)

    def of_hours(self, hours: float) -> ExampleConfig:
        """The same mix, `hours` of it in all."""
        share = hours / self.hours
        return replace(
            self,
            positive_hours=self.positive_hours * share,
            negative_hours=self.negative_hours * share,
        )


def plan_examples(
    library: KeywordBank,
    data: Dataset,
    config: ExampleConfig,
    seed: int,
    beside: Collection[Clip] = (),
) -> list[ExamplePlan]:
    """The scenes of a training: every keyword clip about equally often, every negative in turn.

    Where more of the keyword clips came from `beside` the data set than are its own, its own get
    every second turn: thousands of synthetic clips leave people half of the scenes. Scenes without
    a word are the same ones whatever the keyword clips.
    """
    words, sound = np.random.default_rng(seed).spawn(2)
    per_hour = 3600 / config.length_s
    positives = round(config.positive_hours * per_hour)
    negatives = round(config.negative_hours * per_hour)
    halves = round(config.half_word_share * negatives)
    pieces = _shuffled([p for clip in data.negatives for p in _pieces(clip)], sound)
    if not pieces:
        raise ManifestError(
            f"{data.root}: no recordings without the keyword. Add speech and noise from the place "
            "where it will listen: a model cannot learn what to ignore from keywords alone."
        )
    order = _shared_turns(library, frozenset(beside), positives + halves, words)
    supply = _Supply(pieces, sound)
    return [
        ExamplePlan(
            (seed, i),
            order[i] if i < positives + halves else None,
            positives <= i < positives + halves,
            supply.take(config.length_s),
        )
        for i in range(positives + negatives)
    ]


def plan_extra_examples(
    negatives: Sequence[Clip], config: ExampleConfig, seed: int
) -> list[ExamplePlan]:
    """Scenes of recordings without the keyword that come in addition to a data set's own.

    Each recording is heard `turns_beside` times, in no more than `negative_hours` of scenes. They
    are the same whatever the keyword.
    """
    sound = np.random.default_rng((seed, _BESIDE))
    pieces = _shuffled([p for clip in negatives for p in _pieces(clip)], sound)
    seconds = sum(piece.duration_s or 0.0 for piece in pieces)
    seconds = min(seconds * config.turns_beside, config.negative_hours * 3600)
    supply = _Supply(pieces, sound)
    return [
        ExamplePlan((seed, _BESIDE + i), None, False, supply.take(config.length_s))
        for i in range(math.ceil(seconds / config.length_s))
    ]


def render_example(
    plan: ExamplePlan,
    library: KeywordBank,
    augmenter: Augmenter,
    samples: int,
) -> TrainingExample:
    """Make one scene of `samples` samples. The same plan gives the same samples."""
    rng = np.random.default_rng(plan.seed)
    fill = _Fill(plan.fill, library, augmenter)
    segments: tuple[KeywordSegment, ...] = ()
    clip = plan.keyword_clip
    if clip is None or plan.half_word:
        sound = _without_keyword(clip, library, augmenter, fill, samples, rng)
    else:
        sound, segments = _with_keyword(clip, library, augmenter, fill, samples, rng)
    reference = float(10 ** (_LEVEL_DB / 20))
    return TrainingExample(augmenter.place(sound, reference, rng), segments, sound)


def _with_keyword(
    index: int,
    library: KeywordBank,
    augmenter: Augmenter,
    fill: _Fill,
    length: int,
    rng: Generator,
) -> tuple[Samples, tuple[KeywordSegment, ...]]:
    clip, samples, start_s, end_s = library.keywords[index]
    word = _at_level(samples, start_s, end_s)
    word, factor = augmenter.vary_voice(word, rng)
    start, end = (round(t / factor * SAMPLE_RATE) for t in (start_s, end_s))
    before, after = (round(float(rng.uniform(0.05, 0.5)) * SAMPLE_RATE) for _ in range(2))
    first, last = max(0, start - before), min(len(word), end + after)
    word, start, end = word[first:last], start - first, end - first
    if len(word) > length:
        word, start, end = word[-length:], start - len(word) + length, end - len(word) + length
    sound = np.zeros(length, dtype=np.float32)
    latest = length - len(word)
    at = int(rng.integers(0, latest + 1))
    sound[at : at + len(word)] = _faded(word)
    gap_before, gap_after = (round(t * SAMPLE_RATE) for t in rng.uniform((0.0, 0.15), (0.6, 0.75)))
    if rng.random() < 0.6:
        _lay(sound[: max(0, at + start - gap_before)], fill, rng, from_end=True)
    if rng.random() < 0.4:
        _lay(sound[at + end + gap_after :], fill, rng)
    assert clip.label is not None
    segment = KeywordSegment(clip.label, max(0, at + start) / SAMPLE_RATE, (at + end) / SAMPLE_RATE)
    return sound, (segment,)


def _without_keyword(
    half: int | None,
    library: KeywordBank,
    augmenter: Augmenter,
    fill: _Fill,
    length: int,
    rng: Generator,
) -> Samples:
    sound = np.zeros(length, dtype=np.float32)
    first = 0
    if half is not None:
        _, samples, start_s, end_s = library.keywords[half]
        word, factor = augmenter.vary_voice(_at_level(samples, start_s, end_s), rng)
        cut_s = start_s + (end_s - start_s) * float(rng.uniform(0.3, 0.55))
        word = _faded(word[: round(cut_s / factor * SAMPLE_RATE)])[-length // 2 :]
        at = int(rng.integers(0, length // 2))
        sound[at : at + len(word)] = word
        first = at + len(word) + round(float(rng.uniform(0.0, 0.8)) * SAMPLE_RATE)
    while first < length:
        used = _lay(sound[first:], fill, rng)
        if used == 0:
            break
        first += used + round(float(rng.uniform(0.0, 0.3)) * SAMPLE_RATE)
    return sound


class _Fill:
    """Other sound of a scene, one piece after the other; broken ones are passed over."""

    def __init__(self, clips: Sequence[Clip], library: KeywordBank, augmenter: Augmenter) -> None:
        self._clips = list(clips)
        self._library = library
        self._augmenter = augmenter

    def next(self, rng: Generator) -> Samples | None:
        """A piece in a drawn voice: few recordings of a language become more."""
        while self._clips:
            samples = self._library.load(self._clips.pop(0))
            if samples is not None:
                return self._augmenter.vary_voice(samples, rng)[0]
        return None


def _lay(space: Samples, fill: _Fill, rng: Generator, *, from_end: bool = False) -> int:
    """Put the next piece into a stretch of a scene; returns the samples used."""
    if len(space) < SAMPLE_RATE // 10:
        return 0
    piece = fill.next(rng)
    if piece is None:
        return 0
    level_db = _LEVEL_DB + float(rng.uniform(-8.0, 4.0))
    piece = _faded(set_level(piece, level_db, rms(piece)))
    if from_end:
        piece = piece[-len(space) :]
        space[len(space) - len(piece) :] = piece
    else:
        piece = piece[: len(space)]
        space[: len(piece)] = piece
    return len(piece)


def _at_level(samples: Samples, start_s: float, end_s: float) -> Samples:
    word = samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
    return set_level(samples, _LEVEL_DB, rms(word))


def _faded(samples: Samples) -> Samples:
    """Ten milliseconds of fade at both ends, so that a cut is not a click."""
    size = min(SAMPLE_RATE // 100, len(samples) // 2)
    if size == 0:
        return samples
    faded: Samples = samples.copy()
    ramp = np.linspace(0.0, 1.0, size, dtype=np.float32)
    faded[:size] *= ramp
    faded[-size:] *= ramp[::-1]
    return faded


class _Supply:
    """Pieces of negatives without end: each once before any comes again."""

    def __init__(self, pieces: list[Clip], rng: Generator) -> None:
        self._pieces, self._rng, self._at = pieces, rng, 0

    def take(self, seconds: float) -> tuple[Clip, ...]:
        taken: list[Clip] = []
        have = 0.0
        while have < seconds and len(taken) < 12:
            if self._at == len(self._pieces):
                self._pieces, self._at = _shuffled(self._pieces, self._rng), 0
            taken.append(self._pieces[self._at])
            have += taken[-1].duration_s or _SEGMENT_S
            self._at += 1
        return tuple(taken)


def _pieces(clip: Clip) -> list[Clip]:
    """A clip as it is, or a long recording as parts of a few seconds; [] when unreadable."""
    seconds = clip.duration_s
    if seconds is None:
        seconds = _seconds(clip.path) - clip.offset_s
    if seconds <= 2 * _SEGMENT_S:
        return [replace(clip, duration_s=seconds)]
    count = int(seconds / _SEGMENT_S)
    return [
        replace(clip, offset_s=clip.offset_s + i * seconds / count, duration_s=seconds / count)
        for i in range(count)
    ]


@cache
def _seconds(path: Path) -> float:
    try:
        return audio_info(path).seconds
    except AudioError:
        return 0.0  # broken: the scene that asks for it will name it


def _shuffled(items: list[Clip], rng: Generator) -> list[Clip]:
    return [items[i] for i in rng.permutation(len(items))]


def _shared_turns(
    library: KeywordBank, beside: frozenset[Clip], total: int, rng: Generator
) -> list[int]:
    """Of the library's keyword clips: `total` of their numbers."""
    all_of = range(len(library.keywords))
    others = [i for i in all_of if library.keywords[i][0] in beside]
    own = [i for i in all_of if library.keywords[i][0] not in beside]
    if not own or len(others) <= len(own):
        return _turns(len(all_of), total, rng)
    of_own, of_others = (_turns(len(each), -(-total // 2), rng) for each in (own, others))
    return [i for a, b in zip(of_own, of_others, strict=True) for i in (own[a], others[b])][:total]


def _turns(count: int, total: int, rng: Generator) -> list[int]:
    """`total` numbers below `count`: each equally often, in changing order."""
    rounds = -(-total // max(count, 1))
    return [int(i) for _ in range(rounds) for i in rng.permutation(count)][:total]
