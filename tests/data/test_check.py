"""Each fault that is planted in a clean data set is found, and nothing is found in a clean one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from click.testing import CliRunner

from wakeword.cli.check import check
from wakeword.data.check import duplicates, measure
from wakeword.data.check import CheckReport, Finding, check_dataset
from wakeword.data.clip import Clip
from wakeword.data.dataset import Dataset
from wakeword.data.readers import read_dataset
from wakeword.data.writer import write_manifest
from wakeword.errors import ManifestError

RATE = 16_000
Samples = npt.NDArray[np.float32]


def voice(seed: int, seconds: float = 0.8) -> Samples:
    """A sound with syllables and a changing colour, another one for every seed."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(RATE * seconds)) / RATE
    sound = np.zeros(time_s.size)
    for band in range(6):
        carrier = np.sin(2 * np.pi * rng.uniform(150, 500) * (band + 1) * time_s)
        swing = np.sin(2 * np.pi * rng.uniform(2, 6) * time_s + rng.uniform(0, 6)) + 1
        sound += carrier * swing * rng.uniform(0.2, 1.0)
    sound += 0.05 * rng.normal(size=time_s.size)
    return (0.4 * sound / np.abs(sound).max()).astype(np.float32)


def save(path: Path, samples: Samples, rate: int = RATE, **how: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **how)
    return path


class Builder:
    """A clean data set of two words and three splits that faults are planted in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seed = 0
        self.keywords: list[Clip] = []
        self.negatives: list[Clip] = []
        for split in ("train", "dev", "test"):
            for at in range(2):
                for word in ("computer", "jarvis"):
                    self.keyword(label=word, split=split, speaker=f"{split}-{at}")
                self.negative(split=split, speaker=f"{split}-{at}", text="and so on")
        self.noises = [Clip(save(root / "noise.wav", self.sound() / 100), split="train")]
        impulse = np.zeros(800, np.float32)
        impulse[:10] = 1.0
        self.rirs = [Clip(save(root / "room.wav", impulse), split="train")]

    def sound(self, seconds: float = 0.8) -> Samples:
        self.seed += 1
        return voice(self.seed, seconds)

    def keyword(self, samples: Samples | None = None, **what: str | None) -> Clip:
        known = {"label": "computer", "split": "train", "speaker": "train-0", **what}
        clip = Clip(self.file(samples), **known)
        self.keywords.append(clip)
        return clip

    def negative(self, samples: Samples | None = None, **what: str | None) -> Clip:
        clip = Clip(self.file(samples), **{"split": "train", "speaker": "train-0", **what})
        self.negatives.append(clip)
        return clip

    def file(self, samples: Samples | None = None) -> Path:
        sound = self.sound() if samples is None else samples
        return save(self.root / f"{self.seed}-{len(list(self.root.glob('*')))}.wav", sound)

    def dataset(self) -> Dataset:
        return Dataset(
            self.root,
            "made up",
            tuple(self.keywords),
            tuple(self.negatives),
            tuple(self.noises),
            tuple(self.rirs),
        )

    def report(self) -> CheckReport:
        return check_dataset(self.dataset())


@pytest.fixture
def data(tmp_path: Path) -> Builder:
    return Builder(tmp_path)


def only(report: CheckReport, severity: str, kind: str) -> Finding:
    """The one finding that there is, which must be of this kind."""
    assert [(finding.severity, finding.kind) for finding in report.findings] == [(severity, kind)]
    return report.findings[0]


def test_a_clean_data_set_is_clean(data: Builder) -> None:
    report = data.report()
    assert report.findings == ()
    assert report.duplicates == ()
    assert report.broken == ()
    assert report.errors == 0
    assert report.keywords == ("computer", "jarvis")


def test_the_table_counts(data: Builder) -> None:
    data.keyword(np.stack([voice(900), voice(901)], axis=1))
    rows = {(row.split, row.role, row.word): row for row in data.report().rows}
    row = rows["train", "keyword", "computer"]
    assert (row.clips, row.speakers, row.channels, row.rates) == (3, 2, (1, 2), (RATE,))
    assert row.seconds == pytest.approx(2.4)
    assert rows["test", "negative", ""].clips == 2
    assert [key[:2] for key in rows][:4] == [
        ("train", "keyword"),
        ("train", "keyword"),
        ("train", "negative"),
        ("train", "noise"),
    ]
    assert len(rows) == 11


# --- sound --------------------------------------------------------------------------------------


def test_broken_files_are_named_with_the_reason(data: Builder) -> None:
    garbage = data.keyword()
    garbage.path.write_bytes(b"RIFF this is no sound")
    nan = data.keyword()
    save(nan.path, np.full(8000, np.nan, np.float32), subtype="FLOAT")
    gone = data.negative()
    gone.path.unlink()

    report = data.report()

    finding = only(report, "error", "broken")
    assert "3 clip(s) cannot be read" in finding.message
    assert "50% of one part of the data ('computer' in train" in finding.message
    reasons = dict(report.broken)
    assert list(reasons) == list(finding.files) == [c.path.name for c in (garbage, nan, gone)]
    assert "cannot be read as audio" in reasons[garbage.path.name]
    assert "not numbers" in reasons[nan.path.name]
    assert "no such file" in reasons[gone.path.name]


def test_few_broken_files_are_a_warning(data: Builder) -> None:
    for _ in range(25):
        data.negative()
    data.negatives[0].path.write_bytes(b"")
    assert only(data.report(), "warning", "broken").files == (data.negatives[0].path.name,)


def test_silence_is_found(data: Builder) -> None:
    zero = data.keyword(np.zeros(8000, np.float32))
    low = data.keyword(voice(900) / 1000)
    finding = only(data.report(), "error", "silent")
    assert finding.files == (zero.path.name, low.path.name)


def test_a_quiet_room_is_no_silence(data: Builder) -> None:
    data.noises.append(replace(data.negative(voice(900) / 1000), label=None))
    data.negatives.pop()
    assert data.report().findings == ()


def test_clipping_is_found_and_a_peak_at_full_scale_is_none(data: Builder) -> None:
    loud = data.sound()
    overdriven = data.keyword(np.clip(20 * loud, -1.0, 1.0))
    data.keyword(data.sound() / 0.4)
    finding = only(data.report(), "warning", "clipped")
    assert finding.files == (overdriven.path.name,)


def test_rates_that_tell_keywords_from_negatives(data: Builder) -> None:
    data.negatives = [
        replace(clip, path=save(clip.path, data.sound(), 48_000)) for clip in data.negatives
    ]
    finding = only(data.report(), "warning", "recorded-differently")
    assert "Most keywords are wav at 16000 Hz, most negatives wav at 48000 Hz" in finding.message


@pytest.mark.parametrize(("seconds", "kind"), [(0.2, "too-short"), (5.2, "too-long")])
def test_keywords_of_odd_length(data: Builder, seconds: float, kind: str) -> None:
    odd = data.keyword(data.sound(seconds))
    assert only(data.report(), "warning", kind).files == (odd.path.name,)


def test_stated_bounds_count_for_the_length(data: Builder) -> None:
    data.keyword(data.sound(6.0))
    data.keywords[-1] = replace(data.keywords[-1], start_s=4.0, end_s=5.0)
    assert data.report().findings == ()
    data.keywords[-1] = replace(data.keywords[-1], start_s=5.5, end_s=6.5)
    only(data.report(), "warning", "beyond-the-end")


# --- duplicates ---------------------------------------------------------------------------------


def shifted(samples: Samples, gain: float = 0.6, noise_db: float = 30.0) -> Samples:
    """The same recording 10 ms later, softer, with noise: what a second export makes of it."""
    noise = np.random.default_rng(5).normal(size=samples.size)
    noise *= np.sqrt(np.mean(samples**2)) * 10 ** (-noise_db / 20)
    return (gain * (np.roll(samples, 160) + noise)).astype(np.float32)


def test_exact_duplicates(data: Builder) -> None:
    sound = data.sound()
    first, second = data.negative(sound), data.negative(sound)
    finding = only(data.report(), "warning", "exact-duplicates")
    assert finding.files == (first.path.name, second.path.name)
    assert data.report().duplicates[0].kind == "exact"


def test_near_duplicates(data: Builder) -> None:
    sound = data.sound()
    clips = [data.keyword(sound), data.keyword(shifted(sound)), data.keyword(sound)]
    report = data.report()
    assert only(report, "warning", "near-duplicates").files == tuple(c.path.name for c in clips)
    assert [(group.kind, group.splits) for group in report.duplicates] == [("near", ("train",))]


def test_a_near_duplicate_that_was_coded_again(data: Builder) -> None:
    sound = data.sound()
    first = data.keyword(sound)
    coded = save(data.root / "coded.ogg", shifted(sound), format="OGG", subtype="VORBIS")
    data.keywords.append(replace(first, path=coded))
    assert only(data.report(), "warning", "near-duplicates").files == (first.path.name, "coded.ogg")


@pytest.mark.parametrize("change", [lambda sound: sound, shifted], ids=["exact", "near"])
def test_duplicates_across_splits(data: Builder, change) -> None:
    sound = data.sound()
    first = data.keyword(sound)
    second = data.keyword(change(sound), split="dev", speaker="dev-0")
    report = data.report()
    finding = only(report, "error", "duplicates-across-splits")
    assert set(finding.files) == {first.path.name, second.path.name}
    assert report.duplicates[0].splits == ("dev", "train")


def test_one_recording_under_two_labels(data: Builder) -> None:
    sound = data.sound()
    data.keyword(sound)
    data.negative(sound)
    report = data.report()
    only(report, "error", "label-conflict")
    assert report.duplicates[0].words == ("", "computer")


def test_silent_clips_are_no_duplicates(data: Builder) -> None:
    for _ in range(2):
        data.keyword(np.zeros(8000, np.float32))
    assert data.report().duplicates == ()


def test_noise_in_two_splits_is_no_error(data: Builder) -> None:
    data.noises.append(replace(data.noises[0], split="dev"))
    only(data.report(), "warning", "exact-duplicates")


def test_correlation_tells_the_same_from_another() -> None:
    sound = voice(1)
    assert duplicates.correlation(sound, shifted(sound)) > 0.99
    assert duplicates.correlation(sound, -sound[1000:]) > duplicates.SAME
    assert duplicates.correlation(sound, voice(2)) < 0.5
    assert duplicates.correlation(sound, np.zeros_like(sound)) == 0.0


def test_a_fingerprint_stands_a_shift_but_not_another_sound() -> None:
    marks = np.stack([duplicates.fingerprint(s) for s in (voice(1), shifted(voice(1)), voice(2))])
    assert np.linalg.norm(marks, axis=1) == pytest.approx(1.0)
    assert list(duplicates.similar_pairs(marks)) == [(0, 1)]


def test_pairs_are_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_BLOCK", 2)
    marks = np.eye(5, dtype=np.float32)[[0, 1, 2, 1, 0]]
    assert sorted(duplicates.similar_pairs(marks)) == [(0, 4), (1, 3)]


# --- splits, words, speakers --------------------------------------------------------------------


def test_speaker_in_two_splits(data: Builder) -> None:
    data.keyword(split="dev", speaker="train-1")
    finding = only(data.report(), "error", "speaker-overlap")
    assert "1 speaker(s) stand in more than one split" in finding.message
    assert "train-1" in finding.message


@pytest.mark.parametrize(
    ("speaker", "sources", "severity"),
    [
        ("27", ("radio", "books"), "warning"),
        ("27", ("radio", "radio"), "error"),
        ("27", ("radio", None), "error"),
        ("0c40e715", ("radio", "books"), "error"),
    ],
)
def test_a_number_that_two_sources_use_is_only_suspicious(
    data: Builder, speaker: str, sources: tuple[str | None, str | None], severity: str
) -> None:
    for split, source in zip(("train", "dev"), sources, strict=True):
        data.negative(split=split, speaker=speaker, source=source)
    kind = "speaker-overlap" if severity == "error" else "speaker-numbers"
    assert len(only(data.report(), severity, kind).files) == 2


def test_missing_speakers(data: Builder) -> None:
    data.keyword(speaker=None)
    data.negative(speaker=None)
    finding = only(data.report(), "warning", "speakers-missing")
    assert "1 keyword and 1 negative clip(s)" in finding.message


def test_keyword_in_the_text_of_a_negative(data: Builder) -> None:
    wrong = data.negative(text="Is Onword a Computer term?")
    finding = only(data.report(), "error", "keyword-in-negatives")
    assert finding.files == (wrong.path.name,)
    assert "(computer)" in finding.message


def test_no_negatives(data: Builder) -> None:
    data.negatives.clear()
    only(data.report(), "error", "no-negatives")


def test_no_keywords(data: Builder) -> None:
    data.keywords.clear()
    only(data.report(), "error", "no-keywords")


def test_a_word_without_clips_in_a_split(data: Builder) -> None:
    data.keywords = [c for c in data.keywords if (c.label, c.split) != ("jarvis", "dev")]
    data.negatives = [c for c in data.negatives if c.split != "dev"]
    finding = only(data.report(), "error", "empty-split")
    assert finding.message == "No clips in dev of: 'jarvis', negatives."


def test_without_stated_splits_none_is_missed(data: Builder) -> None:
    unstated = data.dataset().map(lambda clips: tuple(replace(c, split=None) for c in clips))
    report = check_dataset(unstated)
    assert report.findings == ()
    assert {row.split for row in report.rows} == {"-"}


def test_spellings_of_one_word(data: Builder) -> None:
    data.keywords = [
        replace(clip, label="Computer") if clip.label == "jarvis" else clip
        for clip in data.keywords
    ]
    finding = check_dataset(data.dataset(), ["computer"]).findings[0]
    assert (finding.severity, finding.kind) == ("warning", "spellings")
    assert "Computer = computer" in finding.message


def test_chosen_keywords_turn_the_other_words_into_negatives(data: Builder) -> None:
    report = check_dataset(data.dataset(), ["jarvis"])
    assert report.keywords == ("jarvis",)
    rows = {(row.split, row.role, row.word): row.clips for row in report.rows}
    assert rows["train", "negative", "other words"] == 2
    assert ("train", "keyword", "computer") not in rows
    assert report.findings == ()
    with pytest.raises(ManifestError, match="Did you mean 'jarvis'"):
        check_dataset(data.dataset(), ["jarviss"])


# --- how it runs --------------------------------------------------------------------------------


def test_processes_find_what_one_finds(data: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = data.sound()
    data.keyword(sound)
    data.keyword(shifted(sound), split="dev", speaker="dev-0")
    data.negatives[0].path.write_bytes(b"")
    alone = check_dataset(data.dataset(), workers=1)
    monkeypatch.setattr(measure, "_FEW", 0)
    monkeypatch.setattr(measure, "_CHUNK", 4)
    assert check_dataset(data.dataset(), workers=2) == alone
    assert alone.errors > 0


def test_progress_counts_to_the_end(data: Builder) -> None:
    sound = data.sound()
    data.keyword(sound)
    data.keyword(shifted(sound))
    told: list[tuple[str, int, int]] = []
    check_dataset(data.dataset(), progress=lambda *step: told.append(step))
    assert told[-2:] == [("reading", 22, 22), ("comparing", 1, 1)]


def test_long_files_are_read_in_blocks(data: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = data.negative(data.sound(25.0))
    whole = measure.measure(clip)
    monkeypatch.setattr(measure, "_LONG_S", 20.0)
    monkeypatch.setattr(Clip, "load", lambda self: pytest.fail("read whole"))
    assert measure.measure(clip) == whole
    assert whole.seconds == 25.0


def test_a_part_of_a_file_is_what_is_measured(data: Builder) -> None:
    clip = replace(data.negative(data.sound(2.0)), offset_s=0.5, duration_s=1.0)
    assert measure.measure(clip).seconds == 1.0
    assert measure.measure(clip).file_seconds == 2.0


def test_the_report_is_json(data: Builder) -> None:
    data.keyword(speaker=None)
    report = data.report()
    read = json.loads(json.dumps(report.as_dict()))
    assert read["findings"][0]["kind"] == "speakers-missing"
    assert len(read["rows"]) == len(report.rows)


# --- the command --------------------------------------------------------------------------------


def test_the_command_is_content_with_clean_data(data: Builder) -> None:
    write_manifest(data.dataset(), data.root / "m.jsonl")
    result = CliRunner().invoke(check, [str(data.root / "m.jsonl")])
    assert result.exit_code == 0, result.output
    assert "jarvis" in result.output
    assert "0 error(s), 0 warning(s)." in result.output


def test_the_command_names_the_error_and_exits_with_2(data: Builder) -> None:
    data.negative(text="my [bold]computer[/bold]")
    write_manifest(data.dataset(), data.root / "m.jsonl")
    result = CliRunner().invoke(check, [str(data.root), "--keyword", "computer"])
    assert result.exit_code == 2
    assert "contain a keyword (computer)" in result.output
    assert data.negatives[-1].path.name in result.output
    assert "1 error(s), 0 warning(s)." in result.output
    as_json = CliRunner().invoke(check, [str(data.root), "--json"])
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["findings"][0]["kind"] == "keyword-in-negatives"


def test_the_command_assigns_splits(tmp_path: Path) -> None:
    for at in range(5):
        save(tmp_path / f"go/{at}.wav", voice(at))
        save(tmp_path / f"negative/{at}.wav", voice(10 + at))
    result = CliRunner().invoke(check, [str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "SPEAKERS UNKNOWN for 10 of 10" in " ".join(result.output.split())
    assert "dev" in result.output


def test_the_command_lets_teaching_errors_through(tmp_path: Path) -> None:
    result = CliRunner().invoke(check, [str(tmp_path / "nowhere")])
    assert isinstance(result.exception, ManifestError)


def test_help_shows_examples() -> None:
    result = CliRunner().invoke(check, ["--help"])
    assert "check recordings/ --keyword computer --keyword jarvis" in result.output


# --- real recordings ----------------------------------------------------------------------------

CORPUS = os.environ.get("WAKEWORD_CORPUS")


@pytest.mark.skipif(CORPUS is None, reason="WAKEWORD_CORPUS does not point at the speech corpus")
def test_the_corpus_holds_the_faults_that_are_known() -> None:
    assert CORPUS is not None
    data = read_dataset(CORPUS)
    beside = tuple(clip for clip in data.negatives if clip.source == "wuw")  # the others take long
    report = check_dataset(replace(data, negatives=beside))

    assert report.broken == ()
    errors = [finding for finding in report.findings if finding.severity == "error"]
    assert [finding.kind for finding in errors] == ["keyword-in-negatives"]
    assert [Path(file).name for file in errors[0].files] == ["WUWII00307_008.opus"]
    near = next(finding for finding in report.findings if finding.kind == "near-duplicates")
    keywords = sum(row.clips for row in report.rows if row.role == "keyword")
    assert len(near.files) / keywords == pytest.approx(1 / 6, abs=0.03)
