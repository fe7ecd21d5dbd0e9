"""Results as rich tables and lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from wakeword.evaluation import metrics
from wakeword.evaluation.compare import compare_evaluations
from wakeword.evaluation.report.format import (
    format_calibration_advice,
    format_calls,
    format_false_accepts,
    format_file_size,
    format_hours,
    format_latency,
    format_percent,
    format_percent_estimate,
    format_percent_interval,
    format_source,
)
from wakeword.evaluation.report.verdict import SCALE, rate_misses, ratings, verdict
from wakeword.evaluation.results import FALSE_ACCEPT_RATES, Evaluation, KeywordResult

if TYPE_CHECKING:  # these load torch
    from wakeword.evaluation.benchmark import Benchmark
    from wakeword.evaluation.calibrate import Calibration

_SHOWN_FALSE_ACCEPTS = 10


def render_evaluation(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Yield the lines and tables that show an evaluation: the verdict first, then the details.

    Tables fit into 80 columns; what is longer continues on the next line.
    """
    yield from map(Text, (*verdict(evaluation), "", *ratings(evaluation), f"({SCALE})", ""))
    for keyword in evaluation.keywords:
        results = [each for each in evaluation.results if each.keyword == keyword]
        yield _stored_table(keyword, results)
        rates = [rate for rate in FALSE_ACCEPT_RATES if _is_shown(evaluation, results, rate)]
        if rates:
            yield _rate_table(keyword, results, rates)
    if evaluation.calls is not None:
        yield Text(f"gate: {format_calls(evaluation.calls)}")
    if evaluation.sources:
        yield _source_table(evaluation)
    yield from map(Text, _remarks(evaluation))


def _remarks(evaluation: Evaluation) -> Iterator[str]:
    """Yield what is said about confusable phrases, the hours, false accepts, and the notes."""
    for result in evaluation.confusables:
        yield (
            f"confusable phrases: '{result.keyword}' is detected in {result.detected} of "
            f"{result.clips} clips that sound nearly like it, at the stored threshold: "
            f"{format_percent_estimate(result.rate)}"
        )
    bound = metrics.poisson(0, evaluation.negative_hours).high
    hours = format_hours(evaluation.negative_hours)
    yield (
        f"{hours} of negatives: even with zero false accepts, the rate could be up to "
        f"{bound:.2f} per hour (95 %). Rates below one event in these hours are not given."
    )
    for accept in evaluation.false_accepts[:_SHOWN_FALSE_ACCEPTS]:
        yield (
            f"false accept: '{accept.keyword}' (score {accept.score:.3f}, peak {accept.peak:.3f}) "
            f"in {accept.clip.path.name}"
        )
    hidden = len(evaluation.false_accepts) - _SHOWN_FALSE_ACCEPTS
    if hidden > 0:
        yield f"and {hidden} more false accepts (all of them: --json)"
    for note in evaluation.notes:
        yield f"note: {note}"


def render_comparison(
    name: str, first: Evaluation, other: str, second: Evaluation
) -> RenderableType:
    """Return a table of the clips that only one of two models missed; a line where there is none.

    Args:
        name: of the first model.
        first: its evaluation.
        other: name of the second model.
        second: its evaluation, on the same streams.
    """
    compared = compare_evaluations(first, second)
    if not compared:
        return Text(
            f"{name} against {other}: not compared, as no condition has a threshold within 0.5 "
            "false accepts per hour for both models."
        )
    return _table(
        f"{name} against {other} at 0.5 false accepts per hour",
        ("condition", f"only {name} missed", f"only {other} missed", "p"),
        (
            (
                first.label(each.keyword, each.condition),
                str(each.only_first),
                str(each.only_second),
                f"{each.p:.3f}",
            )
            for each in compared
        ),
    )


def render_calibration(calibration: Calibration, file: object = "MODEL") -> Iterator[str]:
    """Yield what changed for each keyword, its threshold and rate, and the provenance.

    Of a provisional threshold they give what was observed instead of a rate, and what to do.

    Args:
        calibration: to show.
        file: of the model.
    """
    point = calibration.operating_point
    for keyword, before in calibration.previous.thresholds.items():
        changes = ", ".join(
            f"{each.before} → {each.after} of {each.clips} ({each.condition})"
            for each in calibration.misses.get(keyword, ())
        )
        yield (
            f"threshold of '{keyword}': {before:.4f} → {point.thresholds[keyword]:.4f}"
            + (f"; held-out misses {changes}" if changes else "")
        )
    if not calibration.misses:
        yield "What this changes in misses is unknown: give --data with clips of the keyword."
    for keyword, fitted in calibration.thresholds.items():
        if point.provisional:
            observed = format_false_accepts(fitted.counted, fitted.hours)
            threshold = point.thresholds[keyword]
            yield f"'{keyword}': threshold {threshold:.4f}, provisional; {observed}"
            continue
        extrapolated = ", above every event in these hours" if fitted.extrapolated else ""
        yield (
            f"'{keyword}': threshold {fitted.threshold:.4f}{extrapolated}; {fitted.counted} false "
            f"accepts in {fitted.hours:.2f} h; {fitted.expected.value:.2f} per hour expected, and "
            f"between {fitted.expected.low:.2f} and {fitted.expected.high:.2f} in as many hours "
            "again (95 %)"
        )
    yield (
        f"smoothing {point.smoothing_s:g} s, refractory time {point.refractory_s:g} s; "
        f"{point.provenance}"
    )
    if point.provisional:
        yield format_calibration_advice(file)


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


def _is_shown(evaluation: Evaluation, results: Sequence[KeywordResult], rate: float) -> bool:
    """Return whether the hours can show a rate, and a threshold is within it."""
    return evaluation.supports(rate) and any(each.operating_points.get(rate) for each in results)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table in which nothing is cut: the first column is text, the others are numbers."""
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _stored_table(keyword: str, results: Sequence[KeywordResult]) -> Table:
    timed = any(each.latency_percentiles for each in results)
    gated = any(each.gate_recall for each in results)
    columns = ["condition", "missed", "95 % interval", "rating"]
    columns += ["latency p50, p95"] if timed else []
    columns += ["gate recall"] if gated else []

    def row(result: KeywordResult) -> Iterator[str]:
        yield result.condition
        yield f"{result.shipped.misses} of {result.clips}"
        yield f"{format_percent_interval(result.shipped.miss_rate_estimate)} %"
        yield rate_misses(result).value
        if timed:
            yield ", ".join(map(format_latency, result.latency_percentiles or ())) or "–"
        if gated:
            yield format_percent(result.gate_recall.value) if result.gate_recall else "–"

    threshold = results[0].shipped.threshold
    title = f"'{keyword}' at the stored threshold, {threshold:.4f}"
    return _table(title, columns, ([*row(each)] for each in results))


def _rate_table(keyword: str, results: Sequence[KeywordResult], rates: Sequence[float]) -> Table:
    def cell(result: KeywordResult, rate: float) -> str:
        point = result.operating_points.get(rate)
        if point is None:
            return "–"
        estimate = point.miss_rate_estimate
        return f"{format_percent(estimate.value)}\n({format_percent_interval(estimate)})"

    return _table(
        f"'{keyword}': miss rate (95 % interval) by false accepts per hour",
        ["condition", *(f"{rate:g}/h" for rate in rates)],
        ([each.condition, *(cell(each, rate) for rate in rates)] for each in results),
    )


def _source_table(evaluation: Evaluation) -> Table:
    return _table(
        "False accepts at the stored threshold by source",
        ("source", "clips", "hours", "false accepts", "clips with any"),
        map(format_source, evaluation.sources),
    )
