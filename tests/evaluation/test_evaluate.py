"""Evaluation on streams: conditions, what is counted for whom, and two models side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeword.audio.files import save_audio
from wakeword.cli import main
from wakeword.data.clip import Clip, KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.loader import ClipLoader
from wakeword.encoders.spec import EncoderSpec
from wakeword.evaluation import evaluator
from wakeword.evaluation.compare import compare_evaluations
from wakeword.evaluation.conditions import (
    CLEAN,
    noisy,
)
from wakeword.evaluation.evaluator import (
    _false_accepts,
    _source_results,
    evaluate,
    keyword_result,
)
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.report.html import write_html_report
from wakeword.evaluation.results import ClipResult, Evaluation, KeywordResult, ScoredStream
from wakeword.evaluation.scoring import model_logits, score_streams
from wakeword.evaluation.test_streams import CONFUSABLES, Stream, StreamReader, positive_stream
from wakeword.model.file import save_model
from wakeword.model.network import WakeWordModel

# ---------------------------------------------------------------- what is counted


def made(threshold: float = 0.5) -> WakeWordModel:
    """Only its frame length and operating point are used."""
    net = tiny_family.model()
    net.keywords = ["alexa"]
    net.operating_point = replace(
        net.operating_point, thresholds={"alexa": threshold}, smoothing_s=net.frame_s
    )
    return net


def track(net: WakeWordModel, name: str, seconds: float, peaks: dict[float, float]) -> ScoredStream:
    """Logits of -9 but for a frame at each of the times, in seconds."""
    logits = np.full((round(seconds / net.frame_s), 1), -9.0)
    for at, value in peaks.items():
        logits[round(at / net.frame_s) - 1] = value
    return ScoredStream(name, logits, (), seconds / 3600)


@pytest.fixture
def streams_of_two(tiny: EncoderSpec) -> tuple[WakeWordModel, ScoredStream, ScoredStream]:
    """Ann is heard twice, the second time late; Bob never. A hum fires twice, a clock never."""
    net = made()
    clips = [Clip(Path(f"{i}.wav"), "alexa", who) for i, who in enumerate(("ann", "ann", "bob"))]
    segments = tuple(KeywordSegment("alexa", start, start + 0.5) for start in (1.0, 5.0, 9.0))
    positives = track(net, "clean", 12.0, {1.6: 3.0, 6.0: 2.0, 9.6: -8.9})
    positives = replace(
        positives, segments=segments, pieces=tuple(zip((0.0, 4.0, 8.0), clips, strict=True))
    )
    hum, clock = Clip(Path("hum.wav"), source="fans"), Clip(Path("tick.wav"), source="clocks")
    negatives = track(net, "negatives", 7200.0, {10.0: 1.0, 20.0: 2.5})
    return net, positives, replace(negatives, pieces=((0.0, hum), (3600.0, clock)))


def test_rows_say_who_was_missed_and_how_late(
    streams_of_two: tuple[WakeWordModel, ScoredStream, ScoredStream],
) -> None:
    net, positives, negatives = streams_of_two
    row = keyword_result(net, 0, positives, negatives)
    assert row.shipped == DetPoint(0.5, 1, 3, 2, 2.0)
    assert row.misses_by_speaker() == {"ann": (0, 2), "bob": (1, 1)}
    assert [w.latency_s for w in row.clip_results] == [
        pytest.approx(0.1, abs=0.03),
        pytest.approx(0.5, abs=0.03),
        None,
    ]
    found = row.latency_percentiles
    assert found is not None and found[0] == pytest.approx(0.3, abs=0.03)
    at = row.operating_points
    assert at[0.1] is not None and (at[0.1].missed, at[0.1].false_accepts) == (2, 0)
    assert at[1.0] is not None and (at[1.0].missed, at[1.0].false_accepts) == (1, 1)
    assert [w.missed[0.5] for w in row.clip_results] == [False, False, True]
    assert [w.missed[0.1] for w in row.clip_results] == [False, True, True]
    speakers = row.speaker_bootstrap(1.0)
    assert speakers is not None and (speakers.low, speakers.high) == (0.0, 1.0)


def test_near_misses_are_played_apart_and_count_in_no_rate(
    streams_of_two: tuple[WakeWordModel, ScoredStream, ScoredStream],
    data: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, positives, negatives = streams_of_two
    like_word = tuple(replace(data.keywords[0], label=None, source=f"near-miss/{i}") for i in "ab")
    unlike = replace(data.negatives[0], source="near-misses of a kind")
    data = replace(data, negatives=(*data.negatives, unlike, *like_word))
    played = {}

    def listen(_net: object, wanted: list[Stream], *_: object) -> list[ScoredStream]:
        return [heard(stream) for stream in wanted]

    def heard(stream: Stream) -> ScoredStream:
        played[stream.name] = [clip.source for clip in stream.clips]
        if stream.name == CONFUSABLES:  # one is detected, far from any other
            segments = tuple(KeywordSegment("alexa", start, start + 0.5) for start in (10.0, 20.0))
            return replace(track(net, stream.name, 60.0, {10.6: 3.0}), segments=segments)
        return negatives if stream.name == "negatives" else positives

    monkeypatch.setattr(evaluator, "score_streams", listen)
    result = evaluate(net, data, conditions=[CLEAN])
    assert played[CONFUSABLES] == ["near-miss/a", "near-miss/b"]
    assert sorted(map(str, played["negatives"])) == ["fan", "hum", "near-misses of a kind", "talk"]
    (found,) = result.confusables
    assert (found.keyword, found.clips, found.detected, found.rate.value) == ("alexa", 2, 1, 0.5)
    (row,) = result.results
    assert (row.condition, row.shipped.false_accepts, row.shipped.spoken) == ("clean", 2, 3)
    page = data.root / "page.html"
    for told in (result, evaluation([False])):
        write_html_report("m", told, page)
        assert ("<h2>Confusable phrases</h2>" in page.read_text("utf-8")) == bool(told.confusables)


def test_false_accepts_have_their_sources(
    streams_of_two: tuple[WakeWordModel, ScoredStream, ScoredStream],
) -> None:
    net, _, negatives = streams_of_two
    fired = _false_accepts(net, negatives)
    assert [(f.keyword, round(f.time_s), f.clip.path.name) for f in fired] == [
        ("alexa", 10, "hum.wav"),
        ("alexa", 20, "hum.wav"),
    ]
    clocks, fans = _source_results(negatives, fired)
    assert (clocks.name, clocks.clips, clocks.hours, clocks.false_accepts) == ("clocks", 1, 1.0, 0)
    assert (fans.false_accepts, fans.clips_with_false_accepts) == (2, 1)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.floats(-6, 12), min_size=3, max_size=3), st.integers(0, 8))
def test_shifting_all_scores_changes_no_rate(
    tiny: EncoderSpec, values: list[float], steps: int
) -> None:
    """A constant on every logit moves thresholds, not the misses at a rate of false accepts."""
    net = made()
    shift = steps * 21 / 126  # the distance of two thresholds
    segments = tuple(KeywordSegment("alexa", 2.0 + 3 * i, 2.5 + 3 * i) for i in range(3))
    at = [2.6 + 3 * i for i in range(3)]

    def row(by: float) -> KeywordResult:
        positives = track(net, "clean", 12.0, dict(zip(at, values, strict=True)))
        negatives = track(net, "negatives", 3600.0, {50.0: 1.0, 90.0: 4.0, 200.0: 6.0})
        positives = replace(positives, logits=positives.logits + by, segments=segments)
        return keyword_result(net, 0, positives, replace(negatives, logits=negatives.logits + by))

    before, after = row(0.0), row(shift)
    assert [(p.missed, p.false_accepts) for p in before.operating_points.values() if p] == [
        (p.missed, p.false_accepts) for p in after.operating_points.values() if p
    ]


def test_pieces_of_a_stream_change_nothing(tiny: EncoderSpec, data: Dataset) -> None:
    net, library = tiny_family.model(), ClipLoader()
    stream = positive_stream(data, noisy(5.0))
    whole = np.concatenate(list(StreamReader(stream, library)))
    (heard,) = score_streams(net, [stream], library)
    for sizes in ([100] * 2000, [16_000] * 20, [1, 4001, 160] * 500):
        cuts = np.cumsum(sizes)
        pieces = np.split(whole, cuts[cuts < len(whole)])
        assert np.array_equal(model_logits(net, pieces), heard.logits)


# ---------------------------------------------------------------- two models, and the page


def evaluation(missed: list[bool], hours: float = 4.0) -> Evaluation:
    clips = [Clip(Path(f"{i}.wav"), "alexa", f"s{i % 3}") for i in range(len(missed))]
    words = tuple(
        ClipResult(clip, {0.5: miss}, None if miss else 0.1)
        for clip, miss in zip(clips, missed, strict=True)
    )
    point = DetPoint(0.7, sum(missed), len(missed), 1, hours)
    at = dict.fromkeys((0.1, 0.5, 1.0, 2.0), point)
    row = KeywordResult("alexa", "clean", len(missed), at, (point,), point, words)
    return Evaluation((row,), hours, ("a <note>",))


def test_two_models_are_compared_clip_by_clip() -> None:
    first = evaluation([True] * 8 + [False] * 12)
    second = evaluation([False] * 7 + [True] + [False] * 11 + [True])
    (found,) = compare_evaluations(first, second)
    assert (found.only_first, found.only_second) == (7, 1)
    assert found.p == pytest.approx(2 * (1 + 8) / 2**8)  # two-sided binomial, 1 of 8
    assert compare_evaluations(first, first)[0].p == 1.0
    assert compare_evaluations(first, evaluation([True])) == []


def test_the_page_holds_the_numbers_and_needs_nothing_beside_it(tmp_path: Path) -> None:
    write_html_report("my <model>", evaluation([True] + [False] * 19), tmp_path / "new" / "r.html")
    page = (tmp_path / "new" / "r.html").read_text(encoding="utf-8")
    for text in (">5.0 %<", ">0.9–23.6<", ">100 ms<", "4.00 hours", "a &lt;note&gt;", ">s0<"):
        assert text in page, text
    assert "my &lt;model&gt;" in page and "<model>" not in page
    assert "http:" not in page and "https:" not in page and 'name="viewport"' in page
    assert "data:image/png;base64," in page


def test_rates_that_the_hours_cannot_show_are_not_given(tmp_path: Path) -> None:
    write_html_report("m", evaluation([True] + [False] * 19, hours=1.0), tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "too few to show that rate" in page and ">0.9–23.6<" not in page


def test_the_command_compares_and_reports(tiny: EncoderSpec, data: Dataset) -> None:
    root = data.root / "set"
    net = tiny_family.model()
    for number, word in enumerate((*net.keywords, "negatives")):
        for clip in range(2):
            save_audio(root / "dev" / word / f"{clip}.wav", tiny_family.sound(1, seed=number))
    for name in ("a", "b"):
        save_model(net, root / f"{name}.wakeword")
    command = ["eval", root / "a.wakeword", root, "--compare", root / "b.wakeword"]
    command += ["--condition", "clean", "--report", root / "a.html"]
    result = CliRunner().invoke(main, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    assert "needs 10 h" in result.output and "source of negatives" in result.output
    page = (root / "a.html").read_text(encoding="utf-8")
    assert "Against b.wakeword" in page and ">1.000<" in page
    result = CliRunner().invoke(main, [str(part) for part in (*command, "--json")])
    table = json.loads(result.output[result.output.index("{") :])
    assert all(row["at_false_accepts_per_hour"] == {} for row in table["rows"])
    assert {each["p"] for each in table["compared"]} <= {1.0}
