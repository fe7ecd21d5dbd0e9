"""Number formats of the reports."""

from __future__ import annotations

import pytest

from wakeword.evaluation.metrics import poisson, wilson
from wakeword.evaluation.report import format as formats

ONE_OF_TWENTY = wilson(1, 20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.format_percent(0.0123), "1.2 %"),
        (formats.format_percent(0.5, 0), "50 %"),
        (formats.format_percent_interval(ONE_OF_TWENTY), "0.9–23.6"),
        (formats.format_percent_estimate(ONE_OF_TWENTY), "5.0 % (0.9–23.6)"),
        (formats.format_percent_estimate(ONE_OF_TWENTY, 0), "5 % (1–24)"),
        (formats.format_rate_interval(poisson(1, 4.0)), "0.01–1.39"),
        (formats.format_hours(2.5), "2.5 h"),
        (formats.format_hours(0.5), "30 min"),
        (formats.format_hours(0.02), "1.2 min"),
        (formats.format_false_accepts(1, 0.02), "1 false accept in 1.2 min of other sound"),
        (formats.format_false_accepts(0, 2.0), "0 false accepts in 2.0 h of other sound"),
        (formats.format_latency(0.1234), "123 ms"),
        (formats.format_count(3, 24), "3 (12.5 %)"),
        (formats.format_count(3, 24, 0), "3 (12 %)"),
        (formats.format_file_size(12_345_678), "12.3 MB"),
    ],
)
def test_formats(text: str, expected: str) -> None:
    assert text == expected
