"""Detections that a model and its export share."""

from __future__ import annotations

import pytest

from wakeword.exporting.compare import _count_matches


@pytest.mark.parametrize(
    ("some", "others", "expected"),
    [
        ([("a", 1.0)], [("a", 1.15)], 1),
        ([("a", 1.0)], [("a", 1.25)], 0),
        ([("a", 1.0)], [("b", 1.0)], 0),
        ([("a", 1.0), ("a", 1.1)], [("a", 1.05)], 1),
        ([("a", 1.0), ("a", 1.3)], [("a", 1.15), ("a", 1.31)], 2),
        ([], [("a", 1.0)], 0),
    ],
)
def test_shared_detections_are_counted_once(
    some: list[tuple[str, float]], others: list[tuple[str, float]], expected: int
) -> None:
    assert _count_matches(some, others) == _count_matches(others, some) == expected
