"""The evaluation as an HTML page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from evaluations import SUBJECT, evaluation, full_evaluation, two_stage_evaluation

from wakeword.evaluation.report.html import write_html_report
from wakeword.evaluation.report.theme import DARK, LIGHT
from wakeword.evaluation.results import Evaluation


def page(result: Evaluation, folder: Path, other: tuple[str, Evaluation] | None = None) -> str:
    write_html_report(SUBJECT, result, folder / "new" / "report.html", other)
    return (folder / "new" / "report.html").read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", text)


def test_the_page_holds_the_numbers_and_is_self_contained(tmp_path: Path) -> None:
    text = page(evaluation([True] + [False] * 19), tmp_path)
    for number in (">19 of 20<", ">5.0 %<", ">0.9–23.6<", ">100, 100<", "a &lt;note&gt;", ">s0<"):
        assert number in text, number
    assert "my &lt;model&gt;" in text and "<model>" not in text and "<a test>" not in text
    assert "http:" not in text and "https:" not in text and 'name="viewport"' in text


def test_the_verdict_comes_first_and_each_number_is_rated(tmp_path: Path) -> None:
    text = page(evaluation([True] + [False] * 19), tmp_path)
    after_title = text[text.index("</h1>") :]
    assert re.search("<p.*?>(.*?)</p>", after_title)[1] == (  # type: ignore[index]
        "Detected 19 of 20 in quiet. "
        "1 false accept in 4.0 h of other sound: 0.25 per hour (95 %: 0.01–1.39)."
    )
    assert text.count('<span class="good">good</span>') == 2
    assert "no more than 5 % of the keywords missed" in text


def test_the_page_names_what_was_evaluated(tmp_path: Path) -> None:
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page(full_evaluation(), tmp_path)))
    assert facts == {
        "model file": "my &lt;model&gt;.wakeword",
        "gate": "a small encoder",
        "verifier": "a large encoder",
        "threshold": "&#x27;alexa&#x27; 0.7000, &#x27;jarvis&#x27; 0.6500",
        "threshold source": "from &lt;a test&gt;",
        "data": "dev split of recordings",
        "keyword clips": "20 of &#x27;alexa&#x27;, 20 of &#x27;jarvis&#x27;",
        "other sound": "4.0 h",
        "wakeword": "1.2.3",
        "date": "2025-05-04",
    }


def test_the_page_and_its_plot_are_dark_for_those_who_prefer_it(tmp_path: Path) -> None:
    text = page(full_evaluation(), tmp_path)
    before, dark = text.split("@media (prefers-color-scheme: dark)", 1)
    assert f"--background: {LIGHT.background}" in before
    assert f"--background: {DARK.background}" in dark
    dark_plot, light_plot = re.findall('"data:image/png;base64,(.*?)"', text)
    assert '<source media="(prefers-color-scheme: dark)" srcset="data:' in text
    assert dark_plot != light_plot
    assert len(text) < 500_000


def test_several_keywords_are_named_in_each_row(tmp_path: Path) -> None:
    text = page(full_evaluation(), tmp_path)
    assert "&#x27;alexa&#x27;, clean" in text and "&#x27;jarvis&#x27;, clean" in text
    assert ">1 (12.5 %)<" in text  # of the clips of one source


def test_rates_that_the_hours_cannot_show_are_not_given(tmp_path: Path) -> None:
    shown = page(evaluation([True] + [False] * 19), tmp_path)
    assert "At 0.5 false accepts per hour" in headings(shown) and "over speakers" in shown
    short = page(evaluation([True] + [False] * 19, hours=1.0), tmp_path)
    assert "At 0.5 false accepts per hour" not in headings(short)
    assert "the rate could be\nup to" in short or "the rate could be up to" in short


def test_there_are_no_empty_sections_or_columns(tmp_path: Path) -> None:
    nothing = evaluation([True] * 20, hours=0.1)
    (result,) = nothing.results
    bare = replace(nothing, results=(replace(result, clip_results=()),), notes=())
    text = page(bare, tmp_path)
    assert headings(text) == ["At the threshold in the model file"]
    assert "latency" not in text and ">–<" not in text
    other = replace(bare, results=(replace(result, keyword="jarvis"),))
    assert "Not compared" in page(bare, tmp_path, ("other.wakeword", other))


@pytest.mark.parametrize("result", [evaluation([False]), full_evaluation()])
def test_confusable_phrases_are_shown_where_there_are_any(
    tmp_path: Path, result: Evaluation
) -> None:
    shown = "Confusable phrases" in headings(page(result, tmp_path))
    assert shown == bool(result.confusables)


def test_the_gate_is_reported_for_two_stages_alone(tmp_path: Path) -> None:
    text = page(two_stage_evaluation(), tmp_path)
    assert "Gate" in headings(text) and "12.0 times per hour" in text and ">69.9–97.2<" in text
    assert "Gate" not in headings(page(full_evaluation(), tmp_path))
