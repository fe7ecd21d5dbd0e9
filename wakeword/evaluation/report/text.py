"""Results as rich tables and lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table

from wakeword.evaluation import metrics
from wakeword.evaluation.compare import compare_evaluations
from wakeword.evaluation.report.format import (
    format_calls,
    format_count,
    format_file_size,
    format_latency,
    format_percent,
    format_percent_estimate,
    format_rate_estimate,
)
from wakeword.evaluation.results import FALSE_ACCEPT_RATES, Evaluation, KeywordResult

if TYPE_CHECKING:  # these load torch
    from wakeword.evaluation.benchmark import Benchmark
    from wakeword.evaluation.calibrate import Calibration

_SHOWN_FALSE_ACCEPTS = 10


def render_evaluation(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Yield the tables and lines that show an evaluation: misses, sources, limits, notes."""
    yield _miss_table(evaluation)
    if evaluation.calls is not None:
        yield f"gate: {format_calls(evaluation.calls)}"
    if evaluation.sources:
        yield _source_table(evaluation)
    for result in evaluation.confusables:
        yield (
            f"confusable phrases: '{result.keyword}' is detected in {result.detected} of "
            f"{result.clips} clips that sound nearly like it, at the stored threshold: "
            f"{format_percent_estimate(result.rate)}"
        )
    bound = metrics.poisson(0, evaluation.negative_hours).high
    yield (
        f"{evaluation.negative_hours:.2f} h of negatives: even with zero false accepts, the rate "
        f"could be up to {bound:.2f} per hour (95 %). Rates below one event in these hours are not "
        "given."
    )
    for accept in evaluation.false_accepts[:_SHOWN_FALSE_ACCEPTS]:
        yield f"false accept: '{accept.keyword}' ({accept.score:.3f}) in {accept.clip.path.name}"
    for note in evaluation.notes:
        yield f"note: {note}"


def render_comparison(name: str, first: Evaluation, other: str, second: Evaluation) -> Table:
    """Return a table of the clips that only one of two models missed.

    Args:
        name: of the first model.
        first: its evaluation.
        other: name of the second model.
        second: its evaluation, on the same streams.
    """
    table = Table(title=f"{name} against {other} at 0.5 false accepts per hour")
    for column in ("keyword", "condition", f"only {name} missed", f"only {other} missed", "p"):
        table.add_column(column)
    for each in compare_evaluations(first, second):
        counts = (str(each.only_first), str(each.only_second))
        table.add_row(each.keyword, each.condition, *counts, f"{each.p:.3f}")
    return table


def render_calibration(calibration: Calibration) -> Iterator[str]:
    """Yield one line per keyword with its threshold and rate, and one with the provenance."""
    for keyword, fitted in calibration.thresholds.items():
        extrapolated = ", above every event in these hours" if fitted.extrapolated else ""
        yield (
            f"'{keyword}': threshold {fitted.threshold:.4f}{extrapolated}; {fitted.counted} false "
            f"accepts in {fitted.hours:.2f} h; {fitted.expected.value:.2f} per hour expected, and "
            f"between {fitted.expected.low:.2f} and {fitted.expected.high:.2f} in as many hours "
            "again (95 %)"
        )
    point = calibration.operating_point
    yield (
        f"smoothing {point.smoothing_s:g} s, refractory time {point.refractory_s:g} s; "
        f"{point.provenance}"
    )


def render_benchmark(benchmark: Benchmark, file_bytes: int) -> Iterator[RenderableType]:
    """Yield a table of the engines, a line about both stages if there are two, and the model's.

    Args:
        benchmark: to show.
        file_bytes: size of the model file.
    """
    from wakeword.evaluation.benchmark import STREAMS

    table = Table(
        "engine", title=f"{benchmark.seconds:.0f} s of audio, 80 ms at a time, one thread"
    )
    for column in ("real-time factor", "times this model", "80 ms take p50", "p99"):
        table.add_column(column, justify="right")
    for cost in benchmark.engines:
        ratio = cost.real_time_factor / benchmark.engines[0].real_time_factor
        times = (f"{cost.p50_ms:.2f} ms", f"{cost.p99_ms:.2f} ms")
        table.add_row(cost.engine, f"{cost.real_time_factor:.4f}", f"{ratio:.2f}", *times)
    yield table
    both = benchmark.two_stage
    if both is not None:
        yield (
            f"gate: {both.gate_parameters / 1e6:.1f} M parameters, real-time factor "
            f"{both.gate_real_time_factor:.4f}; verifier: "
            f"{both.verifier_parameters / 1e6:.1f} M parameters, "
            f"{both.verification_ms:.0f} ms a call, {both.calls_per_hour:.0f} calls per hour "
            f"of this audio; both: real-time factor {both.real_time_factor:.4f}"
        )
    yield (
        f"{benchmark.encoder} ({benchmark.streaming}), {benchmark.parameters / 1e6:.1f} M "
        f"parameters, file {format_file_size(file_bytes)}; process {benchmark.memory_mb:.0f} MB; "
        f"look-ahead {benchmark.look_ahead_ms:.0f} ms; "
        f"max |stream − offline| {benchmark.stream_difference:.1e}; "
        f"{STREAMS} streams at once: one core would keep up with {benchmark.streams_per_core:.0f}"
    )


def format_miss_rate(evaluation: Evaluation, result: KeywordResult, per_hour: float) -> str:
    """Format a miss rate with its interval; "needs 2 h" where the hours cannot show the rate."""
    point = result.operating_points[per_hour]
    if not evaluation.supports(per_hour):
        return f"needs {1 / per_hour:g} h"
    return "–" if point is None else format_percent_estimate(point.miss_rate_estimate)


def _miss_table(evaluation: Evaluation) -> Table:
    table = Table(title="Miss rate (95 % interval) at false accepts per hour")
    table.add_column("keyword")
    table.add_column("condition")
    table.add_column("clips", justify="right")
    for rate in FALSE_ACCEPT_RATES:
        table.add_column(f"{rate:g}/h")
    table.add_column("at the stored threshold")
    table.add_column("latency p50, p95")
    if evaluation.calls is not None:
        table.add_column("gate recall")
    for result in evaluation.results:
        recall = result.gate_recall
        table.add_row(
            result.keyword,
            result.condition,
            str(result.clips),
            *(format_miss_rate(evaluation, result, rate) for rate in FALSE_ACCEPT_RATES),
            _at_stored_threshold(result),
            _latencies(result.latency_percentiles),
            *([format_percent_estimate(recall)] if recall else []),
        )
    return table


def _at_stored_threshold(result: KeywordResult) -> str:
    point = result.shipped
    rate = format_rate_estimate(point.false_accept_estimate)
    return f"{format_percent(point.miss_rate)} at {rate}, threshold {point.threshold:.4f}"


def _latencies(percentiles: Sequence[float] | None) -> str:
    return "–" if percentiles is None else ", ".join(map(format_latency, percentiles))


def _source_table(evaluation: Evaluation) -> Table:
    table = Table(title="False accepts at the stored threshold by source of negatives")
    for name in ("source", "clips", "hours", "false accepts", "clips with false accepts"):
        table.add_column(name, justify="left" if name == "source" else "right")
    for source in evaluation.sources:
        table.add_row(
            source.name,
            str(source.clips),
            f"{source.hours:.2f}",
            str(source.false_accepts),
            format_count(source.clips_with_false_accepts, source.clips),
        )
    return table
