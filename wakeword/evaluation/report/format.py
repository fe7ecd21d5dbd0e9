"""Number formats of every report: proportions, rates, intervals, hours, latencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wakeword.evaluation.metrics import Estimate
    from wakeword.evaluation.results import CallResult, SourceResult


def format_percent(share: float, digits: int = 1) -> str:
    """Format a proportion: 0.0123 → "1.2 %"."""
    return f"{100 * share:.{digits}f} %"


def format_percent_interval(estimate: Estimate, digits: int = 1) -> str:
    """Format the interval of a proportion in percent, without the sign: "0.9–23.6"."""
    return f"{100 * estimate.low:.{digits}f}–{100 * estimate.high:.{digits}f}"


def format_percent_estimate(estimate: Estimate, digits: int = 1) -> str:
    """Format a proportion with its interval: "5.0 % (0.9–23.6)"."""
    interval = format_percent_interval(estimate, digits)
    return f"{format_percent(estimate.value, digits)} ({interval})"


def format_rate_interval(estimate: Estimate, digits: int = 2) -> str:
    """Format the interval of a rate per hour: "0.01–1.39"."""
    return f"{estimate.low:.{digits}f}–{estimate.high:.{digits}f}"


def format_hours(hours: float) -> str:
    """Format a length of audio: "2.5 h", "30 min" below an hour, "1.2 min" below ten minutes."""
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{60 * hours:.{1 if hours < 1 / 6 else 0}f} min"


def format_false_accepts(count: int, hours: float) -> str:
    """Format what was observed, not a rate: "1 false accept in 1.2 min of other sound"."""
    accepts = "false accept" if count == 1 else "false accepts"
    return f"{count} {accepts} in {format_hours(hours)} of other sound"


def format_calibration_advice(file: object = "MODEL") -> str:
    """Return one line that says what to do about a provisional threshold.

    Args:
        file: of the model.
    """
    return (
        "The threshold is provisional. Set it from more recordings without the keyword, your own "
        "or those of `wakeword data get`: "
        f"wakeword calibrate {file} --negatives FOLDER"
    )


def format_latency(seconds: float) -> str:
    """Format a latency: 0.1234 → "123 ms"."""
    return f"{1000 * seconds:.0f} ms"


def format_count(count: int, total: int, digits: int = 1) -> str:
    """Format a count with its share of a total: "3 (12.5 %)"."""
    return f"{count} ({format_percent(count / total, digits)})"


def format_source(source: SourceResult) -> tuple[str, str, str, str, str]:
    """Format a source of negatives: name, clips, hours, false accepts, clips with any."""
    return (
        source.name,
        str(source.clips),
        f"{source.hours:.2f}",
        str(source.false_accepts),
        format_count(source.clips_with_false_accepts, source.clips),
    )


def format_file_size(size_bytes: float) -> str:
    """Format the size of a file: "12.3 MB"."""
    return f"{size_bytes / 1e6:.1f} MB"


def format_calls(calls: CallResult) -> str:
    """Format the calls of a verifier: rates per hour of negatives, and candidates by keyword."""
    candidates = ", ".join(
        f"'{keyword}' {rate.value:.1f}" for keyword, rate in calls.candidates_per_hour.items()
    )
    return (
        f"the verifier is called {calls.calls_per_hour.value:.1f} times per hour of negatives; "
        f"candidates per hour: {candidates}"
    )
