"""Fingerprints and correlation."""

from __future__ import annotations

import numpy as np
import pytest
from faulty_data import shifted, voice

from wakeword.data.check import duplicates


def test_correlation_of_equal_and_different_recordings() -> None:
    recording = voice(1)
    assert duplicates.correlation(recording, shifted(recording)) > 0.99
    assert duplicates.correlation(recording, -recording[1000:]) > duplicates.MIN_CORRELATION
    assert duplicates.correlation(recording, voice(2)) < 0.5
    assert duplicates.correlation(recording, np.zeros_like(recording)) == 0.0


def test_fingerprints_are_invariant_to_shifts() -> None:
    recordings = (voice(1), shifted(voice(1)), voice(2))
    fingerprints = np.stack([duplicates.fingerprint(samples) for samples in recordings])
    assert np.linalg.norm(fingerprints, axis=1) == pytest.approx(1.0)
    assert list(duplicates.similar_pairs(fingerprints)) == [(0, 1)]


def test_pairs_are_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_BLOCK", 2)
    fingerprints = np.eye(5, dtype=np.float32)[[0, 1, 2, 1, 0]]
    assert sorted(duplicates.similar_pairs(fingerprints)) == [(0, 4), (1, 3)]
