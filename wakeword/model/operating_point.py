"""TODO."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class OperatingPoint:
    """When a score becomes a detection; times in seconds, counted in frames."""

    thresholds: Mapping[str, float]  # by keyword, 0 to 1
    smoothing_s: float = 0.12
    refractory_s: float = 1.0
    provenance: str = ""  # how the thresholds were found


def validate_operating_point(point: OperatingPoint, keywords: Collection[str]) -> None:
    """Of a file that may be hostile. Raises ValueError, or TypeError where it holds no numbers."""
    if not keywords or set(point.thresholds) != set(keywords):
        raise ValueError("keywords and thresholds do not match")
    for value in (*point.thresholds.values(), point.smoothing_s, point.refractory_s):
        if not (isinstance(value, (int, float)) and 0 <= value <= 60):
            raise ValueError(f"an operating point of {value!r}")
