"""Find copies of a recording that were shifted, made louder or softer, or coded again.

Two steps: a fingerprint that a shift in time does not change proposes pairs; the correlation of
the two waveforms over all shifts decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

from wakeword.audio.samples import SAMPLE_RATE, Samples

SIMILAR = 0.95
"""Cosine of two fingerprints from which a pair is compared sample by sample."""
SAME = 0.88
"""Correlation from which two clips are the same recording. Measured on 1,132 clips of four words:
copies reach 0.95 and more, two sayings by the same voice at most 0.8."""

_WINDOW = 512
_HOP = SAMPLE_RATE // 100
_BANDS = 16
_BAND_HZ = (150.0, 4000.0)
_FRAMES = 1024  # 10.24 s are looked at
_MODULATIONS = 96  # times 100 / 1024 Hz: how fast the bands' energies change, up to 9.4 Hz
_COMPARED_HZ = (100.0, 3500.0)  # what every codec and telephone line keeps
_BLOCK = 512


def fingerprint(samples: Samples) -> npt.NDArray[np.float32]:
    """(samples,) → (1536,) of length 1: how the energy of 16 bands changes, without its phase."""
    centred = samples - samples.mean()
    padded = np.pad(centred, (0, max(0, _WINDOW - centred.size)))[: _FRAMES * _HOP]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)
    edges = _band_edges()
    power = np.add.reduceat(np.square(np.abs(spectrum[:, : edges[-1]])), edges[:-1], axis=1)
    floor = 1e-3 * power.max() + 1e-20
    energy = np.log(power / floor + 1.0)
    modulation = np.abs(np.fft.rfft(energy, _FRAMES, axis=0)[1 : _MODULATIONS + 1])
    # Slow changes are large and alike in all clips of a word: weigh the fast ones up.
    weighted = modulation * np.sqrt(np.arange(1, _MODULATIONS + 1))[:, None]
    vector = (weighted - weighted.mean()).ravel()
    return cast(
        npt.NDArray[np.float32],
        (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32),
    )


def similar_pairs(fingerprints: npt.NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """(clips, 1536) → every pair i < j whose fingerprints are alike."""
    for start in range(0, len(fingerprints), _BLOCK):
        cosines = fingerprints[start : start + _BLOCK] @ fingerprints[start:].T
        for row, column in np.argwhere(np.triu(cosines, 1) >= SIMILAR):
            yield start + int(row), start + int(column)


def correlation(first: Samples, second: Samples) -> float:
    """The largest normalised correlation of two waveforms over all shifts, from 0 to 1."""
    size = 1 << (first.size + second.size).bit_length()
    low, high = (round(hz * size / SAMPLE_RATE) for hz in _COMPARED_HZ)
    one, other = (np.fft.rfft(samples, size)[low:high] for samples in (first, second))
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    if norm == 0.0:
        return 0.0
    product = np.zeros(size // 2 + 1, dtype=np.complex64)
    product[low:high] = one * np.conj(other)
    return float(np.max(np.abs(np.fft.irfft(product, size))) * size / (2.0 * norm))


def find_copies(
    fingerprints: npt.NDArray[np.float32],
    load: Callable[[int], Samples],
    progress: Callable[[int, int], None] | None = None,
) -> list[tuple[int, int]]:
    """Pairs of clips that are the same recording; joined, they give the groups of copies.

    Args:
        fingerprints: (clips, 1536).
        load: the samples of a clip by its row.
        progress: called with the pairs compared and their number.
    """
    cached = lru_cache(maxsize=256)(load)
    pairs = list(similar_pairs(fingerprints))
    groups = Groups(len(fingerprints))
    links = []
    for done, (first, second) in enumerate(pairs, start=1):
        joined = groups.root(first) == groups.root(second)  # by a chain of copies
        if not joined and correlation(cached(first), cached(second)) >= SAME:
            groups.join(first, second)
            links.append((first, second))
        if progress is not None:
            progress(done, len(pairs))
    return links


class Groups:
    """Numbered items; those that were joined, directly or by way of others, are one group."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, item: int) -> int:
        """The item that stands for the group of `item`."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, first: int, second: int) -> None:
        """Make one group of the groups of both."""
        one, other = sorted((self.root(first), self.root(second)))
        self._parent[other] = one

    def of_several(self) -> list[list[int]]:
        """The groups with more than one item, sorted."""
        members: dict[int, list[int]] = {}
        for item in range(len(self._parent)):
            members.setdefault(self.root(item), []).append(item)
        return [items for items in members.values() if len(items) > 1]


@lru_cache(maxsize=1)
def _hann() -> npt.NDArray[np.float32]:
    return np.hanning(_WINDOW).astype(np.float32)


@lru_cache(maxsize=1)
def _band_edges() -> npt.NDArray[np.intp]:
    """(17,): the first frequency bin of each band and the end; bands of equal width in mel."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in _BAND_HZ)
    hz = 700.0 * (10.0 ** (np.linspace(low, high, _BANDS + 1) / 2595.0) - 1.0)
    return np.round(hz * _WINDOW / SAMPLE_RATE).astype(np.intp)
