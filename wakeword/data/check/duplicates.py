"""Find copies of a recording that were shifted, changed in level or encoded again.

Fingerprints that do not depend on a shift in time propose pairs; the maximum over all shifts of the
correlation of the two waveforms decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import SAMPLE_RATE, Samples

MIN_COSINE = 0.95
"""Cosine of two fingerprints from which a pair is compared sample by sample."""
MIN_CORRELATION = 0.88
"""Correlation from which two clips are the same recording. Measured on 1,132 clips of four
keywords: copies reach 0.95 and more, two utterances of the same voice at most 0.8."""

_WINDOW = 512
_HOP = SAMPLE_RATE // 100
_BANDS = 16
_BAND_HZ = (150.0, 4000.0)
_FRAMES = 1024  # 10.24 s are analysed
_MODULATIONS = 96  # times 100 / 1024 Hz: modulation frequencies up to 9.4 Hz
_COMPARED_HZ = (100.0, 3500.0)  # kept by every codec and telephone line
_BLOCK = 512


def fingerprint(samples: Samples) -> npt.NDArray[np.float32]:
    """Return the modulation spectrum of a clip in 16 bands, without its phase.

    Args:
        samples: (samples,) at 16 kHz.

    Returns:
        (1536,) of Euclidean norm 1.
    """
    centred = samples - samples.mean()
    padded = np.pad(centred, (0, max(0, _WINDOW - centred.size)))[: _FRAMES * _HOP]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)
    edges = _band_edges()
    power = np.add.reduceat(np.square(np.abs(spectrum[:, : edges[-1]])), edges[:-1], axis=1)
    floor = 1e-3 * power.max() + 1e-20
    energy = np.log(power / floor + 1.0)
    modulation = np.abs(np.fft.rfft(energy, _FRAMES, axis=0)[1 : _MODULATIONS + 1])
    # Slow modulations are large and similar in all clips of a keyword: emphasise fast ones.
    weighted = modulation * np.sqrt(np.arange(1, _MODULATIONS + 1))[:, None]
    vector = (weighted - weighted.mean()).ravel()
    return cast(
        npt.NDArray[np.float32],
        (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32),
    )


def similar_pairs(fingerprints: npt.NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Yield the pairs i < j of rows whose cosine is at least `MIN_COSINE`.

    Args:
        fingerprints: (clips, 1536).
    """
    for start in range(0, len(fingerprints), _BLOCK):
        cosines = fingerprints[start : start + _BLOCK] @ fingerprints[start:].T
        for row, column in np.argwhere(np.triu(cosines, 1) >= MIN_COSINE):
            yield start + int(row), start + int(column)


def correlation(first: Samples, second: Samples) -> float:
    """Return the maximum over all shifts of the normalised correlation, from 0 to 1.

    Args:
        first: (samples,) at 16 kHz.
        second: (samples,) at 16 kHz, of any length.
    """
    size = 1 << (first.size + second.size).bit_length()
    low, high = (round(hz * size / SAMPLE_RATE) for hz in _COMPARED_HZ)
    spectrum, other = (np.fft.rfft(samples, size)[low:high] for samples in (first, second))
    norm = float(np.linalg.norm(spectrum) * np.linalg.norm(other))
    if norm == 0.0:
        return 0.0
    product = np.zeros(size // 2 + 1, dtype=np.complex64)
    product[low:high] = spectrum * np.conj(other)
    return float(np.max(np.abs(np.fft.irfft(product, size))) * size / (2.0 * norm))


def find_copies(
    fingerprints: npt.NDArray[np.float32],
    load: Callable[[int], Samples],
    progress: Callable[[int, int], None] | None = None,
) -> list[tuple[int, int]]:
    """Return pairs of clips with the same recording; joined, they give the groups of copies.

    Args:
        fingerprints: (clips, 1536).
        load: returns the samples of a clip by its row.
        progress: called as `progress(done, total)` after each compared pair.
    """
    cached = lru_cache(maxsize=256)(load)
    pairs = list(similar_pairs(fingerprints))
    groups = DisjointSets(len(fingerprints))
    copies = []
    for done, (first, second) in enumerate(pairs, start=1):
        joined = groups.root(first) == groups.root(second)  # by a chain of copies
        if not joined and correlation(cached(first), cached(second)) >= MIN_CORRELATION:
            groups.join(first, second)
            copies.append((first, second))
        if progress is not None:
            progress(done, len(pairs))
    return copies


class DisjointSets:
    """Groups of the items 0 to `count` - 1; at first each item is a group (union-find)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, item: int) -> int:
        """Return the item that represents the group of `item`."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, first: int, second: int) -> None:
        """Merge the groups of two items."""
        smaller, larger = sorted((self.root(first), self.root(second)))
        self._parent[larger] = smaller

    def larger_than_one(self) -> list[list[int]]:
        """Return the groups of two or more items, sorted."""
        members: dict[int, list[int]] = {}
        for item in range(len(self._parent)):
            members.setdefault(self.root(item), []).append(item)
        return [items for items in members.values() if len(items) > 1]


@lru_cache(maxsize=1)
def _hann() -> npt.NDArray[np.float32]:
    return np.hanning(_WINDOW).astype(np.float32)


@lru_cache(maxsize=1)
def _band_edges() -> npt.NDArray[np.intp]:
    """Return (17,): the first frequency bin of each band and the end; equal widths in mel."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in _BAND_HZ)
    hz = 700.0 * (10.0 ** (np.linspace(low, high, _BANDS + 1) / 2595.0) - 1.0)
    return np.round(hz * _WINDOW / SAMPLE_RATE).astype(np.intp)
