"""The demo's result as lines of text and as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from wakeword.demo.pipeline import Measurement, Outcome, next_commands
from wakeword.demo.recording import RecordingEvent
from wakeword.evaluation.metrics import Estimate
from wakeword.evaluation.report.format import (
    format_percent,
    format_percent_estimate,
    format_percent_interval,
)
from wakeword.evaluation.report.page import write_page
from wakeword.evaluation.report.sections import (
    det_section,
    facts_section,
    results_section,
    verdict_section,
)
from wakeword.evaluation.report.subject import Subject
from wakeword.evaluation.report.verdict import SCALE, ratings, verdict

WARNING = (
    "Results on synthetic speech are optimistic. These voices speak clearly, without reverberation "
    "or distance, and resemble one another; with real people the model will miss more keywords and "
    "accept more other speech. Rely only on measurements with recordings of people who are not in "
    "the training data."
)


def summarise_measurement(measurement: Measurement) -> list[str]:
    """Describe the results on held-out voices, as lines of text."""
    evaluation = measurement.evaluation
    lines = [*verdict(evaluation), *ratings(evaluation), f"({SCALE})"]
    lines.append("miss rate at the stored threshold (95 % interval):")
    for result in evaluation.results:
        lines.append(
            f"  {result.condition:24} {result.shipped.misses:3} of {result.clips:3} clips missed  "
            f"{format_percent_estimate(result.shipped.miss_rate_estimate)}"
        )
    shipped = evaluation.results[0].shipped
    rate = shipped.false_accept_estimate
    lines.append(
        f"false accepts: {shipped.false_accepts} in {60 * shipped.hours:.0f} min of other speech "
        f"and noise, a rate of {rate.low:.1f} to {rate.high:.1f} per hour (95 % interval)"
    )
    confusables = measurement.confusables
    lines.append(
        f"confusable phrases: {confusables.detected} of {confusables.clips} clips of "
        f"{measurement.confusable_phrases} phrases caused a detection "
        f"({_percent(confusables.rate)})"
        if confusables.clips
        else "confusable phrases: none for this keyword"
    )
    return lines


def describe_event(event: RecordingEvent) -> str:
    """Describe one event in the held-out recording, as one line of text."""
    keyword, detection = event.keyword, event.detection
    spoken = (
        f"spoken at {keyword.segment.start_s:6.2f}–{keyword.segment.end_s:.2f} s "
        f"by {keyword.speaker}"
        if keyword
        else ""
    )
    if detection is None:
        return f"{'MISSED':>27}  {spoken}"
    return (
        f"detected at {detection.time:6.2f} s ({detection.score:.3f})  {spoken or 'FALSE ACCEPT'}"
    )


def write_demo_report(outcome: Outcome, subject: Subject, path: Path) -> None:
    """Write the HTML report: the warning, the results, the DET curve, the held-out recording.

    Args:
        outcome: what to show.
        subject: what was evaluated.
        path: of the HTML file.

    Raises:
        ConfigError: the file cannot be written.
    """
    keyword, evaluation = escape(outcome.keyword), outcome.measurement.evaluation
    body = f"""<h1>A detector for “{keyword}”, trained on synthetic speech</h1>
{verdict_section(evaluation)}
<p class="warning">{escape(WARNING)}</p>
{facts_section(subject, evaluation)}
{results_section(evaluation)}
{_confusables_html(outcome.measurement)}
{det_section(evaluation)}
<h2>In a held-out recording</h2>
<p>{outcome.detected} of {outcome.spoken} keywords detected in {outcome.recording_s:.0f} s of
speech, {_count_false_accepts(outcome.false_accepts)}.</p>
{_events_html(outcome.events)}
<h2>Next: your own recordings</h2>
{_commands_html(outcome)}"""
    write_page(f"Wake word “{outcome.keyword}”: demo", body, path)


def _confusables_html(measurement: Measurement) -> str:
    confusables = measurement.confusables
    if not confusables.clips:
        return ""
    return f"""<p>Confusable phrases: {confusables.detected} of {confusables.clips} clips of
{measurement.confusable_phrases} phrases caused a detection: {_percent(confusables.rate)}.</p>"""


def _percent(rate: Estimate) -> str:
    interval = format_percent_interval(rate, digits=0)
    return f"{format_percent(rate.value, digits=0)}, 95 % interval {interval}"


def _count_false_accepts(count: int) -> str:
    return f"{count or 'no'} false accept{'' if count == 1 else 's'}"


def _events_html(events: Iterable[RecordingEvent]) -> str:
    rows = "\n".join(_event_row(event) for event in events)
    return (
        "<table>\n<tr><th>keyword (s)</th><th>by</th>"
        f'<th class="n">detected (s)</th><th class="n">score</th></tr>\n{rows}\n</table>'
    )


def _event_row(event: RecordingEvent) -> str:
    keyword, detection = event.keyword, event.detection
    spoken = (
        f"{keyword.segment.start_s:.2f}–{keyword.segment.end_s:.2f}" if keyword else "no keyword"
    )
    speaker = escape(keyword.speaker).replace("_", "_<wbr>") if keyword else ""
    detected = f"{detection.time:.2f}" if detection else "missed"
    score = f"{detection.score:.3f}" if detection else ""
    style = "hit" if event.is_hit else "miss" if keyword else "false-accept"
    return (
        f'<tr class="{style}"><td>{spoken}</td><td>{speaker}</td>'
        f'<td class="n">{detected}</td><td class="n">{score}</td></tr>'
    )


def _commands_html(outcome: Outcome) -> str:
    return "\n".join(
        f"<p>{escape(purpose.capitalize())}:</p>\n<pre>{escape(command)}</pre>"
        for purpose, command in next_commands(outcome.keyword, outcome.model_file)
    )
