"""Test audio: clips laid out as the long streams that a detector would hear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wakeword.audio import SAMPLE_RATE, Samples
from wakeword.data import Clip, Dataset
from wakeword.data.library import Library
from wakeword.mixing import add_noise, hiss, rms
from wakeword.work import Progress

GAP_S = 1.5  # before each keyword clip
NEGATIVE_GAP_S = 0.3
_FLOOR = 10 ** (-65 / 20)  # RMS of the hiss in quiet gaps: -65 dB full scale


@dataclass(frozen=True)
class Stream:
    """Clips in the order in which they are heard, and the noise that is heard with them."""

    name: str
    clips: tuple[Clip, ...]
    noises: tuple[Clip, ...] = ()
    snr_db: float | None = None
    seed: int = 0


class Piece(NamedTuple):
    """The next stretch of a stream, with the keyword in it: name, start, end in its seconds."""

    samples: Samples
    clip: Clip
    spoken: tuple[str, float, float] | None


def positive_stream(data: Dataset, *, snr_db: float | None = None, seed: int = 0) -> Stream:
    """Every keyword clip once, in quiet or with the data set's noises at a signal-to-noise ratio.

    The signal is the word between its bounds; noise goes on through the gap before it.
    """
    name = "clean" if snr_db is None else f"{snr_db:g} dB"
    noises = data.noises if snr_db is not None else ()
    return Stream(name, data.keywords, noises, snr_db, seed)


def negative_stream(data: Dataset, seed: int = 0) -> Stream:
    """All negatives and all noises once, in a drawn order."""
    clips = (*data.negatives, *data.noises)
    order = np.random.default_rng(seed).permutation(len(clips))
    return Stream("negatives", tuple(clips[i] for i in order), seed=seed)


def render(stream: Stream, library: Library) -> Iterator[Piece]:
    """The stream, piece by piece; broken clips are left out and remembered by the library."""
    noises = [n for clip in stream.noises if (n := library.load(clip)) is not None]
    for number, clip in enumerate(stream.clips):
        rng = np.random.default_rng((stream.seed, number))
        samples = library.load(clip)
        if samples is None:
            continue
        if clip.label is None:
            yield Piece(_after_gap(samples, NEGATIVE_GAP_S, rng), clip, None)
            continue
        start_s, end_s = clip.bounds(samples)
        word = samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        samples = _after_gap(samples, GAP_S, rng)
        if stream.snr_db is not None:
            noise = noises[int(rng.integers(len(noises)))] if noises else hiss(len(samples), rng)
            noise = np.roll(noise, -int(rng.integers(len(noise))))
            samples = add_noise(samples, noise, stream.snr_db, rms(word))
        yield Piece(samples, clip, (clip.label, start_s + GAP_S, end_s + GAP_S))


class Listened:
    """A stream's audio, piece by piece; afterwards what was spoken when, and for how long.

    Attributes:
        spoken: (word, start, end) in seconds of the stream.
        hours: of the audio so far.
    """

    def __init__(self, stream: Stream, library: Library, progress: Progress | None = None) -> None:
        self._stream, self._library, self._progress = stream, library, progress
        self.spoken: list[tuple[str, float, float]] = []
        self.samples = 0

    @property
    def hours(self) -> float:
        return self.samples / SAMPLE_RATE / 3600

    def __iter__(self) -> Iterator[Samples]:
        for number, piece in enumerate(render(self._stream, self._library)):
            if piece.spoken:
                word, start_s, end_s = piece.spoken
                at = self.samples / SAMPLE_RATE
                self.spoken.append((word, at + start_s, at + end_s))
            self.samples += len(piece.samples)
            if self._progress:
                self._progress(
                    f"listening: {self._stream.name}", number + 1, len(self._stream.clips)
                )
            yield piece.samples
        yield np.zeros(SAMPLE_RATE, dtype=np.float32)  # lets the last word out


def joined(pieces: Iterable[Samples], samples: int = 20 * SAMPLE_RATE) -> Iterator[Samples]:
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
