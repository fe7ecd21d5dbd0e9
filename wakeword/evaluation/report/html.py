"""An evaluation as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from wakeword.evaluation import metrics
from wakeword.evaluation.compare import compare_evaluations
from wakeword.evaluation.report.format import (
    format_calls,
    format_count,
    format_percent,
    format_percent_interval,
    format_source,
)
from wakeword.evaluation.report.page import html_table, write_page
from wakeword.evaluation.report.sections import (
    det_section,
    facts_section,
    results_section,
    verdict_section,
)
from wakeword.evaluation.report.subject import Subject
from wakeword.evaluation.results import Evaluation, KeywordResult

_PER_HOUR = 0.5
_SHOWN_SPEAKERS = 15


def write_html_report(
    subject: Subject,
    evaluation: Evaluation,
    path: Path,
    other: tuple[str, Evaluation] | None = None,
) -> None:
    """Write an evaluation as one HTML page with a verdict, tables and the DET plot.

    Args:
        subject: what was evaluated.
        evaluation: to report.
        path: of the page.
        other: name and evaluation of a second model on the same streams, to compare with.

    Raises:
        ConfigError: the page cannot be written.
    """
    sections = (
        verdict_section(evaluation),
        facts_section(subject, evaluation),
        results_section(evaluation),
        _at_rate(evaluation),
        det_section(evaluation),
        _comparison(evaluation, *other) if other else "",
        _gate(evaluation),
        _sources(evaluation),
        _confusables(evaluation),
        _speakers(evaluation),
        _list("Notes", evaluation.notes),
    )
    body = "\n".join([f"<h1>{escape(subject.file)}: evaluation</h1>", *filter(None, sections)])
    write_page(f"{subject.file}: evaluation", body, path)


_RATE_COLUMNS = ("condition", "clips", "missed", "over clips")
_SOURCE_COLUMNS = ("source", "clips", "hours", "false accepts", "clips with false accepts")
_GATE_COLUMNS = ("condition", "clips", "gate recall", "interval, %")
_CONFUSABLE_COLUMNS = ("keyword", "clips", "detected", "interval, %")
_SPEAKER_COLUMNS = ("speaker", "clips", "missed")


def _at_rate(evaluation: Evaluation) -> str:
    """Return the miss rates at a rate of false accepts, where the hours can show it."""
    bound = metrics.poisson(0, evaluation.negative_hours).high
    limit = (
        f"Even with zero false accepts in {evaluation.negative_hours:.2f} hours, the rate could be "
        f"up to {bound:.2f} per hour (95 %)."
    )
    by_speaker = any(result.speaker_bootstrap(_PER_HOUR) for result in evaluation.results)
    rows = [
        row for result in evaluation.results if (row := _rate_row(evaluation, result, by_speaker))
    ]
    if not evaluation.supports(_PER_HOUR) or not rows:
        return f'<p class="muted">{limit}</p>'
    columns = (*_RATE_COLUMNS, *(["over speakers"] if by_speaker else []))
    intervals = "over clips (Wilson)"
    if by_speaker:
        intervals += " and over resampled speakers (bootstrap)"
    return f"""<h2>At {_PER_HOUR:g} false accepts per hour</h2>
<p>Misses at no more than that, with the threshold read off the curve of each condition, and 95 %
intervals {intervals}. {limit}</p>
{html_table(columns, rows)}"""


def _rate_row(evaluation: Evaluation, result: KeywordResult, by_speaker: bool) -> list[str] | None:
    point = result.operating_points.get(_PER_HOUR)
    if point is None:
        return None
    miss_rate, speakers = point.miss_rate_estimate, result.speaker_bootstrap(_PER_HOUR)
    row = [
        _label(evaluation, result),
        str(result.clips),
        format_percent(miss_rate.value),
        format_percent_interval(miss_rate),
    ]
    if by_speaker:
        row.append(format_percent_interval(speakers) if speakers else "–")
    return row


def _comparison(evaluation: Evaluation, other: str, second: Evaluation) -> str:
    rows = [
        (
            evaluation.label(each.keyword, each.condition),
            str(each.only_first),
            str(each.only_second),
            f"{each.p:.3f}",
        )
        for each in compare_evaluations(evaluation, second)
    ]
    if not rows:
        return f"""<h2>Against {escape(other)}</h2>
<p>Not compared: no condition has a threshold within {_PER_HOUR:g} false accepts per hour for both
models.</p>"""
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


def _sources(evaluation: Evaluation) -> str:
    if not evaluation.sources:
        return ""
    rows = map(format_source, evaluation.sources)
    return f"<h2>False accepts by source</h2>\n{html_table(_SOURCE_COLUMNS, rows)}"


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
<p>Clips that sound nearly like the keyword, at the threshold in the model file; part of no other
rate.</p>
{html_table(_CONFUSABLE_COLUMNS, rows)}
"""


def _speakers(evaluation: Evaluation) -> str:
    totals = evaluation.misses_by_speaker()
    with_misses = [(speaker, *counts) for speaker, counts in totals.items() if counts[0]]
    if not totals:
        return ""
    if not with_misses:
        text = f"No keyword of any of the {len(totals)} speakers is missed at that threshold."
        return f"<h2>By speaker</h2>\n<p>{text}</p>"
    with_misses.sort(key=lambda each: (-each[1] / each[2], each[0]))
    rows = (
        (speaker, str(clips), format_count(misses, clips, digits=0))
        for speaker, misses, clips in with_misses[:_SHOWN_SPEAKERS]
    )
    return f"""<h2>By speaker</h2>
<p>{len(with_misses)} of {len(totals)} speakers have misses at the threshold in the model file, over
all conditions; those with the highest miss rate:</p>
{html_table(_SPEAKER_COLUMNS, rows)}"""


def _list(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    lines = "\n".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<h2>{title}</h2>\n<ul>\n{lines}\n</ul>"
