"""The demo: its data set is fair, its report tells the truth, its command does the whole story."""

from __future__ import annotations

import base64
import csv
import re
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tiny as tiny_family
import torch
from click.testing import CliRunner, Result

from wakeword.audio.files import audio_info
from wakeword.audio.samples import SAMPLE_RATE, Samples
from wakeword.cli import demo as command
from wakeword.data.clip import KeywordSegment
from wakeword.data.dataset import Dataset
from wakeword.data.keywords import contains_phrase
from wakeword.demo import pipeline
from wakeword.demo.pipeline import (
    _HELD_OUT,
    _TRAIN,
    WARNING,
    Measured,
    Moment,
    Outcome,
    Recording,
    SpokenKeyword,
    Take,
    held_out_recording,
    is_natural,
    listen,
    make_dataset,
    measure,
    plan_takes,
)
from wakeword.demo.report import write_demo_report
from wakeword.detection.detector import Detector
from wakeword.detection.trigger import Detection
from wakeword.encoders.spec import EncoderSpec
from wakeword.errors import ConfigError
from wakeword.evaluation.metrics import DetPoint
from wakeword.evaluation.results import HIT_TOLERANCE_S, ConfusableResult, Evaluation, KeywordResult
from wakeword.model.operating_point import OperatingPoint
from wakeword.training.config import TrainConfig
from wakeword.training.result import TrainResult
from wakeword.training.strategy import Strategy
from wakeword.tts import phrases
from wakeword.tts.engines import Voice, _known_voices

VOICES = list(_known_voices())
KEYWORD = "hey jarvis"


def fake_synthesise(
    text: str, voice: Voice, *, speed: float = 1.0, pitch: float = 0.0, seed: int = 0
) -> Samples:
    """A rising tone for the keyword, a deep buzz for all else; a voice is a shade of it."""
    rng = np.random.default_rng((seed, len(voice.id)))
    seconds = np.arange(round(SAMPLE_RATE * 0.6 / speed)) / SAMPLE_RATE
    sweep = 1500.0 if contains_phrase(KEYWORD, text) else 0.0
    phase = 2 * np.pi * (200 + 15 * pitch + sweep * seconds) * seconds
    sound = np.sin(phase) + 0.05 * rng.standard_normal(len(seconds))
    return (0.3 * sound).astype(np.float32)


FRAME = 640  # samples


class Ear(torch.nn.Module):
    """What a training would give for these sounds: it fires where the tone is high."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.keywords, self.frame_s = (KEYWORD,), FRAME / SAMPLE_RATE
        self.first_block = self.block = FRAME
        self.operating_point = OperatingPoint({KEYWORD: threshold}, 0.08, 1.0, "made up")

    def forward(
        self, samples: torch.Tensor, state: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(1, samples) → (1, U, 1)"""
        held = samples if state is None else torch.cat([state, samples], dim=1)
        frames = held[0, : held.shape[1] // FRAME * FRAME].reshape(-1, FRAME)
        spectrum = torch.fft.rfft(frames).abs()
        high = spectrum.argmax(dim=1) * SAMPLE_RATE / FRAME > 700
        loud = frames.square().mean(dim=1) > 1e-4
        return 16.0 * (high & loud)[None, :, None] - 8.0, held[:, frames.numel() :]


@pytest.fixture
def fake_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "synthesise", fake_synthesise)
    monkeypatch.setattr(pipeline, "list_voices", lambda: VOICES)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set that is made in a second."""
    monkeypatch.setattr(pipeline, "_TRAIN", {"kokoro": 8, "espeak": 40})
    monkeypatch.setattr(pipeline, "_HELD_OUT", {"kokoro": 6, "joe": 2, "espeak": 12})
    monkeypatch.setattr(pipeline, "_HELD_OUT_NEAR", {"kokoro": 6, "joe": 2, "espeak": 12})
    monkeypatch.setattr(pipeline, "_HELD_OUT_SPEECH", {"kokoro": 6, "espeak": 24})
    monkeypatch.setattr(pipeline, "_NOISE_S", 3.0)


# ------------------------------------------------------------ the plan


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    return plan_takes(KEYWORD, VOICES, 0)


def engines(takes: list[Take], *, split: str, keyword: bool) -> Counter[str]:
    return Counter(
        take.voice.engine
        for take in takes
        if take.split == split and (take.kind == "keyword") == keyword
    )


def test_no_speaker_is_on_both_sides(takes: list[Take]) -> None:
    train, held_out = (
        {take.voice.speaker for take in takes if take.split == split} for split in ("train", "dev")
    )
    assert len(train) > 40 and len(held_out) >= 12
    assert not train & held_out


def test_the_keyword_and_the_rest_have_the_same_engines_in_training(takes: list[Take]) -> None:
    assert engines(takes, split="train", keyword=True) == _TRAIN
    assert engines(takes, split="train", keyword=False) == _TRAIN
    assert set(engines(takes, split="dev", keyword=False)) == set(_HELD_OUT)


def test_natural_voices_are_held_out_for_the_keyword_too(takes: list[Take]) -> None:
    held_out = [t for t in takes if t.split == "dev" and t.kind == "keyword" and t.voice.natural]
    assert len(held_out) >= 26
    assert len({take.voice.speaker for take in held_out}) == 7


def test_takes_vary_and_each_has_a_file_of_its_own(takes: list[Take]) -> None:
    assert len({take.file for take in takes}) == len(takes)
    spoken = [take for take in takes if take.kind == "keyword"]
    assert {take.text for take in spoken} == {KEYWORD + mark for mark in ("", ".", "!", "?")}
    assert len({take.speed for take in spoken}) > 50
    assert len({take.pitch for take in spoken}) > 50


def test_the_seed_decides_the_plan(takes: list[Take]) -> None:
    assert plan_takes(KEYWORD, VOICES, 0) == takes
    assert plan_takes(KEYWORD, VOICES, 1) != takes


def test_held_out_near_misses_are_other_phrases_than_those_of_training(takes: list[Take]) -> None:
    near = [take for take in takes if take.kind == "near-miss"]
    train, held_out = (
        {t.text.rstrip(".!?") for t in near if t.split == split} for split in ("train", "dev")
    )
    assert train & held_out <= {"hey", "jarvis"}
    assert len(held_out) > 5


@pytest.mark.parametrize(
    "keyword", ["hey jarvis", "computer", "Okay Nova", "hey there buddy", "go"]
)
def test_nothing_but_the_keyword_says_the_keyword(keyword: str) -> None:
    rest = [t for t in plan_takes(keyword, VOICES, 0) if t.kind != "keyword"]
    assert rest
    assert not [take.text for take in rest if contains_phrase(keyword, take.text)]


def test_near_misses_differ_from_the_keyword_in_one_word() -> None:
    found = phrases.confusable_phrases("hey jarvis")
    assert len(found) > 15
    assert {"hey malis", "hey travis", "hello jarvis"} <= set(found)
    for phrase in found:
        assert phrase.startswith("hey ") != phrase.endswith(" jarvis")


# ------------------------------------------------------------ the data set


@pytest.mark.usefixtures("fake_voices", "few")
def test_the_data_set_is_read_like_a_users_own(tmp_path: Path) -> None:
    made = make_dataset(tmp_path, KEYWORD, workers=1)
    assert made.labels() == [KEYWORD]
    assert {clip.split for clip in (*made.keywords, *made.negatives)} == {"train", "dev"}
    assert all(clip.path.is_file() and clip.speaker and clip.text for clip in made.keywords)
    assert Counter(is_natural(c) for c in made.subset("dev").keywords) == {True: 8, False: 12}
    assert {clip.split for clip in made.noises} == {"train", "dev"}
    assert all(2.9 < audio_info(clip.path).seconds < 3.1 for clip in made.noises)
    with (tmp_path / "keywords.csv").open(newline="") as table:
        assert next(csv.reader(table)) == ["file", "label", "source", "speaker", "split", "text"]


@pytest.mark.usefixtures("fake_voices", "few")
def test_clips_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_dataset(tmp_path, KEYWORD, workers=1)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
    gone = first.keywords[0].path
    gone.unlink()
    spoken: list[str] = []

    def count(text: str, voice: Voice, **how: float) -> Samples:
        spoken.append(text)
        return fake_synthesise(text, voice, speed=how["speed"])

    monkeypatch.setattr(pipeline, "synthesise", count)
    assert make_dataset(tmp_path, KEYWORD, workers=1) == first
    assert len(spoken) == 1
    assert {p: p.stat().st_mtime_ns for p in times if p != gone} == {
        p: t for p, t in times.items() if p != gone
    }


@pytest.mark.usefixtures("fake_voices")
def test_a_keyword_without_letters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="English letters"):
        make_dataset(tmp_path, "!?", workers=1)


# ------------------------------------------------------------ the recording


@pytest.fixture
def data(tmp_path: Path, fake_voices: None, few: None) -> Dataset:
    return make_dataset(tmp_path / "data", KEYWORD, workers=1)


def test_the_held_out_recording_says_where_the_keyword_is(data: Dataset) -> None:
    recording = held_out_recording(data, words=6)
    assert len(recording.said) == 6
    held_out = {clip.speaker for clip in data.subset("dev").keywords}
    assert {said.speaker for said in recording.said} <= held_out
    assert sum(not said.speaker.startswith("espeak") for said in recording.said) == 4
    floor = np.percentile(np.abs(recording.samples), 10)
    for said in recording.said:
        times = said.segment.start_s, said.segment.end_s
        first, last = (round(time_s * SAMPLE_RATE) for time_s in times)
        assert np.abs(recording.samples[first:last]).mean() > 20 * floor
        before = recording.samples[first - SAMPLE_RATE // 4 : first - SAMPLE_RATE // 10]
        assert np.abs(before).mean() < 5 * floor
    np.testing.assert_array_equal(recording.samples, held_out_recording(data, words=6).samples)


class Script(Detector):
    """Detects what it is told to, when the stream has come so far."""

    def __init__(self, *times: float) -> None:
        self.times, self.heard = list(times), 0

    def feed(self, samples: Samples) -> list[Detection]:  # type: ignore[override]
        self.heard += len(samples)
        now = [t for t in self.times if t <= self.heard / SAMPLE_RATE]
        self.times = self.times[len(now) :]
        return [Detection(KEYWORD, 0.9, t) for t in now]

    def flush(self) -> list[Detection]:
        return [Detection(KEYWORD, 0.9, t) for t in self.times]


def test_moments_come_in_order_and_each_word_counts_once() -> None:
    said = (
        SpokenKeyword(KeywordSegment(KEYWORD, 1.0, 1.8), "a"),
        SpokenKeyword(KeywordSegment(KEYWORD, 4.0, 4.8), "b"),
        SpokenKeyword(KeywordSegment(KEYWORD, 8.0, 8.8), "c"),
    )
    recording = Recording(np.zeros(9 * SAMPLE_RATE, np.float32), said)
    moments = list(listen(Script(1.9, 2.4, 6.5, 9.05), recording))
    assert [(m.said and m.said.speaker, m.detection and m.detection.time) for m in moments] == [
        ("a", 1.9),
        (None, 2.4),
        ("b", None),
        (None, 6.5),
        ("c", 9.05),
    ]
    assert [moment.correct for moment in moments] == [True, False, False, False, True]


def test_a_detection_too_long_after_the_word_is_a_false_alarm() -> None:
    late = 1.8 + HIT_TOLERANCE_S + 0.05
    said = SpokenKeyword(KeywordSegment(KEYWORD, 1.0, 1.8), "a")
    recording = Recording(np.zeros(4 * SAMPLE_RATE, np.float32), (said,))
    moments = list(listen(Script(late), recording))
    assert [moment.correct for moment in moments] == [False, False]


# ------------------------------------------------------------ measuring


def test_near_misses_are_scored_apart_from_the_false_accepts(data: Dataset) -> None:
    word = data.subset("dev").keywords[0]
    near = [clip for clip in data.negatives if (clip.source or "").startswith("near-miss")]
    fooled = replace(
        data,
        negatives=tuple(
            replace(c, path=word.path) if c in near[-5:] else c for c in data.negatives
        ),
    )
    measured = measure(Ear(0.9), fooled)  # type: ignore[arg-type]
    assert (measured.near_misses.fired, measured.near_misses.clips) == (5, 20)
    assert all(row.shipped.false_accepts == 0 for row in measured.evaluation.rows)
    assert [row.condition for row in measured.evaluation.rows] == [
        "natural voices, clean",
        "natural voices, 10 dB",
        "eSpeak voices, clean",
        "eSpeak voices, 10 dB",
    ]
    seconds = sum(
        audio_info(clip.path).seconds + 0.3
        for clip in (*data.subset("dev").negatives, *data.subset("dev").noises)
        if clip not in near
    )
    assert measured.evaluation.negative_hours == pytest.approx((seconds + 1) / 3600, rel=0.05)


def test_a_keyword_without_near_misses_can_be_measured(data: Dataset) -> None:
    speech = tuple(c for c in data.negatives if (c.source or "").startswith("speech"))
    measured = measure(Ear(0.9), replace(data, negatives=speech))  # type: ignore[arg-type]
    near = measured.near_misses
    assert (near.clips, near.fired, measured.near_phrases) == (0, 0, 0)


# ------------------------------------------------------------ the report


def outcome(keyword: str = KEYWORD) -> Outcome:
    def row(condition: str, missed: int, clips: int) -> KeywordResult:
        return KeywordResult(
            keyword, condition, clips, (), (), DetPoint(0.731, missed, clips, 3, 0.25)
        )

    rows = (row("natural voices, clean", 2, 32), row("eSpeak voices, 10 dB", 9, 30))
    measured = Measured(Evaluation(rows, 0.25, ()), ConfusableResult("hey jarvis", 60, 10), 11)
    joe = SpokenKeyword(KeywordSegment(keyword, 1.75, 2.5), "joe")
    ann = SpokenKeyword(KeywordSegment(keyword, 8.25, 9.0), "<b>ann</b>")
    moments = (
        Moment(2.61, joe, Detection(keyword, 0.987, 2.61)),
        Moment(9.0, ann, None),
        Moment(12.34, None, Detection(keyword, 0.876, 12.34)),
    )
    return Outcome(keyword, Path("out") / "m.wakeword", measured, 40.0, 2, moments)


def report(made: Outcome, png: bytes, folder: Path) -> str:
    write_demo_report(made, png, folder / "report.html")
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_holds_the_numbers_the_warning_and_the_picture(tmp_path: Path) -> None:
    page = report(outcome(), b"picture bytes", tmp_path)
    assert WARNING in page
    assert base64.b64encode(b"picture bytes").decode() in page
    for number in (
        ">6.2 %<",  # 2 of 32
        ">1.7–20.1 %<",  # Wilson
        ">30.0 %<",  # 9 of 30
        "3 in 15 minutes",
        "between 2.5 and 35.1",  # Poisson
        "10 of 60 clips of 11 phrases",
        "17 % (9 to 28)",
        "0.731",
        "1 of 2 heard in 40 s",
        "1 false alarm.",
        ">1.75–2.50<",
        ">2.61<",
        ">missed<",
        ">12.34<",
        "0.987",
    ):
        assert number in page, number
    assert "wakeword train recordings/ -o my-hey-jarvis.wakeword" in page


def test_the_report_needs_nothing_beside_it_and_fits_a_phone(tmp_path: Path) -> None:
    page = report(outcome(), b"x", tmp_path)
    assert "http:" not in page and "https:" not in page
    assert 'name="viewport"' in page


def test_the_report_escapes_what_others_wrote(tmp_path: Path) -> None:
    page = report(outcome("<script>alert(1)</script> & co"), b"x", tmp_path)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in page
    assert "<b>ann" not in page and "&lt;b&gt;ann" in page


# ------------------------------------------------------------ the command


def trained(data: Dataset, keywords: list[str], config: TrainConfig, **how: object) -> TrainResult:
    model = tiny_family.model(keywords=tuple(keywords))
    about = {"trainable": 1, "parameters": 2, "reason": "none", "epochs": 0}
    model.origin = replace(model.origin, training=about)
    return TrainResult(model, "stripped", Strategy("head", "none", 0), ("a note",), (), 4)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tiny: EncoderSpec, fake_voices: None, few: None) -> None:
    """The command on made-up voices and training, without processes or downloads."""
    monkeypatch.setattr(command, "make_dataset", partial(make_dataset, workers=1))
    monkeypatch.setattr(command, "list_voices", lambda: VOICES)
    monkeypatch.setattr(command, "fetch_kokoro_voices", lambda: None)
    monkeypatch.setattr(command, "train", trained)
    monkeypatch.setattr(command, "load_model", lambda file: Ear(0.9))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command.demo, arguments)


@pytest.mark.usefixtures("quick")
def test_the_whole_story(tmp_path: Path) -> None:
    result = run("-k", KEYWORD, "-o", str(tmp_path / "demo"))
    assert result.exit_code == 0, result.output
    for heading in ("1/5", "2/5", "3/5", "4/5", "5/5"):
        assert heading in result.output
    assert WARNING in result.output
    assert "  wakeword train recordings/ -o my-hey-jarvis.wakeword\n" in result.output
    assert re.search(r"near-misses: 0 of \d+ clips", result.output)
    assert re.search(r"natural voices, clean +0 of +8 clips +0.0 %", result.output)
    assert "a note" in result.output
    assert "eSpeak voices, 10 dB" in result.output
    made = {path.name for path in (tmp_path / "demo").iterdir()}
    assert made >= {"data", "hey-jarvis.wakeword", "held-out.flac", "det.png", "report.html"}
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    told = re.search(r"heard (\d) of 6 in the recording", result.output)
    assert told and f"<p>{told[1]} of 6 heard in" in page
    assert told[1] == "6"
    assert len(re.findall(r"heard +[\d.]+ s \([\d.]+\)  said", result.output)) == int(told[1])


@pytest.mark.usefixtures("quick")
def test_a_model_that_hears_nothing_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "load_model", lambda file: Ear(1.0))
    result = run("-k", KEYWORD, "-o", str(tmp_path / "demo"))
    assert result.exit_code == 1, result.output
    assert "Nothing was detected" in result.output
    assert "100.0 %" in result.output
    assert (tmp_path / "demo" / "report.html").is_file()


@pytest.mark.usefixtures("quick")
def test_without_the_download_it_goes_on_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline() -> None:
        raise ConfigError("no network")

    class Stop(Exception):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Stop

    monkeypatch.setattr(command, "fetch_kokoro_voices", offline)
    monkeypatch.setattr(command, "make_dataset", stop)
    result = run("-k", KEYWORD, "-o", str(tmp_path / "demo"))
    assert isinstance(result.exception, Stop)
    assert "no network" in result.output
