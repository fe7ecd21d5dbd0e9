"""The evaluation as an HTML page."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluations import evaluation, full_evaluation, two_stage_evaluation

from wakeword.evaluation.report.html import write_html_report
from wakeword.evaluation.results import Evaluation


def page(result: Evaluation, folder: Path, name: str = "m") -> str:
    write_html_report(name, result, folder / "new" / "report.html")
    return (folder / "new" / "report.html").read_text(encoding="utf-8")


def test_the_page_holds_the_numbers_and_is_self_contained(tmp_path: Path) -> None:
    text = page(evaluation([True] + [False] * 19), tmp_path, "my <model>")
    for number in (">5.0 %<", ">0.9–23.6<", ">100 ms<", "4.00 hours", "a &lt;note&gt;", ">s0<"):
        assert number in text, number
    assert "my &lt;model&gt;" in text and "<model>" not in text
    assert "http:" not in text and "https:" not in text and 'name="viewport"' in text
    assert "data:image/png;base64," in text


def test_several_keywords_are_named_in_each_row(tmp_path: Path) -> None:
    text = page(full_evaluation(), tmp_path)
    assert "&#x27;alexa&#x27;, clean" in text and "&#x27;jarvis&#x27;, clean" in text
    assert ">1 (12.5 %)<" in text  # of the clips of one source


def test_rates_that_the_hours_cannot_show_are_not_given(tmp_path: Path) -> None:
    text = page(evaluation([True] + [False] * 19, hours=1.0), tmp_path)
    assert "too few to show that rate" in text and ">0.9–23.6<" not in text


@pytest.mark.parametrize("result", [evaluation([False]), full_evaluation()])
def test_confusable_phrases_are_shown_where_there_are_any(
    tmp_path: Path, result: Evaluation
) -> None:
    shown = "<h2>Confusable phrases</h2>" in page(result, tmp_path)
    assert shown == bool(result.confusables)


def test_the_gate_is_reported_for_two_stages_alone(tmp_path: Path) -> None:
    text = page(two_stage_evaluation(), tmp_path)
    assert "<h2>Gate</h2>" in text and "12.0 times per hour" in text and ">69.9–97.2<" in text
    assert "<h2>Gate</h2>" not in page(full_evaluation(), tmp_path)
