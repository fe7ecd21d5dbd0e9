"""The operating point of a model: when a score becomes a detection, and where its keyword is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

DEFAULT_LATENCY_S = 0.1
"""Seconds from the end of a keyword to its detection, where no held-out clips were measured."""
DEFAULT_DURATION_S = 0.6
"""Duration of a keyword in seconds, where no clips were measured."""


@dataclass(frozen=True)
class OperatingPoint:
    """When a score becomes a detection, and where in the stream the keyword then is.

    Attributes:
        thresholds: lowest score, 0 to 1, at which each keyword is detected.
        smoothing_s: seconds of logits that are averaged.
        refractory_s: seconds after a detection in which the same keyword is not detected again.
        provenance: how the thresholds were found, in words.
        provisional: whether they rest on too little other sound to confirm the rate of false
            accepts that they aim at; see `evaluation.threshold.hours_to_confirm`. False in files of
            earlier versions, which do not say.
        latency_s: by keyword, the median time in seconds from its end to its detection in held-out
            clips; a keyword that is not in it has `DEFAULT_LATENCY_S`.
        duration_s: by keyword, the median duration of its clips in seconds; a keyword that is not
            in it has `DEFAULT_DURATION_S`.
    """

    thresholds: Mapping[str, float]
    smoothing_s: float = 0.12
    refractory_s: float = 1.0
    provenance: str = ""
    provisional: bool = False
    latency_s: Mapping[str, float] = field(default_factory=dict)
    duration_s: Mapping[str, float] = field(default_factory=dict)

    def keyword_bounds(self, keyword: str, time_s: float) -> tuple[float, float]:
        """Estimate where a keyword is, from the time of its detection.

        Args:
            keyword: which one.
            time_s: of the detection, in seconds of the stream.

        Returns:
            Start and end of the keyword in seconds of the stream.
        """
        end_s = max(0.0, time_s - self.latency_s.get(keyword, DEFAULT_LATENCY_S))
        return max(0.0, end_s - self.duration_s.get(keyword, DEFAULT_DURATION_S)), end_s


def validate_operating_point(point: OperatingPoint, keywords: Collection[str]) -> None:
    """Check an operating point that may come from an untrusted file.

    Raises:
        ValueError: thresholds or times of other keywords, numbers out of range, or a flag that is
            none.
        TypeError, AttributeError: thresholds or times of another type.
    """
    if not isinstance(point.provisional, bool):
        raise ValueError(f"an operating point that is provisional: {point.provisional!r}")
    if not keywords or set(point.thresholds) != set(keywords):
        raise ValueError("keywords and thresholds do not match")
    for value in (*point.thresholds.values(), point.smoothing_s, point.refractory_s):
        if not (isinstance(value, (int, float)) and 0 <= value <= 60):
            raise ValueError(f"an operating point of {value!r}")
    for times_s, lowest_s in ((point.latency_s, -60), (point.duration_s, 0)):
        if not set(times_s) <= set(keywords):
            raise ValueError("latencies or durations of other keywords")
        for value in times_s.values():
            if not (isinstance(value, (int, float)) and lowest_s <= value <= 60):
                raise ValueError(f"a keyword's latency or duration of {value!r} s")
