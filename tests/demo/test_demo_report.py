"""The demo's report: its numbers, its warning, its picture, in text and in HTML."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evaluations import SUBJECT

from wakeword.data.clip import KeywordSegment
from wakeword.demo.pipeline import Measurement, Outcome
from wakeword.demo.recording import RecordingEvent, SpokenKeyword
from wakeword.demo.report import (
    WARNING,
    describe_event,
    summarise_measurement,
    write_demo_report,
)
from wakeword.detection.trigger import Detection
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.results import ConfusableResult, Evaluation, KeywordResult

KEYWORD = "hey jarvis"


def outcome(keyword: str = KEYWORD) -> Outcome:
    def row(condition: str, misses: int, clips: int) -> KeywordResult:
        return KeywordResult(
            keyword, condition, clips, {}, (), DetPoint(0.731, misses, clips, 3, 0.25)
        )

    rows = (row("natural voices, clean", 2, 32), row("eSpeak voices, 10 dB", 9, 30))
    measurement = Measurement(
        Evaluation(rows, 0.25, ()), ConfusableResult("hey jarvis", 60, 10), 11
    )
    joe = SpokenKeyword(KeywordSegment(keyword, 1.75, 2.5), "joe")
    ann = SpokenKeyword(KeywordSegment(keyword, 8.25, 9.0), "<b>ann</b>")
    events = (
        RecordingEvent(2.61, joe, Detection(keyword, 0.987, 2.61, 1.8, 2.5)),
        RecordingEvent(9.0, ann, None),
        RecordingEvent(12.34, None, Detection(keyword, 0.876, 12.34, 11.5, 12.2)),
    )
    return Outcome(keyword, Path("out") / "m.wakeword", measurement, 40.0, 2, events)


def report(made: Outcome, folder: Path) -> str:
    write_demo_report(made, SUBJECT, folder / "report.html")
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_contains_the_numbers_the_warning_and_the_picture(tmp_path: Path) -> None:
    page = report(outcome(), tmp_path)
    assert WARNING in page
    assert page.count("data:image/png;base64,") == 2  # light and dark
    text = " ".join(page.split())
    for number in (
        ">6.2 %<",  # 2 of 32
        ">1.7–20.1<",  # Wilson
        ">30.0 %<",  # 9 of 30
        ">3 in 15 min<",
        ">2.47–35.07<",  # Poisson
        "10 of 60 clips of 11 phrases caused a detection",
        "17 %, 95 % interval 9–28",
        "Detected 30 of 32 (natural voices, clean) and 21 of 30 (eSpeak voices, 10 dB).",
        "<dt>verifier</dt><dd>a large encoder</dd>",
        "1 of 2 keywords detected in 40 s of speech, 1 false accept.",
        ">1.75–2.50<",
        ">2.61<",
        ">missed<",
        ">12.34<",
        "0.987",
    ):
        assert number in text, number
    assert "wakeword train recordings/ -o my-hey-jarvis.wakeword" in page


def test_the_report_is_self_contained_and_fits_a_phone(tmp_path: Path) -> None:
    page = report(outcome(), tmp_path)
    assert "http:" not in page and "https:" not in page
    assert 'name="viewport"' in page


def test_the_report_escapes_keywords_and_speakers(tmp_path: Path) -> None:
    page = report(outcome("<script>alert(1)</script> & co"), tmp_path)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in page
    assert "<b>ann" not in page and "&lt;b&gt;ann" in page


def test_the_summary_states_the_same_numbers() -> None:
    measurement = outcome().measurement
    verdict, rated, scale, *lines = summarise_measurement(measurement)
    assert verdict.startswith("Detected 30 of 32 (natural voices, clean)")
    assert rated.startswith("Misses: fair") and "released products" in scale
    expected = "natural voices, clean 2 of 32 clips missed 6.2 % (1.7–20.1)"
    assert " ".join(lines[1].split()) == expected
    assert "false accepts: 3 in 15 min" in lines[3] and "2.5 to 35.1 per hour" in lines[3]
    assert lines[4].startswith(
        "confusable phrases: 10 of 60 clips of 11 phrases caused a detection (17 %"
    )
    none = replace(measurement, confusables=ConfusableResult(KEYWORD, 0, 0))
    assert summarise_measurement(none)[-1] == "confusable phrases: none for this keyword"


def test_events_are_lines() -> None:
    hit, miss, false_accept = map(describe_event, outcome().events)
    assert " ".join(hit.split()) == "detected at 2.61 s (0.987) spoken at 1.75–2.50 s by joe"
    assert miss.split()[:3] == ["MISSED", "spoken", "at"]
    assert false_accept.endswith("FALSE ACCEPT")
