"""Test streams: clips laid out as the long streams that a detector meets in use."""

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
from wakeword.data.talkers import choose_talkers
from wakeword.errors import ManifestError
from wakeword.evaluation.conditions import CLEAN, Condition
from wakeword.progress import ProgressCallback
from wakeword.simulate.rirs import rir_kind
from wakeword.storage import cache_key

GAP_S = 1.5
"""Gap before each keyword clip."""
NEGATIVE_GAP_S = 0.3
"""Gap before every other clip."""
CONFUSABLES = "confusables"
"""Name of the stream of confusable phrases."""
PART_S = 3600.0
"""Longer streams are scored in parts of about this length, side by side."""
_GAP_RMS = 10 ** (-65 / 20)  # of the noise in gaps: -65 dBFS


@dataclass(frozen=True)
class Stream:
    """Clips in playing order and the condition that they are played under.

    Attributes:
        name: as shown in reports.
        clips: clips with a label are keyword clips, all others negatives.
        condition: acoustics of the keyword clips.
        noises: noises that the condition may choose from.
        rirs: room impulse responses of all kinds.
        seed: determines gaps, noises and rooms.
        first: number of its first clip in the stream that it is a part of.
    """

    name: str
    clips: tuple[Clip, ...]
    condition: Condition = CLEAN
    noises: tuple[Clip, ...] = ()
    rirs: tuple[Clip, ...] = ()
    seed: int = 0
    first: int = 0

    def cache_key(self) -> str:
        """Return a key of the stream's audio: equal for equal clips, conditions and seeds."""
        clips = [clip.identity() for clip in (*self.clips, *self.noises, *self.rirs)]
        return cache_key(asdict(self.condition), self.seed, clips)

    def parts(self) -> list[Stream]:
        """Cut the stream between clips into parts of about `PART_S` seconds.

        The parts together equal the stream sample by sample. An unreadable clip counts as empty.
        """
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
        clip: the clip.
        segment: where the clip's keyword is spoken, counted from the start of this piece; None for
            a clip without a keyword.
    """

    samples: Samples
    clip: Clip
    segment: KeywordSegment | None


def positive_stream(data: Dataset, condition: Condition = CLEAN, seed: int = 0) -> Stream:
    """Return the stream of every keyword clip once, under a condition.

    Noise is a noise of the data set, or synthetic where it has none, and covers the gap as well.
    Talkers are negatives of the data set.
    """
    noises = () if condition.snr_db is None else data.noises
    if condition.talker:
        noises = choose_talkers(data.negatives)
    elif condition.noise_source:
        noises = tuple(clip for clip in noises if clip.source == condition.noise_source)
    rirs = data.rirs if condition.room else ()
    return Stream(condition.name, data.keywords, condition, noises, rirs, seed)


def confusable_stream(clips: Sequence[Clip], keyword: str, seed: int = 0) -> Stream:
    """Return the stream of confusable phrases, labelled as if they were the keyword.

    A "miss" of it is thus a phrase that was rightly not detected.
    """
    labelled = tuple(replace(clip, label=keyword) for clip in clips)
    return Stream(CONFUSABLES, labelled, seed=seed)


def negative_stream(data: Dataset, seed: int = 0) -> Stream:
    """Return the stream of all negatives and all noises once, in random order."""
    clips = (*data.negatives, *data.noises)
    order = np.random.default_rng(seed).permutation(len(clips))
    return Stream("negatives", tuple(clips[i] for i in order), seed=seed)


def render(stream: Stream, loader: ClipLoader) -> Iterator[StreamPiece]:
    """Render a stream piece by piece; clips that cannot be read are left out.

    Args:
        stream: the stream.
        loader: loads the clips, and collects those that cannot be read.

    Raises:
        ManifestError: the condition is a room, and the data has no room response of its kind.
    """
    condition = stream.condition
    noises = [n for clip in stream.noises if (n := loader.load(clip)) is not None]
    rirs = [r for clip in stream.rirs if (r := loader.load(clip)) is not None]
    rirs = [rir for rir in rirs if rir_kind(rir) == condition.room]
    if condition.room and not rirs:
        raise ManifestError(
            f"the data has no room impulse responses for the condition '{condition.name}'."
        )
    for number, clip in enumerate(stream.clips, stream.first):
        rng = np.random.default_rng((stream.seed, number))
        samples = loader.load(clip)
        if samples is None:
            continue
        if clip.label is None:
            yield StreamPiece(_after_gap(samples, NEGATIVE_GAP_S, rng), clip, None)
            continue
        start_s, end_s = clip.bounds(samples)
        keyword = samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        samples = _after_gap(samples, GAP_S, rng)
        acoustics = condition.acoustics(len(samples), noises, rirs, rng)
        samples = acoustics.apply(samples, rms(keyword))
        segment = KeywordSegment(clip.label, start_s, end_s).shifted(GAP_S)
        yield StreamPiece(samples, clip, segment)


class StreamReader:
    """Reads the audio of a stream piece by piece and records what it contains.

    Iterating yields (samples,) at 16 kHz, with a second of silence at the end, in which a detector
    that waits for later audio finishes.

    Args:
        stream: the stream.
        loader: loads the clips, and collects those that cannot be read.
        progress: called after each clip.

    Attributes:
        segments: where the keywords read so far are spoken, in stream time.
        pieces: start of each clip in seconds, and the clip.
        samples: number of samples read so far, without the silence at the end.
    """

    def __init__(
        self, stream: Stream, loader: ClipLoader, progress: ProgressCallback | None = None
    ) -> None:
        self._stream, self._loader, self._progress = stream, loader, progress
        self.segments: list[KeywordSegment] = []
        self.pieces: list[tuple[float, Clip]] = []
        self.samples = 0

    @property
    def hours(self) -> float:
        """Hours of audio read so far."""
        return self.samples / SAMPLE_RATE / 3600

    def __iter__(self) -> Iterator[Samples]:
        for number, piece in enumerate(render(self._stream, self._loader)):
            start_s = self.samples / SAMPLE_RATE
            self.pieces.append((start_s, piece.clip))
            if piece.segment:
                self.segments.append(piece.segment.shifted(start_s))
            self.samples += len(piece.samples)
            if self._progress:
                self._progress(f"reading: {self._stream.name}", number + 1, len(self._stream.clips))
            yield piece.samples
        yield np.zeros(SAMPLE_RATE, dtype=np.float32)


def join_blocks(pieces: Iterable[Samples], samples: int = 20 * SAMPLE_RATE) -> Iterator[Samples]:
    """Join short pieces of a stream to blocks of at least `samples`, which encoders run faster."""
    pending: list[Samples] = []
    for piece in pieces:
        pending.append(piece)
        if sum(map(len, pending)) >= samples:
            yield np.concatenate(pending)
            pending = []
    if pending:
        yield np.concatenate(pending)


def _after_gap(samples: Samples, gap_s: float, rng: np.random.Generator) -> Samples:
    """Put a gap of faint white noise before a clip."""
    gap = rng.standard_normal(round(gap_s * SAMPLE_RATE)).astype(np.float32)
    return np.concatenate([gap * np.float32(_GAP_RMS), samples])
