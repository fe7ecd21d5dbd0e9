"""The threshold for a rate of false accepts, against events drawn from a known law."""

from __future__ import annotations

import numpy as np
import pytest

from wakeword.detection.trigger import Trigger
from wakeword.evaluation.threshold import Peaks, event_peaks, fit_threshold


def exponential(rng: np.random.Generator, per_hour: float, hours: float) -> Peaks:
    """Events whose rate falls by a factor e per 1.5 of the logit: `per_hour` above 0."""
    count = rng.poisson(per_hour * hours)
    return np.sort(rng.exponential(1.5, count))


@pytest.mark.parametrize("per_hour", [0.1, 0.5, 2.0])
def test_the_true_rate_is_the_one_asked_for_on_average(per_hour: float) -> None:
    """Over many draws of 3 h, the median true rate at the threshold is near the one asked for."""
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(300):
        fitted = fit_threshold(exponential(rng, 60.0, 3.0), 3.0, per_hour)
        logit = np.log(fitted.threshold / (1 - fitted.threshold))
        rates.append(60.0 * np.exp(-logit / 1.5))
    assert 0.4 * per_hour < np.median(rates) <= 1.1 * per_hour


def test_the_interval_covers_the_count_of_the_next_hours() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(500):
        fitted = fit_threshold(exponential(rng, 60.0, 2.0), 2.0, 0.5)
        logit = np.log(fitted.threshold / (1 - fitted.threshold))
        later = (exponential(rng, 60.0, 2.0) >= logit).sum() / 2.0
        inside.append(fitted.expected.low <= later <= fitted.expected.high)
    assert 0.93 <= np.mean(inside) <= 1.0


def test_no_more_events_are_counted_than_asked_for() -> None:
    events = np.array([*np.linspace(0, 1, 30), 8.0, 9.0, 10.0])
    fitted = fit_threshold(events, 4.0, 0.5)
    assert fitted.counted == 2 and not fitted.extrapolated
    assert fit_threshold(events, 1.0, 0.5).extrapolated


def test_without_events_the_threshold_is_one_half() -> None:
    assert fit_threshold(np.zeros(0), 1.0, 0.5).threshold == 0.5


def test_peaks_are_the_events_of_the_trigger() -> None:
    """As many peaks are above a threshold as the trigger has events at it."""
    rng = np.random.default_rng(2)
    noise = np.convolve(rng.standard_normal(20_000), np.hanning(60), "same")
    events = event_peaks(noise, 3, 25)
    for logit in (5.0, 8.0, 10.0):
        threshold = 1 / (1 + np.exp(-logit))
        triggered, _ = Trigger((threshold,), 3, 25).run(noise[:, None])
        counted = int((events >= logit).sum())
        assert counted > 0
        assert abs(len(triggered) - counted) <= 0.1 * counted + 1


@pytest.mark.parametrize(
    ("events", "hours", "logit", "counted"),
    [
        ([2.0], 1.0, 2.0, 0),  # none is allowed at 0.5 per hour
        ([1.0, 2.0], 1.0, 2.0, 0),
        ([1.0, 2.0], 2.0, 1.0, 1),  # one is
        ([1.0, 2.0], 4.0, 0.0, 2),
        ([-3.0, -2.0], 1.0, 0.0, 0),
    ],
)
def test_one_or_two_events_are_counted(
    events: list[float], hours: float, logit: float, counted: int
) -> None:
    fitted = fit_threshold(np.array(events), hours, 0.5)
    assert fitted.threshold == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)
    assert fitted.highest == pytest.approx(1 / (1 + np.exp(-events[-1])))
    assert fitted.counted == counted
