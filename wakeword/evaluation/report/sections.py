"""Parts of an HTML report that every evaluation has, that of the demo too."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from wakeword.evaluation.report.format import (
    format_hours,
    format_percent,
    format_percent_interval,
)
from wakeword.evaluation.report.page import Html, embed_picture, html_facts, html_table
from wakeword.evaluation.report.plots import det_png
from wakeword.evaluation.report.subject import Subject
from wakeword.evaluation.report.theme import DARK, LIGHT
from wakeword.evaluation.report.verdict import (
    SCALE,
    Rating,
    rate_false_accepts,
    rate_misses,
    ratings,
    verdict,
)
from wakeword.evaluation.results import Evaluation, KeywordResult


def verdict_section(evaluation: Evaluation) -> str:
    """Return what was detected, and whether that is good, in sentences."""
    said = [f'<p class="verdict">{escape(text)}</p>' for text in verdict(evaluation)]
    rated = [f"<p>{escape(text)}</p>" for text in ratings(evaluation)]
    return "\n".join([*said, *rated])


def facts_section(subject: Subject, evaluation: Evaluation) -> str:
    """Return what was evaluated: model file, encoders, thresholds, data, hours, version, date."""
    return html_facts(_facts(subject, evaluation))


def results_section(evaluation: Evaluation) -> str:
    """Return misses, ratings and latencies at the stored threshold, and the scale of ratings."""
    timed = any(result.latency_percentiles for result in evaluation.results)
    columns = ["condition", "detected", "missed", "95 % interval", "rating"]
    table = html_table(
        [*columns, *(["latency, ms"] if timed else [])],
        (_result_row(evaluation, result, timed) for result in evaluation.results),
    )
    latency = (
        " Latency is from the end of the keyword to its detection: median and 95th percentile."
        if timed
        else ""
    )
    return f"""<h2>At the threshold in the model file</h2>
{table}
{_false_accept_table(evaluation)}
<p class="muted">Ratings: {escape(SCALE)}.{latency}</p>"""


def det_section(evaluation: Evaluation) -> str:
    """Return the DET plot, for light and for dark pages."""
    light, dark = det_png(evaluation, LIGHT), det_png(evaluation, DARK)
    return embed_picture(light, dark, "Miss rate against false accepts per hour")


def _facts(subject: Subject, evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    yield "model file", subject.file
    yield from subject.encoders.items()
    several = len(subject.thresholds) > 1
    thresholds = (
        f"'{keyword}' {threshold:.4f}" if several else f"{threshold:.4f}"
        for keyword, threshold in subject.thresholds.items()
    )
    yield "threshold", ", ".join(thresholds)
    if subject.threshold_provenance:
        yield "threshold source", subject.threshold_provenance
    clips = {each.keyword: each.clips for each in evaluation.results}
    yield "data", subject.data
    yield "keyword clips", ", ".join(f"{count} of '{name}'" for name, count in clips.items())
    yield "other sound", format_hours(evaluation.negative_hours)
    yield "wakeword", subject.version
    yield "date", subject.date


def _result_row(evaluation: Evaluation, result: KeywordResult, timed: bool) -> list[str]:
    miss_rate = result.shipped.miss_rate_estimate
    row = [
        evaluation.label(result.keyword, result.condition),
        f"{result.clips - result.shipped.misses} of {result.clips}",
        format_percent(miss_rate.value),
        format_percent_interval(miss_rate),
        _rated(rate_misses(result)),
    ]
    if timed:
        latencies = (f"{1000 * value:.0f}" for value in result.latency_percentiles or ())
        row.append(", ".join(latencies) or "–")
    return row


def _false_accept_table(evaluation: Evaluation) -> str:
    first = {result.keyword: result for result in reversed(evaluation.results)}
    return html_table(
        ("keyword", "false accepts", "per hour", "95 % interval", "rating"),
        (
            (
                f"'{keyword}'",
                f"{point.false_accepts} in {format_hours(point.hours)}",
                f"{rate.value:.2f}",
                f"{rate.low:.2f}–{rate.high:.2f}",
                _rated(rate_false_accepts(first[keyword])),
            )
            for keyword in evaluation.keywords
            for point in [first[keyword].shipped]
            for rate in [point.false_accept_estimate]
        ),
    )


def _rated(rating: Rating) -> Html:
    return Html(f'<span class="{rating.value}">{rating.value}</span>')
