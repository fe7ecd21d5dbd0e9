"""An evaluation as one HTML page."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from wakeword.evaluation import metrics
from wakeword.evaluation.compare import PairedComparison, compare_evaluations
from wakeword.evaluation.evaluate import (
    latency_percentiles,
    miss_rate_estimate,
    misses_by_speaker,
    speaker_bootstrap,
)
from wakeword.evaluation.report.page import embed_png, write_page
from wakeword.evaluation.report.plots import det_figure
from wakeword.evaluation.results import Evaluation, KeywordResult

_PER_HOUR = 0.5


def write_html_report(
    name: str, result: Evaluation, path: Path, other: tuple[str, Evaluation] | None = None
) -> None:
    """Write what was measured of the model `name`, and of another one on the same streams.

    Raises ConfigError where it cannot be written.
    """
    drawn = io.BytesIO()
    det_figure(result).savefig(drawn, format="png", dpi=160)
    hours = result.negative_hours
    words = ", ".join(f"'{word}'" for word in dict.fromkeys(row.keyword for row in result.rows))
    body = f"""<h1>{escape(name)}, measured event by event</h1>
<p>{escape(words)} among {hours:.2f} hours of speech and noise without the keyword. No false accept
in them would bound the rate at {metrics.poisson(0, hours).high:.2f} per hour (95 %), no lower.</p>
<h2>Keywords missed</h2>
<p>At no more than {_PER_HOUR:g} false accepts per hour, the threshold read off each row's own
curve, and at the threshold that the model file holds (as shipped). Intervals of 95 %: by clips,
Wilson's; by speakers, who are drawn anew.{_unsupported(result)}</p>
{_table(_HEADS, (_row(result, row) for row in result.rows))}
{embed_png(drawn.getvalue(), "Missed keywords against false accepts per hour")}
{_against(result, *other) if other else ""}
<h2>Latency</h2>
<p>From the end of the word to its detection, at the threshold in the file.</p>
{_table(("heard", "median", "95th percentile"), (_latency(result, row) for row in result.rows))}
<h2>False accepts by source</h2>
{_table(("source", "clips", "hours", "false accepts", "clips that set it off"), _sources(result))}
{_near_misses(result)}<h2>By speaker</h2>
<p>Speakers of whom the threshold in the file missed most, all conditions together.</p>
{_table(("speaker", "clips", "missed"), _speakers(result))}
{_list("Notes", result.notes)}"""
    write_page(f"{name}: evaluation", body, path)


_HEADS = ("heard", "clips", "missed", "by clips", "by speakers", "as shipped")


def _against(result: Evaluation, other: str, second: Evaluation) -> str:
    rows = (
        (_heard(result, each), str(each.only_first), str(each.only_second), f"{each.p:.3f}")
        for each in compare_evaluations(result, second)
    )
    return f"""<h2>Against {escape(other)}</h2>
<p>Clips that only one of the two missed, each at its own threshold for {_PER_HOUR:g} false accepts
per hour; p of McNemar's exact test: small where the difference is more than chance.</p>
{_table(("heard", "only this one", "only the other", "p"), rows)}"""


def _heard(result: Evaluation, each: KeywordResult | PairedComparison) -> str:
    """The condition, and the keyword where there are several."""
    several = len({row.keyword for row in result.rows}) > 1
    return f"'{each.keyword}', {each.condition}" if several else each.condition


def _unsupported(result: Evaluation) -> str:
    return "" if result.supports(_PER_HOUR) else " These hours are too few to show that rate."


def _row(result: Evaluation, row: KeywordResult) -> list[str]:
    point = dict(row.at)[_PER_HOUR]
    shipped = f"{100 * row.shipped.miss_rate:.1f} %"
    if point is None or not result.supports(_PER_HOUR):
        return [_heard(result, row), str(row.clips), "–", "–", "–", shipped]
    rate, speakers = miss_rate_estimate(point), speaker_bootstrap(row, _PER_HOUR)
    return [
        _heard(result, row),
        str(row.clips),
        f"{100 * rate.value:.1f} %",
        _range(rate),
        _range(speakers) if speakers else "–",
        shipped,
    ]


def _range(rate: metrics.Estimate) -> str:
    return f"{100 * rate.low:.1f}–{100 * rate.high:.1f}"


def _latency(result: Evaluation, row: KeywordResult) -> list[str]:
    found = latency_percentiles(row)
    times = [f"{1000 * value:.0f} ms" for value in found] if found else ["–", "–"]
    return [_heard(result, row), *times]


def _sources(result: Evaluation) -> Iterable[Sequence[str]]:
    for each in result.sources:
        share = f"{each.fired} ({100 * each.fired / each.clips:.1f} %)"
        yield each.name, str(each.clips), f"{each.hours:.2f}", str(each.false_accepts), share


def _near_misses(result: Evaluation) -> str:
    if not result.near_misses:
        return ""
    rows = (
        (each.keyword, str(each.clips), f"{each.fired} ({100 * each.rate.value:.1f} %)",
         _range(each.rate))
        for each in result.near_misses
    )  # fmt: skip
    return f"""<h2>Near-misses</h2>
<p>Clips that sound nearly like the keyword, at the threshold in the file; they count in no
rate.</p>
{_table(("keyword", "clips", "that set it off", "interval, %"), rows)}
"""


def _speakers(result: Evaluation) -> Iterable[Sequence[str]]:
    total: dict[str, tuple[int, int]] = {}
    for row in result.rows:
        for speaker, (missed, clips) in misses_by_speaker(row).items():
            before = total.get(speaker, (0, 0))
            total[speaker] = (before[0] + missed, before[1] + clips)
    worst = sorted(total.items(), key=lambda item: (-item[1][0] / item[1][1], item[0]))
    for speaker, (missed, clips) in worst[:15]:
        yield speaker, str(clips), f"{missed} ({100 * missed / clips:.0f} %)"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column is words, the others numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        numeric = [' class="n"' if i else "" for i in range(len(cells))]
        return (
            "<tr>"
            + "".join(
                f"<{tag}{kind}>{escape(text)}</{tag}>"
                for text, kind in zip(cells, numeric, strict=True)
            )
            + "</tr>"
        )

    lines = [line(heads, "th"), *(line(row, "td") for row in rows)]
    return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"


def _list(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    lines = "\n".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<h2>{title}</h2>\n<ul>\n{lines}\n</ul>"
