"""Test audio: clips laid out as the long streams that a detector would hear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from wakeword.audio.levels import rms
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader
from wakeword.errors import ManifestError
from wakeword.evaluation.conditions import CLEAN, Condition
from wakeword.progress import ProgressCallback
from wakeword.simulate.effects import add_noise, coloured_noise, limit_bandwidth, reverberate
from wakeword.simulate.rirs import rir_kind
from wakeword.storage import cache_key

GAP_S = 1.5  # before each keyword clip
NEGATIVE_GAP_S = 0.3
CONFUSABLES = "near-misses"  # name of their stream
PART_S = 3600.0
"""Longer streams are heard in parts of about this length, side by side."""
_FLOOR = 10 ** (-65 / 20)  # RMS of the hiss in quiet gaps: -65 dB full scale


@dataclass(frozen=True)
class Stream:
    """Clips in the order in which they are heard, and what they are heard under.

    Attributes:
        first: number of its first clip in the stream that it is a part of.
    """

    name: str
    clips: tuple[Clip, ...]
    condition: Condition = CLEAN
    noises: tuple[Clip, ...] = ()
    rirs: tuple[Clip, ...] = ()
    seed: int = 0
    first: int = 0

    def made_of(self) -> str:
        """A name for its sound: equal clips under equal conditions, equal name."""
        clips = [clip.identity() for clip in (*self.clips, *self.noises, *self.rirs)]
        fits = ["peaks fit"] if self.condition.adds_sound else []  # the name says how it is made
        return cache_key(asdict(self.condition), self.seed, clips, *fits)

    def parts(self) -> list[Stream]:
        """The stream cut between clips into parts of about `PART_S` seconds: together they are it,
        sample by sample. A file that cannot be read takes no time."""
        cuts, length_s = [0], 0.0
        for number, clip in enumerate(self.clips):
            if length_s >= PART_S:
                cuts.append(number)
                length_s = 0.0
            length_s += clip.seconds()
        return [
            replace(self, clips=self.clips[start:end], first=self.first + start)
            for start, end in pairwise([*cuts, len(self.clips)])
        ]


class StreamPiece(NamedTuple):
    """The next stretch of a stream: a clip with the gap before it.

    Attributes:
        samples: (samples,) at 16 kHz.
        segment: where the clip's keyword is spoken, counted from the start of this piece; None for
            a clip without a keyword.
    """

    samples: Samples
    clip: Clip
    segment: KeywordSegment | None


def positive_stream(data: Dataset, condition: Condition = CLEAN, seed: int = 0) -> Stream:
    """Every keyword clip once, under a condition.

    Noise is one of the data set's, or hiss where it has none, and goes on through the gap before
    the word; the signal that a ratio is counted from is the word between its bounds.
    """
    noises = () if condition.snr_db is None else data.noises
    if condition.noise:
        noises = tuple(clip for clip in noises if clip.source == condition.noise)
    rirs = data.rirs if condition.room else ()
    return Stream(condition.name, data.keywords, condition, noises, rirs, seed)


def confusable_stream(clips: Sequence[Clip], keyword: str, seed: int = 0) -> Stream:
    """Near-misses played as if they were the keyword: one that is "missed" did not set it off."""
    said = tuple(replace(clip, label=keyword) for clip in clips)
    return Stream(CONFUSABLES, said, seed=seed)


def negative_stream(data: Dataset, seed: int = 0) -> Stream:
    """All negatives and all noises once, in a drawn order."""
    clips = (*data.negatives, *data.noises)
    order = np.random.default_rng(seed).permutation(len(clips))
    return Stream("negatives", tuple(clips[i] for i in order), seed=seed)


def render(stream: Stream, library: ClipLoader) -> Iterator[StreamPiece]:
    """The stream, piece by piece; broken clips are left out and remembered by the library.

    Raises ManifestError where the condition is a room and the data has none of its kind.
    """
    noises = [n for clip in stream.noises if (n := library.load(clip)) is not None]
    rirs = [r for clip in stream.rirs if (r := library.load(clip)) is not None]
    rirs = [room for room in rirs if rir_kind(room) == stream.condition.room]
    if stream.condition.room and not rirs:
        raise ManifestError(f"no room responses of the kind '{stream.condition.name}' in the data.")
    for number, clip in enumerate(stream.clips, stream.first):
        rng = np.random.default_rng((stream.seed, number))
        samples = library.load(clip)
        if samples is None:
            continue
        if clip.label is None:
            yield StreamPiece(_after_gap(samples, NEGATIVE_GAP_S, rng), clip, None)
            continue
        start_s, end_s = clip.bounds(samples)
        word = samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        samples = _after_gap(samples, GAP_S, rng)
        samples = _apply_condition(stream.condition, samples, rms(word), noises, rirs, rng)
        segment = KeywordSegment(clip.label, start_s, end_s).shifted(GAP_S)
        yield StreamPiece(samples, clip, segment)


def _apply_condition(
    condition: Condition,
    samples: Samples,
    level: float,
    noises: Sequence[Samples],
    rirs: Sequence[Samples],
    rng: np.random.Generator,
) -> Samples:
    """A clip as it is heard under a condition; `level` is the RMS of its word.

    Where noise or echo would take it beyond full scale, all of it becomes quieter: whoever records
    turns the gain down, and a word that is clipped tests the clipping.
    """
    if rirs:
        samples = reverberate(samples, rirs[int(rng.integers(len(rirs)))])
    if condition.snr_db is not None:
        noise = (
            noises[int(rng.integers(len(noises)))] if noises else coloured_noise(len(samples), rng)
        )
        noise = np.roll(noise, -int(rng.integers(len(noise))))
        samples = add_noise(samples, noise, condition.snr_db, level)
    if condition.adds_sound:
        samples = samples / max(np.float32(1.0), np.abs(samples).max())
    if condition.band_hz:
        samples = limit_bandwidth(samples, condition.band_hz)
    if condition.gain_db:
        samples = samples * np.float32(10 ** (condition.gain_db / 20))
    return samples


class StreamReader:
    """A stream's audio, piece by piece; afterwards what was heard when, and for how long.

    Attributes:
        segments: where the keywords read so far are spoken, in stream time.
        pieces: where each clip begins, in seconds, with the clip.
        hours: of the audio so far.
    """

    def __init__(
        self, stream: Stream, library: ClipLoader, progress: ProgressCallback | None = None
    ) -> None:
        self._stream, self._library, self._progress = stream, library, progress
        self.segments: list[KeywordSegment] = []
        self.pieces: list[tuple[float, Clip]] = []
        self.samples = 0

    @property
    def hours(self) -> float:
        return self.samples / SAMPLE_RATE / 3600

    def __iter__(self) -> Iterator[Samples]:
        for number, piece in enumerate(render(self._stream, self._library)):
            at = self.samples / SAMPLE_RATE
            self.pieces.append((at, piece.clip))
            if piece.segment:
                self.segments.append(piece.segment.shifted(at))
            self.samples += len(piece.samples)
            if self._progress:
                self._progress(
                    f"listening: {self._stream.name}", number + 1, len(self._stream.clips)
                )
            yield piece.samples
        yield np.zeros(SAMPLE_RATE, dtype=np.float32)  # lets the last word out


def join_blocks(pieces: Iterable[Samples], samples: int = 20 * SAMPLE_RATE) -> Iterator[Samples]:
    """Short pieces of a stream as fewer ones of at least `samples`: the encoder likes them long."""
    held: list[Samples] = []
    for piece in pieces:
        held.append(piece)
        if sum(map(len, held)) >= samples:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def _after_gap(samples: Samples, gap_s: float, rng: np.random.Generator) -> Samples:
    gap = rng.standard_normal(round(gap_s * SAMPLE_RATE)).astype(np.float32)
    return np.concatenate([gap * np.float32(_FLOOR), samples])
