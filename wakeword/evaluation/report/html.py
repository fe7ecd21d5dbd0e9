"""An evaluation as one HTML page."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from wakeword.evaluation import metrics
from wakeword.evaluation.compare import compare_evaluations
from wakeword.evaluation.report.format import (
    format_calls,
    format_count,
    format_latency,
    format_percent,
    format_percent_interval,
)
from wakeword.evaluation.report.page import embed_png, html_table, write_page
from wakeword.evaluation.report.plots import det_figure
from wakeword.evaluation.results import Evaluation, KeywordResult

_PER_HOUR = 0.5
_SHOWN_SPEAKERS = 15


def write_html_report(
    name: str, evaluation: Evaluation, path: Path, other: tuple[str, Evaluation] | None = None
) -> None:
    """Write an evaluation as one HTML page with tables and the DET plot.

    Args:
        name: of the model.
        evaluation: to report.
        path: of the page.
        other: name and evaluation of a second model on the same streams, to compare with.

    Raises:
        ConfigError: the page cannot be written.
    """
    png = io.BytesIO()
    det_figure(evaluation).savefig(png, format="png", dpi=160)
    hours = evaluation.negative_hours
    keywords = ", ".join(f"'{keyword}'" for keyword in evaluation.keywords)
    supported = evaluation.supports(_PER_HOUR)
    body = f"""<h1>{escape(name)}: event-level evaluation</h1>
<p>{escape(keywords)} among {hours:.2f} hours of speech and noise without the keyword. Even with
zero false accepts, the rate could be up to {metrics.poisson(0, hours).high:.2f} per hour
(95 %).</p>
<h2>Miss rate</h2>
<p>At no more than {_PER_HOUR:g} false accepts per hour, with the threshold read off the curve of
each condition, and at the threshold stored in the model file. Intervals of 95 %: over clips
 (Wilson) and over resampled speakers (bootstrap).\
{"" if supported else " These hours are too few to show that rate."}</p>
{html_table(_MISS_COLUMNS, (_miss_row(evaluation, result) for result in evaluation.results))}
{embed_png(png.getvalue(), "Miss rate against false accepts per hour")}
{_comparison(evaluation, *other) if other else ""}{_gate(evaluation)}
<h2>Latency</h2>
<p>From the end of the keyword to its detection, at the stored threshold.</p>
{html_table(_LATENCY_COLUMNS, (_latency_row(evaluation, each) for each in evaluation.results))}
<h2>False accepts by source</h2>
{html_table(_SOURCE_COLUMNS, _source_rows(evaluation))}
{_confusables(evaluation)}<h2>By speaker</h2>
<p>Speakers with the highest miss rate at the stored threshold, over all conditions.</p>
{html_table(("speaker", "clips", "missed"), _speaker_rows(evaluation))}
{_list("Notes", evaluation.notes)}"""
    write_page(f"{name}: evaluation", body, path)


_MISS_COLUMNS = (
    "condition",
    "clips",
    "missed",
    "over clips",
    "over speakers",
    "at the stored threshold",
)
_LATENCY_COLUMNS = ("condition", "median", "95th percentile")
_SOURCE_COLUMNS = ("source", "clips", "hours", "false accepts", "clips with false accepts")
_GATE_COLUMNS = ("condition", "clips", "gate recall", "interval, %")
_CONFUSABLE_COLUMNS = ("keyword", "clips", "detected", "interval, %")


def _comparison(evaluation: Evaluation, other: str, second: Evaluation) -> str:
    rows = (
        (
            evaluation.label(each.keyword, each.condition),
            str(each.only_first),
            str(each.only_second),
            f"{each.p:.3f}",
        )
        for each in compare_evaluations(evaluation, second)
    )
    return f"""<h2>Against {escape(other)}</h2>
<p>Clips that only one of the two missed, each at its own threshold for {_PER_HOUR:g} false accepts
per hour; p-value of McNemar's exact test.</p>
{html_table(("condition", "only this one", "only the other", "p"), rows)}"""


def _gate(evaluation: Evaluation) -> str:
    if evaluation.calls is None:
        return ""
    rows = (
        (
            _label(evaluation, each),
            str(each.clips),
            format_percent(each.gate_recall.value),
            format_percent_interval(each.gate_recall),
        )
        for each in evaluation.results
        if each.gate_recall
    )
    return f"""<h2>Gate</h2>
<p>At the gate thresholds in the model file, {escape(format_calls(evaluation.calls))}. Gate recall
is the share of the clips at which the verifier is called for the keyword.</p>
{html_table(_GATE_COLUMNS, rows)}"""


def _label(evaluation: Evaluation, result: KeywordResult) -> str:
    return evaluation.label(result.keyword, result.condition)


def _miss_row(evaluation: Evaluation, result: KeywordResult) -> list[str]:
    point = result.operating_points[_PER_HOUR]
    label, shipped = _label(evaluation, result), format_percent(result.shipped.miss_rate)
    if point is None or not evaluation.supports(_PER_HOUR):
        return [label, str(result.clips), "–", "–", "–", shipped]
    by_clip, by_speaker = point.miss_rate_estimate, result.speaker_bootstrap(_PER_HOUR)
    return [
        label,
        str(result.clips),
        format_percent(by_clip.value),
        format_percent_interval(by_clip),
        format_percent_interval(by_speaker) if by_speaker else "–",
        shipped,
    ]


def _latency_row(evaluation: Evaluation, result: KeywordResult) -> list[str]:
    percentiles = result.latency_percentiles
    times = [format_latency(value) for value in percentiles] if percentiles else ["–", "–"]
    return [_label(evaluation, result), *times]


def _source_rows(evaluation: Evaluation) -> Iterable[Sequence[str]]:
    for source in evaluation.sources:
        share = format_count(source.clips_with_false_accepts, source.clips)
        numbers = (str(source.clips), f"{source.hours:.2f}", str(source.false_accepts))
        yield source.name, *numbers, share


def _confusables(evaluation: Evaluation) -> str:
    if not evaluation.confusables:
        return ""
    rows = (
        (
            each.keyword,
            str(each.clips),
            format_count(each.detected, each.clips),
            format_percent_interval(each.rate),
        )
        for each in evaluation.confusables
    )
    return f"""<h2>Confusable phrases</h2>
<p>Clips that sound nearly like the keyword, at the stored threshold; part of no other rate.</p>
{html_table(_CONFUSABLE_COLUMNS, rows)}
"""


def _speaker_rows(evaluation: Evaluation) -> Iterable[Sequence[str]]:
    totals = evaluation.misses_by_speaker()
    worst = sorted(totals.items(), key=lambda item: (-item[1][0] / item[1][1], item[0]))
    for speaker, (misses, clips) in worst[:_SHOWN_SPEAKERS]:
        yield speaker, str(clips), format_count(misses, clips, digits=0)


def _list(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    lines = "\n".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<h2>{title}</h2>\n<ul>\n{lines}\n</ul>"
