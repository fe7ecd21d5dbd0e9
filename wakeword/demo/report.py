"""The demo's result as one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from wakeword.demo.pipeline import WARNING, Moment, Outcome, own_commands
from wakeword.evaluation import metrics
from wakeword.evaluation.evaluate import miss_rate_estimate
from wakeword.evaluation.report.page import embed_png, write_page
from wakeword.evaluation.results import KeywordResult


def write_demo_report(outcome: Outcome, png: bytes, path: Path) -> None:
    """Write the report with the DET picture in it. Raises ConfigError where it cannot be.

    The warning comes first, then the numbers, the picture, and what was heard.
    """
    word = escape(outcome.keyword)
    body = f"""<h1>A detector for “{word}”, from synthetic speech</h1>
<p class="warning">{escape(WARNING)}</p>
<h2>On voices that the training never heard</h2>
{_numbers(outcome)}
{embed_png(png, "Missed keywords against false accepts per hour")}
<h2>In a held-out recording</h2>
<p>{outcome.hits} of {outcome.said} heard in {outcome.recording_s:.0f} s of speech, \
{_false_alarms(outcome.moments)}.</p>
{_moments(outcome.moments)}
<h2>The same with your own recordings</h2>
{_commands(outcome)}"""
    write_page(f"Wake word “{outcome.keyword}”: demo", body, path)


def _numbers(outcome: Outcome) -> str:
    evaluation, measured = outcome.measured.evaluation, outcome.measured
    rows = "\n".join(_row(row) for row in evaluation.rows)
    shipped = evaluation.rows[0].shipped
    rate = metrics.poisson(shipped.false_accepts, shipped.hours)
    near = measured.near_misses
    return f"""<table>
<tr><th>heard</th><th class="n">clips</th><th class="n">missed</th>
<th class="n">95 % interval</th></tr>
{rows}
</table>
<p>False accepts: {shipped.false_accepts} in {60 * shipped.hours:.0f} minutes of other speech and
noise, which shows no more than that the rate is between {rate.low:.1f} and {rate.high:.1f} per
hour (95 %).</p>
<p>Near-misses: {near.fired} of {near.clips} clips of {measured.near_phrases} phrases that sound
nearly like it set it off: {_per_cent(near.rate)}.</p>
<p>All at the threshold that is in the model file, {shipped.threshold:.3f}.</p>"""


def _row(row: KeywordResult) -> str:
    missed = miss_rate_estimate(row.shipped)
    return (
        f'<tr><td>{escape(row.condition)}</td><td class="n">{row.clips}</td>'
        f'<td class="n">{100 * missed.value:.1f} %</td>'
        f'<td class="n">{100 * missed.low:.1f}–{100 * missed.high:.1f} %</td></tr>'
    )


def _per_cent(rate: metrics.Estimate) -> str:
    return f"{100 * rate.value:.0f} % ({100 * rate.low:.0f} to {100 * rate.high:.0f})"


def _false_alarms(moments: Iterable[Moment]) -> str:
    count = sum(moment.said is None for moment in moments)
    return f"{count} false alarm{'' if count == 1 else 's'}" if count else "no false alarm"


def _moments(moments: Iterable[Moment]) -> str:
    rows = "\n".join(_moment(moment) for moment in moments)
    return (
        "<table>\n<tr><th>said (s)</th><th>by</th>"
        f'<th class="n">heard (s)</th><th class="n">score</th></tr>\n{rows}\n</table>'
    )


def _moment(moment: Moment) -> str:
    said, heard = moment.said, moment.detection
    when = f"{said.segment.start_s:.2f}–{said.segment.end_s:.2f}" if said else "not said"
    by = escape(said.speaker).replace("_", "_<wbr>") if said else ""
    at = f"{heard.time:.2f}" if heard else "missed"
    score = f"{heard.score:.3f}" if heard else ""
    colour = "hit" if moment.correct else "miss"
    return (
        f'<tr class="{colour}"><td>{when}</td><td>{by}</td>'
        f'<td class="n">{at}</td><td class="n">{score}</td></tr>'
    )


def _commands(outcome: Outcome) -> str:
    return "\n".join(
        f"<p>{escape(what.capitalize())}:</p>\n<pre>{escape(command)}</pre>"
        for what, command in own_commands(outcome.keyword, outcome.model_file)
    )
