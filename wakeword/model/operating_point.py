"""The operating point of a model: when a score becomes a detection."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class OperatingPoint:
    """When a score becomes a detection.

    Attributes:
        thresholds: lowest score, 0 to 1, at which each keyword is detected.
        smoothing_s: seconds of logits that are averaged.
        refractory_s: seconds after a detection in which the same keyword is not detected again.
        provenance: how the thresholds were found, in words.
        provisional: whether they rest on too little other sound to confirm the rate of false
            accepts that they aim at; see `evaluation.threshold.hours_to_confirm`. False in files of
            earlier versions, which do not say.
    """

    thresholds: Mapping[str, float]
    smoothing_s: float = 0.12
    refractory_s: float = 1.0
    provenance: str = ""
    provisional: bool = False


def validate_operating_point(point: OperatingPoint, keywords: Collection[str]) -> None:
    """Check an operating point that may come from an untrusted file.

    Raises:
        ValueError: thresholds of other keywords, numbers out of range, or a flag that is none.
        TypeError: a threshold or time is no number.
    """
    if not isinstance(point.provisional, bool):
        raise ValueError(f"an operating point that is provisional: {point.provisional!r}")
    if not keywords or set(point.thresholds) != set(keywords):
        raise ValueError("keywords and thresholds do not match")
    for value in (*point.thresholds.values(), point.smoothing_s, point.refractory_s):
        if not (isinstance(value, (int, float)) and 0 <= value <= 60):
            raise ValueError(f"an operating point of {value!r}")
