"""Training examples: short stretches of audio that contain a keyword, or anything but one.

A plan states which clips an example consists of; rendering it draws everything else from the seed
of the plan. Equal plans give equal audio, so rendered examples can be cached.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from wakeword.audio.levels import rms, set_level
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.loader import KeywordBank
from wakeword.errors import ManifestError
from wakeword.training.augmentation import AugmentConfig, Augmenter

_LEVEL_DB = -26.0  # of keywords before augmentation, in dBFS
_REFERENCE_RMS = float(10 ** (_LEVEL_DB / 20))
_NEGATIVE_GAIN_DB = (-8.0, 4.0)  # range of the level of negatives relative to keywords
_PAUSES_S = ((0.0, 0.3), (0.3, 1.5))  # between negatives: as often short as long
_PIECE_S = 4.0  # long recordings are cut into pieces of about this length
_MOST_CLIPS = 12  # negatives in one example
_FIRST_EXTRA = 1 << 20  # seed number of the first example of extra data


@dataclass(frozen=True)
class TrainingExample:
    """A rendered example.

    Attributes:
        samples: (samples,) at 16 kHz.
        segments: the keywords in it.
        dry: (samples,) before room, noise, band and level.
    """

    samples: Samples
    segments: tuple[KeywordSegment, ...]
    dry: Samples


@dataclass(frozen=True)
class ExamplePlan:
    """The clips of an example; everything else is drawn from its seed.

    Attributes:
        seed: seed of the run, and number of the example.
        keyword_clip: index into `KeywordBank.keywords`; None for an example without a keyword clip.
        is_partial: whether only the first part of the keyword is played, which makes the example a
            negative one.
        negatives: clips without the keyword, in the order in which they are used.
    """

    seed: tuple[int, int]
    keyword_clip: int | None
    is_partial: bool
    negatives: tuple[Clip, ...]


@dataclass(frozen=True)
class ExampleConfig:
    """How many training examples there are, and of which kind.

    Attributes:
        length_s: length of an example.
        positive_hours: hours of examples with a keyword.
        negative_hours: hours of examples without one.
        partial_share: share of the negative examples that contain the first part of a keyword.
        extra_repeats: how often a negative of extra data is played, in examples of its own.
        augment: augmentation.
    """

    length_s: float = 5.12
    positive_hours: float = 2.6
    negative_hours: float = 3.9
    partial_share: float = 0.12
    extra_repeats: float = 2.0
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    @property
    def hours(self) -> float:
        """Hours of all examples, without those of extra data."""
        return round(self.positive_hours + self.negative_hours, 6)

    def with_hours(self, hours: float) -> ExampleConfig:
        """Return the same mix with a total of `hours`."""
        share = hours / self.hours
        return replace(
            self,
            positive_hours=self.positive_hours * share,
            negative_hours=self.negative_hours * share,
        )


# ---------------------------------------------------------------- plans


def plan_examples(
    bank: KeywordBank,
    data: Dataset,
    config: ExampleConfig,
    seed: int,
    extra: Collection[Clip] = (),
) -> list[ExamplePlan]:
    """Plan the examples of a run: each keyword clip about equally often, negatives in turn.

    If more keyword clips come from extra data than from the data set, the data set's clips get
    every second example, however many extra clips there are. Examples without a keyword do not
    depend on the keyword clips.

    Args:
        bank: keyword clips, including extra ones.
        data: the data set with the negatives.
        config: number and kinds of the examples.
        seed: of the training run.
        extra: the keyword clips in `bank` that come from extra data.

    Raises:
        ManifestError: the data set has no negatives.
    """
    keyword_rng, negative_rng = np.random.default_rng(seed).spawn(2)
    per_hour = 3600 / config.length_s
    positives = round(config.positive_hours * per_hour)
    negatives = round(config.negative_hours * per_hour)
    with_clip = positives + round(config.partial_share * negatives)
    cycle = _ClipCycle(data.negatives, negative_rng)
    if not cycle.clips:
        raise ManifestError(
            f"{data.root}: no recordings without the keyword. Add speech and noise from the place "
            "where the detector will run: from keywords alone, a model cannot learn what to ignore."
        )
    order = _keyword_order(bank, frozenset(extra), with_clip, keyword_rng)
    return [
        ExamplePlan(
            seed=(seed, i),
            keyword_clip=order[i] if i < with_clip else None,
            is_partial=positives <= i < with_clip,
            negatives=cycle.take(config.length_s),
        )
        for i in range(positives + negatives)
    ]


def plan_extra_examples(
    negatives: Sequence[Clip], config: ExampleConfig, seed: int
) -> list[ExamplePlan]:
    """Plan the examples of the negatives of extra data, in addition to the data set's own.

    Each clip is played `extra_repeats` times, in at most `negative_hours` of examples. The examples
    do not depend on the keywords.
    """
    cycle = _ClipCycle(negatives, np.random.default_rng((seed, _FIRST_EXTRA)))
    seconds = sum(clip.duration_s or 0.0 for clip in cycle.clips)
    seconds = min(seconds * config.extra_repeats, config.negative_hours * 3600)
    return [
        ExamplePlan((seed, _FIRST_EXTRA + i), None, False, cycle.take(config.length_s))
        for i in range(math.ceil(seconds / config.length_s))
    ]


class _ClipCycle:
    """Hands out clips in random order without end; none again before all have been used."""

    def __init__(self, clips: Sequence[Clip], rng: Generator) -> None:
        self._rng, self._next = rng, 0
        self.clips = self._shuffled([piece for clip in clips for piece in _split_long(clip)])

    def take(self, seconds: float) -> tuple[Clip, ...]:
        """Return the next clips, together at least `seconds` long, `_MOST_CLIPS` at most."""
        taken: list[Clip] = []
        taken_s = 0.0
        while taken_s < seconds and len(taken) < _MOST_CLIPS:
            if self._next == len(self.clips):
                self.clips, self._next = self._shuffled(self.clips), 0
            taken.append(self.clips[self._next])
            taken_s += taken[-1].duration_s or _PIECE_S
            self._next += 1
        return tuple(taken)

    def _shuffled(self, clips: list[Clip]) -> list[Clip]:
        return [clips[i] for i in self._rng.permutation(len(clips))]


def _split_long(clip: Clip) -> list[Clip]:
    """Return a clip with its duration, or a long recording in pieces of a few seconds."""
    seconds = clip.seconds()
    if seconds <= 2 * _PIECE_S:
        return [replace(clip, duration_s=seconds)]
    count = int(seconds / _PIECE_S)
    return [
        replace(clip, offset_s=clip.offset_s + i * seconds / count, duration_s=seconds / count)
        for i in range(count)
    ]


def _keyword_order(
    bank: KeywordBank, extra: frozenset[Clip], total: int, rng: Generator
) -> list[int]:
    """Return `total` indices into the bank's keyword clips, in the order of their examples."""
    indices = range(len(bank.keywords))
    extra_clips = [i for i in indices if bank.keywords[i].clip in extra]
    own_clips = [i for i in indices if bank.keywords[i].clip not in extra]
    if not own_clips or len(extra_clips) <= len(own_clips):
        return _balanced_order(len(indices), total, rng)
    half = -(-total // 2)
    own_order = _balanced_order(len(own_clips), half, rng)
    extra_order = _balanced_order(len(extra_clips), half, rng)
    pairs = zip(own_order, extra_order, strict=True)
    return [i for own, other in pairs for i in (own_clips[own], extra_clips[other])][:total]


def _balanced_order(count: int, total: int, rng: Generator) -> list[int]:
    """Return `total` numbers below `count`, each about equally often, in changing order."""
    rounds = -(-total // max(count, 1))
    return [int(i) for _ in range(rounds) for i in rng.permutation(count)][:total]


# ---------------------------------------------------------------- audio


def render_example(
    plan: ExamplePlan, bank: KeywordBank, augmenter: Augmenter, samples: int
) -> TrainingExample:
    """Render an example; the same plan gives the same audio.

    Args:
        plan: its clips and seed.
        bank: holds the keyword clips, loads the negatives, and collects those that it cannot load.
        augmenter: varies voices and draws the acoustics.
        samples: length of the example.
    """
    rng = np.random.default_rng(plan.seed)
    negatives = _NegativeQueue(plan.negatives, bank, augmenter)
    segments: tuple[KeywordSegment, ...] = ()
    if plan.keyword_clip is None or plan.is_partial:
        dry = _render_negative(plan.keyword_clip, bank, augmenter, negatives, samples, rng)
    else:
        dry, segment = _render_positive(plan.keyword_clip, bank, augmenter, negatives, samples, rng)
        segments = (segment,)
    acoustics = augmenter.draw_acoustics(samples, rng)
    return TrainingExample(acoustics.apply(dry, _REFERENCE_RMS), segments, dry)


def _render_positive(
    index: int,
    bank: KeywordBank,
    augmenter: Augmenter,
    negatives: _NegativeQueue,
    length: int,
    rng: Generator,
) -> tuple[Samples, KeywordSegment]:
    """Put a keyword clip at a random place, often with negatives before and after the keyword."""
    clip, samples, start_s, end_s = bank.keywords[index]
    keyword = _normalised(samples, start_s, end_s)
    keyword, factor = augmenter.vary_voice(keyword, rng)
    start, end = (round(t / factor * SAMPLE_RATE) for t in (start_s, end_s))
    before, after = (round(float(rng.uniform(0.05, 0.5)) * SAMPLE_RATE) for _ in range(2))
    first, last = max(0, start - before), min(len(keyword), end + after)
    keyword, start, end = keyword[first:last], start - first, end - first
    if len(keyword) > length:
        cut = len(keyword) - length
        keyword, start, end = keyword[-length:], start - cut, end - cut
    example = np.zeros(length, dtype=np.float32)
    at = int(rng.integers(0, length - len(keyword) + 1))
    example[at : at + len(keyword)] = _fade_ends(keyword)
    gap_before, gap_after = (round(t * SAMPLE_RATE) for t in rng.uniform((0.0, 0.15), (0.6, 0.75)))
    if rng.random() < 0.6:
        _insert_negative(example[: max(0, at + start - gap_before)], negatives, rng, align_end=True)
    if rng.random() < 0.4:
        _insert_negative(example[at + end + gap_after :], negatives, rng)
    assert clip.label is not None
    start_s, end_s = max(0, at + start) / SAMPLE_RATE, (at + end) / SAMPLE_RATE
    return example, KeywordSegment(clip.label, start_s, end_s)


def _render_negative(
    partial: int | None,
    bank: KeywordBank,
    augmenter: Augmenter,
    negatives: _NegativeQueue,
    length: int,
    rng: Generator,
) -> Samples:
    """Fill an example with negatives, after the first part of a keyword clip if one is given.

    There are pauses as around keywords: silence before or after a word must not be a cue.
    """
    example = np.zeros(length, dtype=np.float32)
    first = _draw_pause(rng)
    if partial is not None:
        _, samples, start_s, end_s = bank.keywords[partial]
        keyword, factor = augmenter.vary_voice(_normalised(samples, start_s, end_s), rng)
        cut_s = start_s + (end_s - start_s) * float(rng.uniform(0.3, 0.55))
        keyword = _fade_ends(keyword[: round(cut_s / factor * SAMPLE_RATE)])[-length // 2 :]
        at = int(rng.integers(0, length // 2))
        example[at : at + len(keyword)] = keyword
        first = at + len(keyword) + round(float(rng.uniform(0.0, 0.8)) * SAMPLE_RATE)
    while first < length:
        used = _insert_negative(example[first:], negatives, rng)
        if used == 0:
            break
        first += used + _draw_pause(rng)
    return example


def _draw_pause(rng: Generator) -> int:
    """Return the samples of a pause between negatives."""
    shortest, longest = _PAUSES_S[int(rng.integers(len(_PAUSES_S)))]
    return round(float(rng.uniform(shortest, longest)) * SAMPLE_RATE)


class _NegativeQueue:
    """The negatives of an example, one after the other; unreadable clips are skipped."""

    def __init__(self, clips: Sequence[Clip], bank: KeywordBank, augmenter: Augmenter) -> None:
        self._clips = list(clips)
        self._bank = bank
        self._augmenter = augmenter

    def pop(self, rng: Generator) -> Samples | None:
        """Return the next clip in a varied voice, or None when there are no more."""
        while self._clips:
            samples = self._bank.load(self._clips.pop(0))
            if samples is not None:
                return self._augmenter.vary_voice(samples, rng)[0]
        return None


def _insert_negative(
    space: Samples, negatives: _NegativeQueue, rng: Generator, *, align_end: bool = False
) -> int:
    """Write the next negative into a stretch of an example; return the number of samples used."""
    if len(space) < SAMPLE_RATE // 10:
        return 0
    samples = negatives.pop(rng)
    if samples is None:
        return 0
    level_db = _LEVEL_DB + float(rng.uniform(*_NEGATIVE_GAIN_DB))
    samples = _fade_ends(set_level(samples, level_db, rms(samples)))
    if align_end:
        samples = samples[-len(space) :]
        space[len(space) - len(samples) :] = samples
    else:
        samples = samples[: len(space)]
        space[: len(samples)] = samples
    return len(samples)


def _normalised(samples: Samples, start_s: float, end_s: float) -> Samples:
    """Return a keyword clip with the keyword at `_LEVEL_DB`."""
    keyword = samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
    return set_level(samples, _LEVEL_DB, rms(keyword))


def _fade_ends(samples: Samples) -> Samples:
    """Fade both ends over 10 ms, so that a cut does not click."""
    size = min(SAMPLE_RATE // 100, len(samples) // 2)
    if size == 0:
        return samples
    faded: Samples = samples.copy()
    ramp = np.linspace(0.0, 1.0, size, dtype=np.float32)
    faded[:size] *= ramp
    faded[-size:] *= ramp[::-1]
    return faded
